// Adds the hashing that `Digest` leaves to whoever holds the bytes.
internal import Crypto
internal import LanguageSystem

extension LanguageSystem.Digest {
    init(sha256Of bytes: UnsafeRawBufferPointer) {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        // A SHA-256 has as many bytes as a digest.
        self.init(bytes: hash.finalize())!
    }
}
