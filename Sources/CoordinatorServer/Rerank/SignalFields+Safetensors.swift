// The signals of a request as tensors, named and typed as feature files have them.
import LanguageSystem
import Rankers

extension SignalFields {
    /// - Throws: `invalidArgument` for a tensor of another type, or not one row of numbers.
    init(_ file: SafetensorsFile, _ bytes: [UInt8]) throws(LanguageSystemError) {
        let tensors = SignalTensors(file: file, bytes: bytes)
        logProbabilities = try tensors.reals("logprobs")
        tokenCounts = try tensors.wholes("token_counts").map { $0.map { Int($0) } }
        answers = try tensors.wholes("answers")
        finished = try tensors.flags("finished", field: "finish_reason")
        for tensor in file.tensors.keys where tensor.hasPrefix(Self.numberPrefix) {
            numbers[String(tensor.dropFirst(Self.numberPrefix.count))] =
                try tensors.reals(tensor, field: "signals")
        }
    }

    static let numberPrefix = "scores."

    /// Whether a tensor of this name holds a signal.
    static func isSignal(_ tensor: String) -> Bool {
        ["logprobs", "token_counts", "answers", "finished"].contains(tensor)
            || tensor.hasPrefix(numberPrefix)
    }
}

private struct SignalTensors {
    let file: SafetensorsFile
    let bytes: [UInt8]

    func reals(_ name: String, field: String? = nil) throws(LanguageSystemError) -> [Double]? {
        try values(name, .f32, field) { Double(Float(bitPattern: UInt32(littleEndian: $0))) }
    }

    func wholes(_ name: String) throws(LanguageSystemError) -> [Int32]? {
        try values(name, .i32, nil) { Int32(littleEndian: $0) }
    }

    func flags(_ name: String, field: String) throws(LanguageSystemError) -> [Bool]? {
        let type: SafetensorsFile.DType = file.tensors[name]?.dtype == .bool ? .bool : .u8
        let values = try values(name, type, field) { (value: UInt8) in value }
        if let value = values?.first(where: { $0 > 1 }) {
            throw .malformedRerank("found \(value) at '\(name)', expected 0 or 1", field: field)
        }
        return values?.map { $0 == 1 }
    }

    /// - Returns: Nil when there is no such tensor.
    private func values<Stored: BitwiseCopyable, Value>(
        _ name: String, _ type: SafetensorsFile.DType, _ field: String?,
        _ read: (Stored) -> Value
    ) throws(LanguageSystemError) -> [Value]? {
        guard let tensor = file.tensors[name] else { return nil }
        guard tensor.dtype == type, tensor.shape.count == 1 else {
            throw .malformedRerank(
                "\(name.printable(40)) is \(tensor.dtype.rawValue) \(tensor.shape), "
                    + "expected \(type.rawValue) [K]",
                field: field ?? name)
        }
        return bytes.withUnsafeBytes { bytes in
            stride(
                from: tensor.byteRange.lowerBound, to: tensor.byteRange.upperBound,
                by: type.byteCount
            ).map { read(bytes.loadUnaligned(fromByteOffset: $0, as: Stored.self)) }
        }
    }
}
