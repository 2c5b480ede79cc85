// What a feature file says of itself, from its header alone: nothing else of it is read.
public import LanguageSystem
internal import Foundation

/// The metadata and the counts of a feature file.
public struct FeatureFileSummary: Sendable, Hashable {
    public let metadata: FeatureMetadata
    public let queryCount: Int
    /// The number of responses of all queries together.
    public let responseCount: Int

    /// The longest header that is read, 1 MiB; a feature file's header is much smaller.
    private static let headerByteCountMax = 1 << 20

    /// Reads only the header of a file; `FeatureSet` checks the values.
    ///
    /// - Throws: `invalidFeatures`.
    public init(contentsOf path: String) throws(LanguageSystemError) {
        let (header, byteCount) = try Self.header(path)
        let parsed = header.withUnsafeBytes { bytes in
            Result { () throws(LanguageSystemError) in
                try SafetensorsFile(
                    parsing: bytes, of: byteCount, name: path, code: .invalidFeatures)
            }
        }
        let file = try parsed.get()
        let reader = FeatureFileReader(file: file, name: path)
        metadata = try reader.metadata()
        queryCount = try reader.rowCount("instruction")
        responseCount = try reader.rowCount("responses")
    }

    private static func header(_ path: String) throws(LanguageSystemError) -> ([UInt8], Int) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadableFile(path, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadableFile(path, errno) }
        var header = [UInt8](repeating: 0, count: min(headerByteCountMax, Int(status.st_size)))
        let count = header.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        guard count >= 0 else { throw .unreadableFile(path, errno) }
        header.removeLast(header.count - count)
        return (header, Int(status.st_size))
    }
}
