// Reads and writes the container in which features and weights travel: 8 bytes of header length,
// a JSON header, then the tensors' bytes. Strict on the way in (lengths, overlap, holes, bounds,
// dtype, duplicate keys), deterministic on the way out. Where a tensor begins is the writer's
// affair: not every one pads its header, so whoever needs numbers aligned copies them.
public import LanguageSystem

/// The header of a safetensors file; the caller keeps the bytes.
public struct SafetensorsFile: Sendable {
    /// The types of safetensors that this reader knows.
    public enum DType: String, Sendable, CaseIterable {
        case f16 = "F16"
        case bf16 = "BF16"
        case f32 = "F32"
        case f64 = "F64"
        case i8 = "I8"
        case i16 = "I16"
        case i32 = "I32"
        case i64 = "I64"
        case u8 = "U8"
        case u16 = "U16"
        case u32 = "U32"
        case u64 = "U64"
        case bool = "BOOL"

        public var byteCount: Int {
            switch self {
            case .i8, .u8, .bool: 1
            case .f16, .bf16, .i16, .u16: 2
            case .f32, .i32, .u32: 4
            case .f64, .i64, .u64: 8
            }
        }
    }

    /// A tensor's type, shape and position.
    public struct Tensor: Sendable, Hashable {
        public let dtype: DType
        public let shape: [Int]
        /// The bytes of the tensor, from the start of the file; they may be unaligned.
        public let byteRange: Range<Int>
    }

    /// The longest header that is read, as in the Python library.
    public static let headerByteCountMax = 100_000_000

    public let metadata: [String: String]
    public let tensors: [String: Tensor]

    /// - Parameters:
    ///   - bytes: The file, or the part of it that contains the header.
    ///   - byteCount: The size of the whole file; nil when `bytes` is all of it.
    ///   - name: The file's name in errors.
    ///   - code: `.invalidFeatures` or `.invalidWeights`.
    public init(
        parsing bytes: UnsafeRawBufferPointer, of byteCount: Int? = nil, name: String,
        code: ErrorCode
    ) throws(LanguageSystemError) {
        do {
            (metadata, tensors) = try Self.parse(bytes, of: byteCount ?? bytes.count)
        } catch {
            throw LanguageSystemError(code, "cannot read \(name): \(error.why)")
        }
    }

    private static func parse(
        _ bytes: UnsafeRawBufferPointer, of byteCount: Int
    ) throws(HeaderRefusal) -> ([String: String], [String: Tensor]) {
        guard bytes.count >= 8 else {
            throw HeaderRefusal(why: "found \(bytes.count) bytes, expected a safetensors file")
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length >= 2, length <= headerByteCountMax else {
            throw HeaderRefusal(why: "found a header of \(length) bytes, expected 2 to 100000000")
        }
        let start = 8 + Int(length)
        guard start <= bytes.count else {
            throw HeaderRefusal(
                why: "found \(bytes.count) bytes, the header alone needs \(start); it is cut short")
        }
        guard bytes[8] == UInt8(ascii: "{") else {
            throw HeaderRefusal(why: "found no '{' at the start of the header")
        }
        let header = try HeaderParser.parse(UnsafeRawBufferPointer(rebasing: bytes[8..<start]))
        guard case .object(let members) = header else {
            throw HeaderRefusal(why: "found a header that is not an object")
        }
        var metadata: [String: String] = [:]
        var tensors: [String: Tensor] = [:]
        for (key, value) in members {
            if key == "__metadata__" {
                metadata = try strings(value)
            } else {
                tensors[key] = try tensor(key, value, dataStart: start)
            }
        }
        try checkCover(tensors, from: start, to: byteCount)
        return (metadata, tensors)
    }

    private static func strings(_ value: HeaderJSON) throws(HeaderRefusal) -> [String: String] {
        guard case .object(let members) = value else {
            throw HeaderRefusal(why: "found '__metadata__' that is not an object")
        }
        var strings: [String: String] = [:]
        for (key, value) in members {
            guard case .string(let text) = value else {
                throw HeaderRefusal(why: "found metadata '\(key.printable())' that is not a string")
            }
            strings[key] = text
        }
        return strings
    }

    private static func tensor(
        _ name: String, _ value: HeaderJSON, dataStart: Int
    ) throws(HeaderRefusal) -> Tensor {
        func refusal(_ why: String) -> HeaderRefusal {
            HeaderRefusal(why: "tensor '\(name.printable())': \(why)")
        }
        guard case .object(let members) = value else { throw refusal("found no description") }
        var dtype: DType?
        var shape: [Int]?
        var offsets: [Int]?
        for (key, value) in members {
            switch key {
            case "dtype":
                guard case .string(let text) = value else { throw refusal("found no dtype") }
                guard let known = DType(rawValue: text) else {
                    throw refusal("found dtype '\(text.printable())', which is not supported")
                }
                dtype = known
            case "shape": shape = integers(value)
            case "data_offsets": offsets = integers(value)
            default: throw refusal("found the unknown key '\(key.printable())'")
            }
        }
        guard let dtype, let shape, let offsets, offsets.count == 2, shape.count <= 8 else {
            throw refusal("expected dtype, shape and two data_offsets")
        }
        var size = dtype.byteCount
        for dimension in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
            guard !overflow else { throw refusal("found a shape too large to count") }
            size = product
        }
        let (begin, end) = (offsets[0], offsets[1])
        guard begin <= end, end - begin == size else {
            throw refusal("found offsets \(begin) to \(end), expected \(size) bytes for its shape")
        }
        guard end <= Int.max - dataStart else { throw refusal("found an offset too large") }
        return Tensor(
            dtype: dtype, shape: shape, byteRange: dataStart + begin..<dataStart + end)
    }

