// Digests as the 32 bytes they are.
public import Foundation
public import LanguageSystem

extension Digest {
    public init(wire bytes: Data) throws(LanguageSystemError) {
        guard let digest = Digest(bytes: bytes) else {
            throw .malformedOnTheWire(
                "digest", "found \(bytes.count) bytes, expected \(Digest.byteCount)")
        }
        self = digest
    }

    public var wire: Data { Data(bytes) }
}
