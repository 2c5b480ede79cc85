// Blobs in pieces: what is asked for, what comes, and what is handed in.
import Foundation
public import LanguageSystem

/// One piece of a blob, in its place.
public struct BlobPiece: Sendable, Hashable {
    public let offset: Int64
    public let bytes: [UInt8]
    /// Of the whole blob.
    public let byteCount: Int64

    public init(offset: Int64, bytes: [UInt8], byteCount: Int64) {
        self.offset = offset
        self.bytes = bytes
        self.byteCount = byteCount
    }

    public init(_ message: Languagesystem_V1_BlobChunk) throws(CoordinatorError) {
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

/// What comes before the weights.
public struct TrainingResultHeader: Sendable, Hashable {
    public let token: WireLeaseToken
    public let digest: Digest
    public let byteCount: Int64
    /// TrainingReport as JSON.
    public let report: String
    /// Of an edge-only ranker: no weights follow.
    public let weightsStay: Bool

    public init(
        token: WireLeaseToken, digest: Digest, byteCount: Int64, report: String,
        weightsStay: Bool = false
    ) {
        self.token = token
        self.digest = digest
        self.byteCount = byteCount
        self.report = report
        self.weightsStay = weightsStay
    }

    public init(_ message: Languagesystem_V1_TrainingHeader) throws(CoordinatorError) {
        guard (1...UInt64(WireLimits.weightsByteCountMax)).contains(message.byteCount) else {
            throw .tooLargeOnTheWire(
                "version's weights", found: Int(clamping: message.byteCount),
                max: WireLimits.weightsByteCountMax)
        }
        self.init(
            token: try WireLeaseToken(wire: message.leaseToken),
            digest: try Digest(wire: message.digest), byteCount: Int64(message.byteCount),
            report: try WireLimits.json(message.report, what: "training report"),
            weightsStay: message.weightsStay)
    }
}

extension Languagesystem_V1_BlobChunk {
    public init(_ piece: BlobPiece) {
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

extension Languagesystem_V1_TrainingUpload {
    public init(_ header: TrainingResultHeader) {
        self.init()
        self.header.leaseToken = header.token.description
        self.header.digest = header.digest.wire
        self.header.byteCount = UInt64(header.byteCount)
        self.header.report = header.report
        self.header.weightsStay = header.weightsStay
    }

    public init(_ piece: BlobPiece) {
        self.init()
        chunk = Languagesystem_V1_BlobChunk(piece)
    }
}
