// The parameters of one execution in one buffer, as libpq wants them: pointers, lengths, formats.

struct EncodedParameters {
    private var buffer: [UInt8] = []
    /// The offset at which each parameter begins; nil for NULL.
    private var offsets: [Int?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    init(_ parameters: [(any PostgresEncodable)?], as types: [PostgresType])
        throws(PostgresError)
    {
        guard parameters.count == types.count else {
            throw .usage(
                "the statement has \(types.count) parameters, \(parameters.count) were given")
        }
        for (index, (parameter, type)) in zip(parameters, types).enumerated() {
            let start = buffer.count
            var format = PostgresFormat.null
            do {
                if let parameter { format = try parameter.encode(as: type, into: &buffer) }
            } catch {
                guard error.kind != .unsendable else { throw error }
                throw .usage("parameter $\(index + 1): \(error.message)", hint: error.hint)
            }
            guard let length = Int32(exactly: buffer.count - start) else {
                throw .usage("parameter $\(index + 1) is longer than PostgreSQL takes")
            }
            offsets.append(format == .null ? nil : start)
            lengths.append(length)
            formats.append(format == .binary ? 1 : 0)
            if format == .text { buffer.append(0) }
        }
        // So that an empty value at the end has an address, too: no address would mean NULL.
        buffer.append(0)
    }

    func withPointers(
        _ body: (
            UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<Int32>, UnsafePointer<Int32>
        ) -> Int32
    ) -> Int32 {
        buffer.withUnsafeBytes { bytes in
            // Kept to the end: the buffer begins with a byte of its own.
            let start = bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
            let values = offsets.map { offset in offset.map { start + $0 } }
            return body(values, lengths, formats)
        }
    }
}
