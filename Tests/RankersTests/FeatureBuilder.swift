// Small feature sets for tests, made in code, and a way to spoil each part of one.
import LanguageSystem
import RankerMath
import Rankers

struct FeatureBuilder {
    var metadata = [
        "format": "features/1", "base_model": "tiny", "hidden_size": "8", "domain": "math/tiny",
        "split": "train", "label_kind": "binary",
    ]
    var width = 8
    var instruction: [Float]
    var responses: [Float]
    var offsets: [Int64]
    var labels: [Float]
    var answers: [Int32]?
    var logProbabilities: [Float]?
    var tokenCounts: [Int32]?
    var finished: [UInt8]?
    var numbers: [String: [Float]] = [:]
    var without: String?

    /// `queries` pools of `pool` responses whose label shows in one direction of the feature.
    init(queries: Int = 6, pool: Int = 12, width: Int = 8, seed: UInt64 = 1) {
        var generator = Generator(seed: seed)
        self.width = width
        metadata["hidden_size"] = "\(width)"
        instruction = (0..<queries * width).map { _ in Float(generator.normal()) }
        labels = (0..<queries * pool).map { _ in generator.below(2) == 0 ? 0 : 1 }
        responses = (0..<queries * pool * width).map { _ in Float(generator.normal()) }
        for row in labels.indices { responses[row * width] += 3 * (2 * labels[row] - 1) }
        offsets = (0...queries).map { Int64($0 * pool) }
    }

    func bytes() -> [UInt8] {
        var writer = SafetensorsWriter(metadata: metadata)
        func add<T>(_ name: String, _ dtype: SafetensorsFile.DType, _ shape: [Int], _ values: [T]) {
            if name != without { writer.add(name, dtype, shape, values) }
        }
        add("instruction", .f32, [instruction.count / width, width], instruction)
        add("responses", .f32, [responses.count / width, width], responses)
        add("offsets", .i64, [offsets.count], offsets)
        add("labels", .f32, [labels.count], labels)
        if let answers { add("answers", .i32, [answers.count], answers) }
        if let logProbabilities {
            add("logprobs", .f32, [logProbabilities.count], logProbabilities)
        }
        if let tokenCounts { add("token_counts", .i32, [tokenCounts.count], tokenCounts) }
        if let finished { add("finished", .u8, [finished.count], finished) }
        for (name, values) in numbers { add("scores.\(name)", .f32, [values.count], values) }
        return writer.bytes()
    }

    /// Adds signals of every kind; an answer is right more often than not.
    mutating func addSignals(seed: UInt64 = 1) {
        var generator = Generator(seed: seed)
        answers = labels.map { label in
            let isKnown = generator.below(8) > 0
            return isKnown ? (label == 1 ? 0 : Int32(1 + generator.below(4))) : -1
        }
        tokenCounts = labels.map { _ in Int32(1 + generator.below(60)) }
        logProbabilities = zip(labels, tokenCounts ?? []).map { label, count in
            Float(count) * Float(-0.5 + 0.1 * Double(label) + 0.2 * generator.normal())
        }
        finished = labels.map { label in label == 1 || generator.below(4) > 0 ? 1 : 0 }
        numbers["judge"] = labels.map { $0 + Float(generator.normal()) }
    }

    func set() throws -> FeatureSet { try FeatureSet(safetensors: bytes(), name: "tiny") }
}
