import LanguageSystem
import RankerMath
import Rankers
import Testing

/// One combination of a ranker's options, with a loss.
struct GradientCase: Sendable, CustomTestStringConvertible {
    let configuration: RankerConfiguration
    let loss: Loss
    let temperature: Double
    let seed: UInt64

    var testDescription: String { "\(loss.rawValue) \(configuration.json)" }

    /// Every combination of the options, 64 listwise and 128 pointwise.
    static let all: [GradientCase] = RankerKind.allCases.flatMap { kind in
        (0..<(kind == .listwise ? 64 : 128)).map { turn in
            do { return try GradientCase(kind, turn) } catch { fatalError("\(error)") }
        }
    }

    /// The options are the digits of `turn`; heads, MLP width, loss and temperature take turns.
    init(_ kind: RankerKind, _ turn: Int) throws {
        var rest = turn
        func next<Option>(_ options: [Option]) -> Option {
            defer { rest /= options.count }
            return options[rest % options.count]
        }
        configuration = try RankerConfiguration(
            kind: kind, hiddenSize: 8, projectionWidth: next([4, nil]),
            instruction: next(RankerConfiguration.Instruction.allCases),
            blocks: next([0, 1, 2, 4]),
            heads: [1, 2, 4][turn % 3], mlpMultiple: 1 + turn % 3,
            activation: next(RankerConfiguration.Activation.allCases),
            residual: kind == .pointwise && turn >= 64,
            similarity: next(RankerConfiguration.Similarity.allCases))
        loss = Loss.allCases[turn % 5]
        temperature = [1, 3][turn % 2]
        seed = UInt64(turn)
    }
}

@Suite struct `Gradients in Double` {
    @Test func `all options and all losses of both kinds are among the cases`() {
        #expect(Set(GradientCase.all.map(\.configuration)).count == 192)
        for kind in RankerKind.allCases {
            let losses = GradientCase.all.filter { $0.configuration.kind == kind }.map(\.loss)
            #expect(Set(losses) == Set(Loss.allCases))
        }
    }

    @Test(arguments: GradientCase.all)
    func `scores, loss and every tensor's slope agree with the reference`(
        example: GradientCase
    ) throws {
        let run = try GradientRun(example)
        let reference = ReferenceRanker(run.weights)
        let loss = run.trainer.computeGradient(run.groups, order: run.order)
        #expect(abs(loss - run.loss(reference)) < 1e-5)
        let gradient = RankerWeights(
            configuration: example.configuration, values: run.trainer.gradient)
        #expect(
            reference.tensors.values.map(\.count).reduce(0, +) == run.weights.parameterCount)
        for name in reference.tensors.keys.sorted() {
            let found = try #require(gradient[name: name]).map(Double.init)
            try run.compare(name, found, reference)
        }
        try run.compareScores(reference)
    }
}

/// Two small groups of one case.
private struct GradientRun {
    let example: GradientCase
    let set: FeatureSet
    let responses: [[Double]]
    let instructions: [[Double]]
    let weights: RankerWeights
    let groups: CandidateGroups
    let trainer: Trainer
    let order: ArraySlice<Int32> = [0, 1]

    init(_ example: GradientCase) throws {
        self.example = example
        var builder = FeatureBuilder(queries: 2, pool: 3, seed: example.seed)
        builder.metadata["label_kind"] = example.loss == .pointBCE ? "binary" : "score"
        builder.labels = example.loss == .pointBCE ? [1, 0, 0, 0, 1, 1] : [2, 0, 0.5, 0, 1, 1]
        set = try builder.set()
        func rows(_ values: [Float]) -> [[Double]] {
            stride(from: 0, to: values.count, by: 8).map { values[$0..<$0 + 8].map(Double.init) }
        }
        (responses, instructions) = (rows(builder.responses), rows(builder.instruction))
        // Fresh weights have norms of 1 and 0: move all of them, so that none is special.
        var generator = Generator(seed: example.seed, stream: 9)
        let fresh = RankerWeights(fresh: example.configuration, seed: example.seed)
        weights = RankerWeights(
            configuration: example.configuration,
            values: fresh.allValues.map { $0 + Float(0.1 * generator.normal()) })
        var plan = try TrainingConfiguration(
            loss: example.loss, temperature: example.temperature, optimizer: .sgd(rate: 1),
            candidateCount: 3)
        plan.batchGroups = 2
        var groups = CandidateGroups(candidateCount: 3)
        groups.queries = [0, 1]
        groups.rows = [0, 1, 2, 3, 4, 5]
        self.groups = groups
        trainer = Trainer(weights, plan, on: FeatureTable([set]), team: ThreadTeam(count: 1))
    }

    func scores(_ reference: ReferenceRanker, _ query: Int) -> [Double] {
        reference.scores(
            instruction: instructions[query], responses: Array(responses[query * 3..<query * 3 + 3])
        )
    }

    /// Mean over the two groups.
    func loss(_ reference: ReferenceRanker) -> Double {
        [0, 1].reduce(0) { sum, query in
            let labels = set.labels[query * 3..<query * 3 + 3].map(Double.init)
            return sum
                + referenceLoss(
                    example.loss, scores(reference, query), labels, temperature: example.temperature
                ) / 2
        }
    }

    /// The slope along a random direction of +-1 in every number of one tensor: central differences
    /// in Double, good to about 1e-9, against the float32 gradient's share of it.
    func compare(_ name: String, _ found: [Double], _ reference: ReferenceRanker) throws {
        var generator = Generator(seed: example.seed, stream: UInt64(found.count))
        let direction = found.map { _ in generator.below(2) == 0 ? -1.0 : 1 }
        func loss(_ step: Double) -> Double {
            var moved = reference
            for index in direction.indices {
                moved.tensors[name]![index] += step * direction[index]
            }
            return self.loss(moved)
        }
        let slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
        let ours = zip(found, direction).reduce(0) { $0 + $1.0 * $1.1 }
        let length = found.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(abs(slope - ours) < 1e-5 * length + 4e-6, "\(name)")
    }

    func compareScores(_ reference: ReferenceRanker) throws {
        let scorer = RankerScorer(weights)
        for query in [0, 1] {
            let ours = try scorer.score(set, query: query, rows: Array(query * 3..<query * 3 + 3))
            for (ours, expected) in zip(ours, scores(reference, query)) {
                #expect(abs(Double(ours) - expected) < 5e-6)
            }
        }
    }
}
