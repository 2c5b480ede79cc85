// Weights on their way from a worker, as a value: pieces go in, and whole weights come out.
import struct Crypto.SHA256
public import LanguageSystem

/// Weights as they arrive: in order, no more than announced, and with the digest announced.
public struct WeightsUpload: Sendable {
    public let header: TrainingResultHeader
    public let byteCount: Int
    private var bytes: [UInt8] = []

    /// How much is held in memory for one upload (WorkerBudget bounds them together); larger
    /// rankers are not for sending around.
    public static let byteCountMax = 128 << 20

    /// - Throws: `tooLarge`.
    public init(_ header: TrainingResultHeader) throws(LanguageSystemError) {
        guard header.byteCount <= Self.byteCountMax else {
            throw .weightsTooLarge(header.byteCount)
        }
        self.header = header
        byteCount = Int(header.byteCount)
        bytes.reserveCapacity(min(byteCount, 4 << 20))
    }

    /// - Throws: `invalidWeights` for a piece that is not the next, or goes beyond the end.
    public mutating func append(_ chunk: BlobChunk) throws(LanguageSystemError) {
        guard chunk.offset == bytes.count, bytes.count + chunk.bytes.count <= byteCount else {
            throw .uploadOutOfOrder(
                offset: chunk.offset, count: chunk.bytes.count, expected: bytes.count, of: byteCount
            )
        }
        bytes += chunk.bytes
    }

    /// The weights, when all of them are here.
    ///
    /// - Throws: `unavailable` when the stream ended early: its worker died, or sends it again;
    ///   `invalidWeights` for bytes of another digest.
    public func verified() throws(LanguageSystemError) -> [UInt8] {
        guard bytes.count == byteCount else { throw .uploadCut() }
        guard Digest(bytes: SHA256.hash(data: bytes)) == header.digest else {
            throw .uploadDamaged()
        }
        return bytes
    }
}

extension LanguageSystemError {
    static func weightsTooLarge(_ byteCount: Int64) -> Self {
        Self(
            .tooLarge,
            """
            cannot take these weights: found \(byteCount) bytes, expected at most \
            \(WeightsUpload.byteCountMax)
            """
        )
    }

    static func uploadOutOfOrder(offset: Int64, count: Int, expected: Int, of byteCount: Int)
        -> Self
    {
        Self(
            .invalidWeights,
            """
            cannot take these weights: found \(count) bytes at offset \(offset), expected offset \
            \(expected) and \(byteCount) in all
            """
        )
    }

    static func uploadDamaged() -> Self {
        Self(
            .invalidWeights,
            "cannot take these weights: their SHA-256 is another than announced")
    }

    public static func uploadCut() -> Self {
        Self(
            .unavailable, "cannot take these weights: the upload ended before they were whole",
            hint: "the worker sends them again")
    }
}
