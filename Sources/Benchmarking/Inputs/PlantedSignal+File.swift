// The planted signal as a feature file (DESIGN section 3), one query in memory at a time.
package import LanguageSystem
internal import Rankers

extension PlantedSignal {
    /// The contents of a generated file.
    package struct Summary: Sendable {
        package let byteCount: Int
        package let positiveShare: Double
    }

    /// Writes instruction [Q, D] F16, responses [R, D] F16, offsets [Q + 1] I64 and labels [R] F32.
    ///
    /// - Throws: `invalidArgument` where the file cannot be written.
    package func write(
        to path: String, queryCount: Int, split: Split
    ) throws(LanguageSystemError) -> Summary {
        let (count, size) = (queryCount * responseCount, hiddenSize)
        let tensors = [
            FeatureFileStream.Tensor(name: "offsets", dtype: .i64, shape: [queryCount + 1]),
            FeatureFileStream.Tensor(name: "labels", dtype: .f32, shape: [count]),
            FeatureFileStream.Tensor(name: "instruction", dtype: .f16, shape: [queryCount, size]),
            FeatureFileStream.Tensor(name: "responses", dtype: .f16, shape: [count, size]),
        ]
        let stream = try FeatureFileStream(
            path: path, metadata: metadata(split), tensors: tensors)
        try stream.write((0...queryCount).map { Int64($0 * responseCount) }, to: "offsets", at: 0)
        var labelSum = 0.0
        for index in 0..<queryCount {
            let query = query(index)
            let first = index * responseCount
            try stream.write(query.labels, to: "labels", at: first)
            try stream.write(query.instruction.map(float16), to: "instruction", at: index * size)
            try stream.write(query.responses.map(float16), to: "responses", at: first * size)
            labelSum += query.labels.reduce(0) { $0 + Double($1) }
        }
        try stream.finish()
        return Summary(
            byteCount: tensors.reduce(0) { $0 + $1.byteCount },
            positiveShare: labelSum / Double(count))
    }

    private func metadata(_ split: Split) -> [String: String] {
        [
            "format": "features/1", "base_model": "synthetic", "hidden_size": "\(hiddenSize)",
            "layer_fraction": "0.6", "domain": "synthetic/planted", "split": split.rawValue,
            "label_kind": "binary",
        ]
    }
}

private func float16(_ value: Float) -> Float16 { Float16(value) }
