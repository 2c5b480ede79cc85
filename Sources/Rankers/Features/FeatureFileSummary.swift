// What a feature file says of itself, from its header alone: nothing else of it is read.
public import LanguageSystem
internal import Foundation

/// The metadata and the counts of a feature file.
public struct FeatureFileSummary: Sendable, Hashable {
    public let metadata: FeatureMetadata
    public let queryCount: Int
    /// The number of responses of all queries together.
    public let responseCount: Int
    /// The bytes of features that do not begin at a multiple of their width. Whoever reads them
    /// copies them into memory; all others stay in the file.
    public let copiedByteCount: Int

    /// The longest header that is read, 1 MiB; a feature file's header is much smaller.
    private static let headerByteCountMax = 1 << 20

    /// Reads only the header of a file; `FeatureSet` checks the values.
    ///
    /// - Parameter name: The name in errors; nil for the path.
    /// - Throws: `invalidFeatures`.
    public init(contentsOf path: String, name: String? = nil) throws(LanguageSystemError) {
        let name = name ?? path
        let (header, byteCount) = try Self.header(path, name)
        let parsed = header.withUnsafeBytes { bytes in
            Result { () throws(LanguageSystemError) in
                try SafetensorsFile(
                    parsing: bytes, of: byteCount, name: name, code: .invalidFeatures)
            }
        }
        let file = try parsed.get()
        let reader = FeatureFileReader(file: file, name: name)
        metadata = try reader.metadata()
        queryCount = try reader.rowCount("instruction")
        responseCount = try reader.rowCount("responses")
        copiedByteCount = ["instruction", "responses"].compactMap { file.tensors[$0] }
            .filter { $0.byteRange.lowerBound % $0.dtype.byteCount != 0 }
            .reduce(0) { $0 + $1.byteRange.count }
    }

    private static func header(
        _ path: String, _ name: String
    ) throws(LanguageSystemError) -> ([UInt8], Int) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadableFile(name, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadableFile(name, errno) }
        var header = [UInt8](repeating: 0, count: min(headerByteCountMax, Int(status.st_size)))
        let count = header.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        guard count >= 0 else { throw .unreadableFile(name, errno) }
        header.removeLast(header.count - count)
        let length =
            count < 8
            ? 0 : header.withUnsafeBytes { UInt64(littleEndian: $0.load(as: UInt64.self)) }
        // Of a file that is shorter than that, the parser says so.
        guard length <= headerByteCountMax - 8 || status.st_size <= headerByteCountMax else {
            throw LanguageSystemError(
                .invalidFeatures,
                """
                cannot read \(name): found a header of \(length) bytes, expected at most \
                \(headerByteCountMax - 8)
                """)
        }
        return (header, Int(status.st_size))
    }
}