    private static func integers(_ value: HeaderJSON) -> [Int]? {
        guard case .array(let elements) = value else { return nil }
        var integers: [Int] = []
        for element in elements {
            guard case .integer(let number) = element else { return nil }
            integers.append(number)
        }
        return integers
    }

    /// Checks that the tensors follow each other without overlap or gap and end where the file
    /// ends.
    private static func checkCover(
        _ tensors: [String: Tensor], from start: Int, to end: Int
    ) throws(HeaderRefusal) {
        let ordered = tensors.sorted {
            ($0.value.byteRange.lowerBound, $0.value.byteRange.upperBound, $0.key)
                < ($1.value.byteRange.lowerBound, $1.value.byteRange.upperBound, $1.key)
        }
        var position = start
        for (name, tensor) in ordered {
            let range = tensor.byteRange
            guard range.lowerBound >= position else {
                throw HeaderRefusal(why: "tensor '\(name.printable())' overlaps the one before it")
            }
            guard range.lowerBound == position else {
                throw HeaderRefusal(
                    why:
                        """
                        found a hole of \(range.lowerBound - position) bytes before \
                        '\(name.printable())'
                        """
                )
            }
            guard range.upperBound <= end else {
                throw HeaderRefusal(
                    why: """
                        found \(end) bytes, tensor '\(name.printable())' \
                        ends at \(range.upperBound); the file is cut short
                        """)
            }
            position = range.upperBound
        }
        guard position == end else {
            throw HeaderRefusal(why: "found \(end - position) bytes after the last tensor")
        }
    }
}

/// Puts tensors into one file; the same tensors and metadata give the same bytes.
public struct SafetensorsWriter {
    private var entries:
        [(name: String, dtype: SafetensorsFile.DType, shape: [Int], bytes: [UInt8])]
    public var metadata: [String: String]

    public init(metadata: [String: String] = [:]) {
        self.metadata = metadata
        entries = []
    }

    /// - Precondition: The name is new, and the number of bytes fits dtype and shape.
    public mutating func add(
        _ name: String, _ dtype: SafetensorsFile.DType, _ shape: [Int], bytes: [UInt8]
    ) {
        precondition(!entries.contains { $0.name == name }, "a tensor is written once")
        precondition(
            bytes.count == shape.reduce(dtype.byteCount, *), "bytes do not agree with the shape")
        entries.append((name, dtype, shape, bytes))
    }

    public mutating func add<T>(
        _ name: String, _ dtype: SafetensorsFile.DType, _ shape: [Int], _ values: [T]
    ) {
        add(name, dtype, shape, bytes: values.withUnsafeBytes { Array($0) })
    }

    /// The bytes of the file. As in the Python library, tensors are ordered by the width of their
    /// type, then by name, so that all are aligned.
    public func bytes() -> [UInt8] {
        let ordered = entries.sorted {
            ($1.dtype.byteCount, $0.name) < ($0.dtype.byteCount, $1.name)
        }
        var header = "{"
        if !metadata.isEmpty {
            let members = metadata.sorted { $0.key < $1.key }
                .map { "\(quoted($0.key)):\(quoted($0.value))" }
            header += "\"__metadata__\":{\(members.joined(separator: ","))}"
        }
        var offset = 0
        for entry in ordered {
            let end = offset + entry.bytes.count
            let shape = entry.shape.map(String.init).joined(separator: ",")
            header += header.utf8.count > 1 ? "," : ""
            header += "\(quoted(entry.name)):{\"dtype\":\"\(entry.dtype.rawValue)\","
            header += "\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
            offset = end
        }
        header += "}"
        header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        var file = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        file.reserveCapacity(8 + header.utf8.count + offset)
        file += Array(header.utf8)
        for entry in ordered { file += entry.bytes }
        return file
    }

    private func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
