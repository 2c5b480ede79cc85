// What happens at the ends of float32: a score is right, or the candidate is named.
import Foundation
import LanguageSystem
import RankerMath
import Testing

@testable import Rankers

@Suite struct `Numbers at the end of float32` {
    static let width = 16
    static let candidateCount = 4

    static let configurations: [RankerConfiguration] = [
        #"{"kind":"listwise"}"#, #"{"kind":"pointwise"}"#,
        #"{"kind":"listwise","projection":false}"#, #"{"kind":"pointwise","projection":false}"#,
        #"{"kind":"listwise","blocks":0}"#, #"{"kind":"pointwise","blocks":0}"#,
        #"{"kind":"listwise","blocks":3,"activation":"relu"}"#,
        #"{"kind":"pointwise","residual":true,"activation":"relu"}"#,
        #"{"kind":"listwise","similarity":"affine","instruction":"learned"}"#,
        #"{"kind":"pointwise","similarity":"affine","instruction":"learned"}"#,
    ].map { try! RankerConfiguration(json: $0.replacing("{", with: #"{"hidden_size":16,"#)) }

    /// Weights of a seed, each so many times as large as training begins with.
    static func weights(
        _ configuration: RankerConfiguration, times factor: Float = 1
    ) -> RankerWeights {
        let fresh = RankerWeights(fresh: configuration, seed: 3)
        return RankerWeights(configuration: configuration, values: fresh.values.map { $0 * factor })
    }

    /// [K + 1, D], `row` so many times as large as the others.
    static func group(row: Int? = nil, times factor: Float = 1) -> [Float] {
        var generator = Generator(seed: 5)
        return (0..<(candidateCount + 1) * width).map {
            Float(generator.normal()) * ($0 / width == row ? factor : 1)
        }
    }

    static func stored(_ values: [Float], as type: FeatureType) -> [UInt8] {
        values.flatMap { value -> [UInt8] in
            switch type {
            case .float16: withUnsafeBytes(of: Float16(value)) { Array($0) }
            case .bfloat16: Array(withUnsafeBytes(of: value) { Array($0) }[2...])
            case .float32: withUnsafeBytes(of: value) { Array($0) }
            }
        }
    }

    static func scores(
        _ weights: RankerWeights, _ values: [Float], _ type: FeatureType = .float32,
        _ precision: Precision = .float32
    ) throws -> [Float] {
        try stored(values, as: type).withUnsafeBytes {
            try RankerScorer(weights, precision: precision).score(
                features: $0, dtype: type, candidateCount: candidateCount)
        }
    }

    static func refusal(_ body: () throws -> Void) throws -> LanguageSystemError {
        try #require(throws: LanguageSystemError.self) { try body() }
    }

    @Test(arguments: [FeatureType.bfloat16, .float32], Precision.allCases)
    func `a norm that overflows is refused with its candidate, whatever the ranker`(
        type: FeatureType, precision: Precision
    ) throws {
        for configuration in Self.configurations where configuration.projectionWidth != nil {
            // Projected, the row is of size 1e20 and its square beyond float32.
            let weights = Self.weights(configuration, times: 1e6)
            for row in 0...Self.candidateCount {
                if row == 0, configuration.instruction == .learned { continue }
                let name = row == 0 ? "the instruction" : "candidate \(row - 1)"
                let error = try Self.refusal {
                    _ = try Self.scores(weights, Self.group(row: row, times: 1e14), type, precision)
                }
                #expect(error.code == .invalidFeatures)
                #expect(
                    error.message.hasPrefix("cannot score: the ")
                        && error.message.hasSuffix(" of \(name) is not finite"),
                    "\(configuration.json): \(error.message)")
            }
        }
    }

    @Test(arguments: FeatureType.allCases)
    func `a feature beyond the bound is refused with its candidate`(type: FeatureType) throws {
        let weights = Self.weights(Self.configurations[0])
        let spoilt: [Float] =
            type == .float16
            ? [.infinity, .nan] : [3e38, -3e38, 3e18, 1.01e15, -.infinity, .nan]
        for number in spoilt {
            for row in 0...Self.candidateCount {
                var group = Self.group()
                group[row * Self.width + 7] = number
                let error = try Self.refusal { _ = try Self.scores(weights, group, type) }
                #expect(error.code == .invalidFeatures)
                #expect(
                    error.message
                        == "cannot score: found a feature that is not finite or beyond 1e+15 in "
                        + (row == 0 ? "the instruction" : "candidate \(row - 1)"))
            }
        }
    }

    @Test(arguments: configurations)
    func `the largest features there may be are scored with the weights a ranker starts from`(
        configuration: RankerConfiguration
    ) throws {
        let weights = Self.weights(configuration)
        let large = Self.group().map { max(-1, min(1, $0)) * Bounds.magnitudeMax }
        for precision in Precision.allCases {
            let scores = try Self.scores(weights, large, .float32, precision)
            #expect(scores.allSatisfy { $0.isFinite && abs($0) < 2 }, "\(scores)")
            // No candidate is scored as if it had no direction.
            #expect(Set(scores).count == scores.count && !scores.contains(0), "\(scores)")
        }
        guard configuration.blocks == 0 else { return }
        // Of a size at which the biases no longer count, only the direction does.
        let smaller = try Self.scores(weights, large.map { $0 / 1e6 })
        for (one, other) in zip(try Self.scores(weights, large), smaller) {
            #expect(abs(one - other) < 1e-4)
        }
    }

    @Test(arguments: configurations)
    func `nothing, and next to nothing, is scored`(configuration: RankerConfiguration) throws {
        for factor: Float in [0, .leastNonzeroMagnitude, 1e-38, 1e-20] {
            for times: Float in [0, 1e-38, 1] {
                let group = Self.group().map { $0 * factor }
                let scores = try Self.scores(Self.weights(configuration, times: times), group)
                #expect(scores.allSatisfy { $0.isFinite && abs($0) < 2 }, "\(scores)")
            }
        }
    }

    @Test func `of many groups the one that overflows is named`() throws {
        let scorer = RankerScorer(Self.weights(Self.configurations[1]))
        let groups = Self.group() + Self.group(row: 3, times: 1e16) + Self.group()
        var scores = [Float](repeating: 0, count: 3 * Self.candidateCount)
        let error = try Self.refusal {
            try groups.withUnsafeBytes { bytes in
                try scores.withUnsafeMutableBufferPointer {
                    try scorer.score(
                        features: bytes, dtype: .float32, candidateCount: Self.candidateCount,
                        groupCount: 3, into: $0)
                }
            }
        }
        #expect(error.message.hasSuffix("in candidate 2 of group 1"), "\(error.message)")
    }

    // MARK: Measuring and training

    /// Of candidate 5 of query 2 the features are so many times as large.
    static func set(times factor: Float = 1) throws -> FeatureSet {
        var builder = FeatureBuilder(width: width)
        for column in 0..<width { builder.responses[(2 * 12 + 5) * width + column] *= factor }
        return try builder.set()
    }

    @Test(arguments: configurations.filter { $0.projectionWidth != nil }, [1, 2])
    func `an evaluation that overflows names query and candidate, and gives no figure`(
        configuration: RankerConfiguration, threadCount: Int
    ) throws {
        let weights = Self.weights(configuration, times: 1e6)
        let set = try Self.set(times: 1e13)
        let error = try Self.refusal {
            _ = try evaluate(weights, on: set, threadCount: threadCount)
        }
        #expect(error.code == .invalidFeatures)
        #expect(
            error.message.hasPrefix("cannot evaluate on tiny: the ")
                && error.message.hasSuffix(" of candidate 5 of query 2 is not finite"),
            "\(error.message)")
        #expect(throws: LanguageSystemError.self) { try scalingCurve(of: weights, on: set) }
        let measured = try evaluate(Self.weights(configuration), on: set)
        #expect(measured.accuracy <= measured.oracle)
    }

