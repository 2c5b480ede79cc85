// BlobReference and BlobChunk to and from their messages.
import Foundation
public import LanguageSystem

extension BlobReference {
    init(_ message: Languagesystem_V1_BlobReference, byteCountMax: Int) throws(LanguageSystemError)
    {
        guard (1...UInt64(byteCountMax)).contains(message.byteCount) else {
            throw .malformedOnTheWire(
                "task", "found a blob of \(message.byteCount) bytes, expected 1 to \(byteCountMax)")
        }
        self.init(
            digest: try Digest(wire: message.digest), byteCount: Int64(message.byteCount),
            name: WireLimits.line(message.name),
            domain: message.domain.isEmpty ? nil : try DomainName(message.domain))
    }
}

extension [BlobReference] {
    init(features: [Languagesystem_V1_BlobReference]) throws(LanguageSystemError) {
        guard (1...WireLimits.featureSetCountMax).contains(features.count) else {
            throw .malformedOnTheWire(
                "task",
                """
                found \(features.count) feature sets, expected 1 to \(WireLimits.featureSetCountMax)
                """
            )
        }
        self = []
        for feature in features {
            append(try BlobReference(feature, byteCountMax: WireLimits.featuresByteCountMax))
        }
    }
}

extension Languagesystem_V1_BlobReference {
    public init(_ blob: BlobReference) {
        self.init()
        digest = blob.digest.wire
        byteCount = UInt64(blob.byteCount)
        name = blob.name
        domain = blob.domain?.description ?? ""
    }
}

extension BlobChunk {
    public init(_ message: Languagesystem_V1_BlobChunk) throws(LanguageSystemError) {
        try WireLimits.check(
            "piece of a blob", count: message.bytes.count, max: WireLimits.chunkByteCount)
        guard let byteCount = Int64(exactly: message.byteCount),
            let offset = Int64(exactly: message.offset), offset <= byteCount,
            Int64(message.bytes.count) <= byteCount - offset
        else {
            throw .malformedOnTheWire(
                "piece of a blob",
                "found \(message.bytes.count) bytes at \(message.offset) of \(message.byteCount)")
        }
        self.init(offset: offset, bytes: Array(message.bytes), byteCount: byteCount)
    }
}

extension Languagesystem_V1_BlobChunk {
    public init(_ piece: BlobChunk) {
        self.init()
        offset = UInt64(piece.offset)
        bytes = Data(piece.bytes)
        byteCount = UInt64(piece.byteCount)
    }
}

extension Languagesystem_V1_FetchBlobRequest {
    public init(digest: Digest, offset: Int64) {
        self.init()
        self.digest = digest.wire
        self.offset = UInt64(offset)
    }
}
