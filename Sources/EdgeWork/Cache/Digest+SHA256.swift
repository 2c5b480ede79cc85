// Adds the hashing that `Digest` leaves to whoever holds the bytes.
import Crypto
import LanguageSystem

extension LanguageSystem.Digest {
    init(of hash: SHA256.Digest) {
        // A SHA-256 has as many bytes as a digest.
        self.init(bytes: hash)!
    }
}
