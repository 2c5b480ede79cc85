// A feature set of some of another's queries, as if the file had held only those.
internal import LanguageSystem

extension FeatureSet {
    /// The set of some queries, with bytes and a digest of its own.
    ///
    /// - Parameter queries: Their numbers in this set, in the order of the new one; at least one.
    package func part(of queries: [Int]) throws -> FeatureSet {
        precondition(!queries.isEmpty, "a feature set has a query")
        let rows = queries.flatMap { offsets[$0]..<offsets[$0 + 1] }
        let bytes = try withBytes { bytes in
            let file = try SafetensorsFile(parsing: bytes, name: name, code: .invalidFeatures)
            var writer = SafetensorsWriter(metadata: file.metadata)
            for (name, tensor) in file.tensors where name != "offsets" {
                let isOfQueries = name == "instruction"
                let count = isOfQueries ? queryCount : responseCount
                // A tensor of another shape is none that a feature set reads.
                guard tensor.shape.first == count else { continue }
                let stride = tensor.byteRange.count / count
                let kept = isOfQueries ? queries : rows
                writer.add(
                    name, tensor.dtype, [kept.count] + tensor.shape.dropFirst(),
                    bytes: kept.flatMap { row in
                        let start = tensor.byteRange.lowerBound + row * stride
                        return bytes[start..<start + stride]
                    })
            }
            let counts = queries.map { Int64(offsets[$0 + 1] - offsets[$0]) }
            writer.add(
                "offsets", .i64, [queries.count + 1],
                counts.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) })
            return writer.bytes()
        }
        return try FeatureSet(safetensors: bytes, name: name)
    }
}
