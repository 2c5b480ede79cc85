// The digest of bytes made in a test.
import struct Crypto.SHA256
import LanguageSystem

extension Digest {
    static func sha256(_ bytes: [UInt8]) -> Digest { Digest(bytes: SHA256.hash(data: bytes))! }
}
