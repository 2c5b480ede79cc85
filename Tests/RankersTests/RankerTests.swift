import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite struct `Ranker` {
    static let configurations: [RankerConfiguration] = {
        do {
            return try RankerKind.allCases.flatMap { kind in
                try [0, 1, 3].map { blocks in
                    try RankerConfiguration(
                        kind: kind, hiddenSize: 8, projectionWidth: 16, blocks: blocks)
                }
            }
        } catch { fatalError("\(error)") }
    }()

    // M = 2^20, as the paper's tables use it.
    @Test(arguments: [
        (RankerKind.listwise, 4096, 312_192), (.pointwise, 4096, 295_296),
        (.listwise, 3584, 279_424), (.pointwise, 3584, 262_528),
        (.listwise, 5120, 377_728), (.pointwise, 5120, 360_832),
    ])
    func `parameter counts are those of Table 1`(kind: RankerKind, size: Int, count: Int) {
        let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: size)
        #expect(configuration.parameterCount == count)
    }

    @Test func `parameter counts are those of Table 3`() throws {
        func millions(_ json: String) throws -> Double {
            let count = try RankerConfiguration(json: json).parameterCount
            return (Double(count) / 0x1p20 * 100).rounded() / 100
        }
        #expect(
            try millions(#"{"kind":"listwise","hidden_size":4096,"projection":false}"#).rounded()
                == 192)
        #expect(
            try millions(#"{"kind":"pointwise","hidden_size":4096,"projection":false}"#).rounded()
                == 128)
        #expect(try millions(#"{"kind":"pointwise","hidden_size":4096,"blocks":0}"#) == 0.25)
        #expect(
            try millions(#"{"kind":"pointwise","hidden_size":4096,"instruction":"learned"}"#)
                == 0.28)
        #expect(
            try millions(#"{"kind":"listwise","hidden_size":4096,"instruction":"learned"}"#) == 0.3)
    }

    @Test(arguments: configurations)
    func `permuting the candidates permutes the scores`(configuration: RankerConfiguration) throws {
        let set = try FeatureBuilder().set()
        let scorer = RankerScorer(RankerWeights(fresh: configuration, seed: 3))
        let rows = Array(0..<10)
        var generator = Generator(seed: 5)
        let order = generator.choose(10, of: 10)
        let plain = try scorer.score(set, query: 0, rows: rows)
        let permuted = try scorer.score(set, query: 0, rows: order.map { rows[$0] })
        for (position, original) in order.enumerated() {
            #expect(abs(permuted[position] - plain[original]) < 2e-6)
        }
    }

    @Test func `pointwise scores do not depend on the other candidates, listwise ones do`() throws {
        let set = try FeatureBuilder().set()
        for kind in RankerKind.allCases {
            let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: 8)
            let scorer = RankerScorer(RankerWeights(fresh: configuration, seed: 3))
            let alone = try scorer.score(set, query: 0, rows: [4])[0]
            let together = try scorer.score(set, query: 0, rows: [4, 5, 6])[0]
            #expect((abs(alone - together) < 1e-6) == (kind == .pointwise))
        }
    }

    @Test func `without projection and block, a row's length does not matter`() throws {
        let configuration = try RankerConfiguration(
            kind: .pointwise, hiddenSize: 8, projectionWidth: nil, blocks: 0)
        var builder = FeatureBuilder()
        let scorer = RankerScorer(RankerWeights(fresh: configuration, seed: 1))
        let plain = try scorer.score(builder.set(), query: 0, rows: [0, 1])
        for column in 0..<8 { builder.responses[column] *= 4 }
        let scaled = try scorer.score(builder.set(), query: 0, rows: [0, 1])
        #expect(abs(plain[0] - scaled[0]) < 1e-6 && plain[1] == scaled[1])
    }

    @Test func `weights survive their file, and its bytes are always the same`() throws {
        for configuration in Self.configurations {
            let weights = RankerWeights(fresh: configuration, seed: 9)
            let bytes = weights.safetensors()
            let read = try RankerWeights(safetensors: bytes)
            #expect(read == weights && read.safetensors() == bytes && read.digest == weights.digest)
        }
    }

    /// Also where they lie at an odd address.
    @Test(arguments: Precision.allCases, [0, 1])
    func `a file of weights is scored from where it lies as its weights are`(
        precision: Precision, place: Int
    ) throws {
        for configuration in Self.configurations {
            let weights = RankerWeights(fresh: configuration, seed: 9)
            let numbers = (0..<4 * configuration.hiddenSize).map { Float($0 % 13) - 6 }
            let file = [UInt8](repeating: 0, count: place) + weights.safetensors()
            let inPlace = try file.withUnsafeBytes {
                try RankerScorer(
                    safetensors: UnsafeRawBufferPointer(rebasing: $0[place...]),
                    precision: precision)
            }
            let copied = RankerScorer(weights, precision: precision)
            let (found, expected) = try numbers.withUnsafeBytes {
                (
                    try inPlace.score(features: $0, dtype: .float32, candidateCount: 3),
                    try copied.score(features: $0, dtype: .float32, candidateCount: 3)
                )
            }
            #expect(found == expected)
            #expect(inPlace.byteCount == copied.byteCount)
        }
    }

    @Test func `weights that are not finite, or of another shape, are refused`() throws {
        let weights = RankerWeights(fresh: Self.configurations[1], seed: 9)
        var bytes = weights.safetensors()
        bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0xc0, 0x7f])
        #expect(throws: LanguageSystemError.self) { try RankerWeights(safetensors: bytes) }
        #expect(throws: LanguageSystemError.self) {
            try bytes.withUnsafeBytes { _ = try RankerScorer(safetensors: $0) }
        }
        var writer = SafetensorsWriter(metadata: ["ranker": Self.configurations[1].json])
        writer.add("projection.weight", .f32, [1], [Float(0)])
        let error = #expect(throws: LanguageSystemError.self) {
            try RankerWeights(safetensors: writer.bytes())
        }
        #expect(error?.code == .invalidWeights)
    }

    @Test(arguments: FeatureType.allCases)
    func `the scorer refuses wrong sizes and numbers that are not finite`(type: FeatureType) throws
    {
        let scorer = RankerScorer(
            RankerWeights(fresh: .preset(kind: .listwise, hiddenSize: 8), seed: 1))
        let count = 3 * 8 * type.byteCount
        let sound = [UInt8](repeating: 0, count: count)
        let spoilt = [UInt8](repeating: 0xff, count: count)
        let scores = try sound.withUnsafeBytes {
            try scorer.score(features: $0, dtype: type, candidateCount: 2)
        }
        #expect(scores.count == 2 && scores.allSatisfy(\.isFinite))
        for (bytes, candidates) in [(sound, 3), (sound, 0), (sound, 5_000), (spoilt, 2)] {
            let error = #expect(throws: LanguageSystemError.self) {
                try bytes.withUnsafeBytes {
                    try scorer.score(features: $0, dtype: type, candidateCount: candidates)
                }
            }
            #expect(error?.code == .invalidFeatures)
        }
    }
}

