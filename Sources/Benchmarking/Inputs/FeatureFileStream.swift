// Writes a safetensors file piece by piece, each where it belongs, so that a file of any size
// needs little memory. The file takes its name only when it is whole.
internal import Foundation
package import LanguageSystem
internal import Rankers

/// A safetensors file that is being written; all types, shapes and metadata are known from the
/// start.
package final class FeatureFileStream {
    package struct Tensor {
        let name: String
        let dtype: SafetensorsFile.DType
        let shape: [Int]
        var byteCount: Int { shape.reduce(dtype.byteCount, *) }
    }

    private let path: String
    private let file: FileHandle
    private var starts: [String: Int] = [:]
    private var expected: [String: Int] = [:]

    /// - Throws: `invalidArgument` when the file cannot be made.
    package init(
        path: String, metadata: [String: String], tensors: [Tensor]
    ) throws(LanguageSystemError) {
        self.path = path
        // Widest type first, then by name, as `SafetensorsWriter` does.
        let ordered = tensors.sorted {
            ($1.dtype.byteCount, $0.name) < ($0.dtype.byteCount, $1.name)
        }
        let header = Self.header(metadata, ordered)
        var position = header.count
        for tensor in ordered {
            starts[tensor.name] = position
            expected[tensor.name] = tensor.byteCount
            position += tensor.byteCount
        }
        let part = path + ".part"
        guard FileManager.default.createFile(atPath: part, contents: nil),
            let file = FileHandle(forWritingAtPath: part)
        else { throw .unwritable(path, cause: "no file could be made at \(part)") }
        self.file = file
        try write(header, at: 0)
    }

    /// Writes `values` as the tensor's numbers from `index` on.
    package func write<T: BitwiseCopyable>(
        _ values: [T], to name: String, at index: Int
    ) throws(LanguageSystemError) {
        let bytes = values.withUnsafeBytes { Data($0) }
        let offset = index * MemoryLayout<T>.stride
        guard let start = starts[name], let size = expected[name], offset + bytes.count <= size
        else { preconditionFailure("a piece lies within its tensor") }
        try write(bytes, at: start + offset)
    }

    /// Gives the file its final name. Numbers that were not written are 0.
    package func finish() throws(LanguageSystemError) {
        do {
            let end = starts.map { $0.value + expected[$0.key, default: 0] }.max() ?? 0
            if try file.seekToEnd() < UInt64(end) { try file.truncate(atOffset: UInt64(end)) }
            try file.close()
        } catch {
            throw .unwritable(path, cause: "\(error)")
        }
        guard rename(path + ".part", path) == 0 else {
            throw .unwritable(path, cause: String(cString: strerror(errno)))
        }
    }

    private func write(_ bytes: Data, at offset: Int) throws(LanguageSystemError) {
        do {
            try file.seek(toOffset: UInt64(offset))
            try file.write(contentsOf: bytes)
        } catch {
            throw LanguageSystemError(
                .invalidArgument, "cannot write \(path): the disk is full or failed",
                cause: "\(error)")
        }
    }

    private static func header(_ metadata: [String: String], _ tensors: [Tensor]) -> Data {
        let words = metadata.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\"\($0.value)\"" }
        precondition(
            words.allSatisfy { !$0.contains("\\") && $0.filter { $0 == "\"" }.count == 4 },
            "metadata needs no escapes")
        var members = ["\"__metadata__\":{\(words.joined(separator: ","))}"]
        var offset = 0
        for tensor in tensors {
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\"\(tensor.name)\":{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(offset + tensor.byteCount)]}")
            offset += tensor.byteCount
        }
        var text = "{\(members.joined(separator: ","))}"
        text += String(repeating: " ", count: (8 - text.utf8.count % 8) % 8)
        return withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { Data($0) }
            + Data(text.utf8)
    }
}
