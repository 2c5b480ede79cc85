// Whole files in and out, each failure a sentence. For the small inputs of a benchmark; feature
// files are mapped by `FeatureSet` and written in pieces by `FeatureFileStream`.
internal import Foundation
package import LanguageSystem
internal import Rankers

/// A safetensors file in memory, with typed access to its tensors.
struct BenchFile {
    let path: String
    let bytes: [UInt8]
    let header: SafetensorsFile

    init(_ path: String, code: ErrorCode) throws(LanguageSystemError) {
        self.path = path
        bytes = try Self.read(path, code: code)
        let parsed = bytes.withUnsafeBytes { buffer in
            Result<SafetensorsFile, LanguageSystemError> { () throws(LanguageSystemError) in
                try SafetensorsFile(parsing: buffer, name: path, code: code)
            }
        }
        header = try parsed.get()
    }

    static func read(_ path: String, code: ErrorCode) throws(LanguageSystemError) -> [UInt8] {
        do {
            return [UInt8](try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw LanguageSystemError(
                code, "cannot read \(path): found no readable file", cause: "\(error)")
        }
    }

    /// A tensor of 32-bit integers, of the given number of dimensions.
    func integers(
        _ name: String, dimensions: Int
    ) throws(LanguageSystemError) -> (shape: [Int], values: [Int32]) {
        guard let tensor = header.tensors[name] else {
            throw .unreadable(path, "found no tensor '\(name)'")
        }
        guard tensor.dtype == .i32, tensor.shape.count == dimensions else {
            throw .unreadable(
                path,
                "found '\(name)' of \(tensor.dtype.rawValue) \(tensor.shape), expected I32 of "
                    + "\(dimensions) dimension\(dimensions == 1 ? "" : "s")")
        }
        let values = bytes.withUnsafeBytes { buffer in
            (0..<tensor.byteRange.count / 4).map {
                buffer.loadUnaligned(
                    fromByteOffset: tensor.byteRange.lowerBound + 4 * $0, as: Int32.self)
            }
        }
        return (tensor.shape, values)
    }
}

/// Writes a file whole, or not at all.
package func write(_ bytes: some Sequence<UInt8>, to path: String) throws(LanguageSystemError) {
    do {
        try Data(bytes).write(to: URL(filePath: path), options: .atomic)
    } catch {
        throw .unwritable(path, cause: "\(error)")
    }
}

extension LanguageSystemError {
    static func unreadable(_ path: String, _ why: String) -> Self {
        Self(.invalidFeatures, "cannot read \(path): \(why)")
    }

    static func unwritable(_ path: String, cause: String) -> Self {
        Self(
            .invalidArgument, "cannot write \(path): its directory is not there or not ours",
            cause: cause)
    }
}