@Suite struct `Configuration` {
    @Test func `a configuration's JSON survives, with sorted keys`() throws {
        let ranker = RankerConfiguration.preset(kind: .listwise, hiddenSize: 384)
        #expect(try RankerConfiguration(json: ranker.json) == ranker)
        #expect(
            ranker.json.hasPrefix(#"{"activation":"gelu","blocks":1,"heads":4,"hidden_size":384"#))
        for kind in RankerKind.allCases {
            let training = TrainingConfiguration.preset(kind: kind)
            #expect(try TrainingConfiguration(json: training.json) == training)
        }
        let evaluation = EvaluationConfiguration.preset
        #expect(try EvaluationConfiguration(json: evaluation.json) == evaluation)
    }

    @Test(arguments: [
        (#"{"kind":"listwise","hidden_size":8,"bloks":2}"#, "unknown key 'bloks'"),
        (#"{"kind":"listwise","hidden_size":8,"heads":3}"#, "3 heads do not divide"),
        (#"{"kind":"listwise","hidden_size":8,"residual":true}"#, "pointwise"),
        (#"{"kind":"listwise","hidden_size":0}"#, "found hidden_size 0"),
        (#"{"kind":"both","hidden_size":8}"#, "'kind'"), (#"{"kind":"listwise"}"#, "hidden_size"),
        (#"{"kind":"listwise","hidden_size":"8"}"#, "'hidden_size'"), ("x", "not JSON"),
        (
            #"{"kind":"listwise","hidden_size":8,"projection":false,"projection_dim":64}"#,
            "without projection"
        ),
    ])
    func `a ranker configuration with a flaw is refused`(json: String, sentence: String) {
        let error = #expect(throws: LanguageSystemError.self) {
            try RankerConfiguration(json: json)
        }
        #expect(error?.description.contains(sentence) == true, "\(String(describing: error))")
    }

    @Test(arguments: [
        (#"{"loss":"list_kl"}"#, "optimizer"),
        (#"{"loss":"list_kl","optimizer":{"name":"sgd","lr":0}}"#, "found lr 0"),
        (#"{"loss":"list_kl","optimizer":{"name":"sgd","lr":1,"rate":2}}"#, "unknown key 'rate'"),
        (#"{"loss":"list_kl","optimizer":{"name":"adamw","lr":1,"momentum":0.9}}"#, "momentum"),
        (#"{"loss":"list_kl","temperature":0,"optimizer":{"name":"sgd","lr":1}}"#, "temperature"),
    ])
    func `a training configuration with a flaw is refused`(json: String, sentence: String) {
        let error = #expect(throws: LanguageSystemError.self) {
            try TrainingConfiguration(json: json)
        }
        #expect(error?.description.contains(sentence) == true, "\(String(describing: error))")
    }
}