    static func training(_ loss: Loss, rate: Double = 0.1, epochs: Int = 1) throws
        -> TrainingConfiguration
    {
        try TrainingConfiguration(
            loss: loss, optimizer: .sgd(rate: rate), batchGroups: 16, groupsPerQuery: 20,
            candidateCount: 6, epochs: epochs)
    }

    @Test(arguments: configurations.filter { $0.projectionWidth != nil }, [1, 2])
    func `a training that overflows names the query and the candidate`(
        configuration: RankerConfiguration, threadCount: Int
    ) throws {
        let error = try Self.refusal {
            _ = try train(
                configuration, Self.training(.pairPreference), on: [Self.set(times: 1e13)],
                initial: Self.weights(configuration, times: 1e6), threadCount: threadCount)
        }
        // Not worth another attempt, and not the training's fault.
        #expect(error.code == .invalidFeatures, "\(error.message)")
        #expect(error.message.hasPrefix("cannot train: the "), "\(error.message)")
        #expect(
            error.message.hasSuffix(" of candidate 5 of query 2 of tiny is not finite"),
            "\(error.message)")
    }

    @Test(arguments: configurations.filter { $0.similarity == .affine })
    func `a rate that is too high is told with the step`(configuration: RankerConfiguration) throws
    {
        var builder = FeatureBuilder(width: Self.width)
        builder.metadata["label_kind"] = "score"
        builder.labels = builder.labels.map { $0 * RankerWeights.magnitudeMax }
        let error = try Self.refusal {
            _ = try train(
                configuration, Self.training(.listMSE, rate: 100, epochs: 3), on: [builder.set()])
        }
        #expect(error.code == .invalidArgument)
        #expect(
            error.message.wholeMatch(
                of: /cannot go on training: .+ (no longer finite|beyond 1000000.0) at step \d+/)
                != nil, "\(error.message)")
    }

    @Test(arguments: configurations)
    func `the largest features and labels there may be are trained on`(
        configuration: RankerConfiguration
    ) throws {
        var builder = FeatureBuilder(width: Self.width)
        builder.metadata["label_kind"] = "score"
        builder.responses = builder.responses.map { max(-1, min(1, $0)) * Bounds.magnitudeMax }
        builder.labels = builder.labels.map { $0 * Bounds.magnitudeMax }
        let set = try builder.set()
        for loss in [Loss.listKL, .pairPreference] {
            let (weights, report) = try train(configuration, Self.training(loss), on: [set])
            #expect(weights.largestMagnitude < 100 && report.lastLoss.isFinite)
            let measured = try evaluate(weights, on: set)
            #expect(measured.accuracy <= measured.oracle)
            #expect(measured.oracle <= Double(Bounds.magnitudeMax))
            #expect(measured.standardError.isFinite)
        }
        for loss in [Loss.listMSE, .pointMSE] {
            let error = try Self.refusal {
                _ = try train(configuration, Self.training(loss), on: [set])
            }
            #expect(error.code == .invalidArgument)
            #expect(error.message.contains("takes labels of size 1000000.0 or less"))
        }
    }

    @Test func `a standardised start that would need impossible weights starts uniform`() throws {
        let configuration = RankerConfiguration.preset(kind: .pointwise, hiddenSize: Self.width)
        for factor: Float in [.leastNonzeroMagnitude, 1e-38, 1e-20, 0, 1, 1e14] {
            var builder = FeatureBuilder(width: Self.width)
            builder.responses = builder.responses.map { $0 * factor + (factor == 1 ? 1e14 : 0) }
            let set = try builder.set()
            let start = RankerWeights(fresh: configuration, seed: 1)
                .standardised(for: FeatureTable([set]))
            #expect(start.areOfSensibleSize)
            _ = try evaluate(start, on: set)
        }
    }

    @Test func `more groups than can be numbered are refused`() throws {
        let training = try TrainingConfiguration(
            loss: .listKL, optimizer: .sgd(rate: 0.1), groupsPerQuery: 10_000,
            candidateCount: 1_024, epochs: 1_000)
        let error = try Self.refusal {
            _ = try train(Self.configurations[0], training, on: [Self.set()])
        }
        #expect(error.code == .invalidArgument && error.message.contains("at most 2147483647"))
    }

    // MARK: Files whose tensors begin anywhere

    @Test(arguments: FeatureType.allCases)
    func `features are the same wherever they begin in their file`(type: FeatureType) throws {
        let builder = FeatureBuilder(width: Self.width)
        var writer = SafetensorsWriter(metadata: builder.metadata)
        let dtype = try #require(SafetensorsFile.DType(rawValue: type.rawValue))
        let queryCount = builder.instruction.count / Self.width
        writer.add(
            "instruction", dtype, [queryCount, Self.width],
            bytes: Self.stored(builder.instruction, as: type))
        writer.add(
            "responses", dtype, [builder.labels.count, Self.width],
            bytes: Self.stored(builder.responses, as: type))
        writer.add("offsets", .i64, [builder.offsets.count], builder.offsets)
        writer.add("labels", .f32, [builder.labels.count], builder.labels)
        writer.add(
            "answers", .i32, [builder.labels.count], builder.labels.map { Int32($0) })
        writer.add("logprobs", .f32, [builder.labels.count], builder.labels.map { $0 - 2 })
        let bytes = writer.bytes()
        let configuration = Self.configurations[0]
        func learned(_ set: FeatureSet) throws -> (RankerWeights, String) {
            let (weights, _) = try train(configuration, Self.training(.listKL), on: [set])
            var report = try evaluate(weights, on: set)
            report.seconds = 0
            return (weights, report.json)
        }
        let expected = try learned(FeatureSet(safetensors: bytes))
        for count in 1..<8 {
            let moved = Self.moved(bytes, by: count)
            let path = FileManager.default.temporaryDirectory
                .appending(path: "ls-moved-\(type)-\(count)-\(getpid()).safetensors").path
            defer { unlink(path) }
            try Data(moved).write(to: URL(fileURLWithPath: path))
            for set in [
                try FeatureSet(safetensors: moved), try FeatureSet(contentsOf: path),
            ] {
                #expect(set.offsets == builder.offsets.map(Int.init))
                #expect(set.labels == builder.labels)
                #expect(set.answers == builder.labels.map { Int32($0) })
                #expect(set.logProbabilities == builder.labels.map { $0 - 2 })
                let found = try learned(set)
                #expect(found == expected, "\(count) bytes further on")
            }
            let summary = try FeatureFileSummary(contentsOf: path)
            #expect(summary.responseCount == builder.labels.count)
        }
    }

    @Test func `weights are the same wherever they begin in their file`() throws {
        let weights = Self.weights(Self.configurations[0])
        let expected = try Self.scores(weights, Self.group())
        for count in 1..<8 {
            let moved = Self.moved(weights.safetensors(), by: count)
            #expect(try RankerWeights(safetensors: moved) == weights)
            let scorer = try moved.withUnsafeBytes { try RankerScorer(safetensors: $0) }
            let found = try Self.group().withUnsafeBytes {
                try scorer.score(features: $0, dtype: .float32, candidateCount: 4)
            }
            #expect(found == expected)
        }
    }

    /// The same tensors behind a header that nobody padded.
    static func moved(_ bytes: [UInt8], by count: Int) -> [UInt8] {
        let length = Int(bytes[0]) + 256 * Int(bytes[1])
        let moved = withUnsafeBytes(of: UInt64(length + count).littleEndian) { Array($0) }
        return moved + bytes[8..<8 + length] + [UInt8](repeating: 0x20, count: count)
            + bytes[(8 + length)...]
    }
}
