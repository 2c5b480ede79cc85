import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite struct `Epoch choice` {
    @Test(
        arguments: [
            // accuracies, patience, the epochs that are seen, the best
            ([0.5, 0.6, 0.55, 0.59, 0.7], 2, 4, 2), ([0.5, 0.5, 0.5, 0.9], 2, 3, 1),
            ([0.5, 0.4, 0.6, 0.3, 0.6, 0.9], 3, 6, 6), ([0.1, 0.2, 0.3], 1, 3, 3),
            ([0.3, 0.2, 0.9], 1, 2, 1), ([0, 0, 0], 5, 3, 1),
        ] as [([Double], Int, Int, Int)])
    func `the best epoch, of equal ones the earlier, is kept until patience is spent`(
        accuracies: [Double], patience: Int, seen: Int, best: Int
    ) {
        var choice = EpochChoice(patience: patience)
        for accuracy in accuracies where !choice.isOver {
            let isBest = choice.record(accuracy)
            #expect(isBest == (choice.best == choice.accuracies.count))
        }
        #expect(choice.accuracies == Array(accuracies[..<seen]) && choice.best == best)
    }
}

@Suite struct `Early stopping` {
    let ranker = RankerConfiguration.preset(kind: .listwise, hiddenSize: 8)

    func plan(epochs: Int = 6, heldOut: Double = 0.25, patience: Int = 2) throws
        -> TrainingConfiguration
    {
        var plan = TrainingConfiguration.preset(kind: .listwise)
        plan.batchGroups = 16
        plan.epochs = epochs
        plan.optimizer = .sgd(rate: 0.5)
        plan.earlyStopping = try EarlyStopping(heldOut: heldOut, patience: patience)
        return plan
    }

    /// Labels by chance: nothing to learn, so that the held-out accuracy wanders.
    func noise(queries: Int = 12) throws -> FeatureSet {
        var builder = FeatureBuilder(queries: queries, seed: 3)
        var generator = Generator(seed: 4)
        for row in builder.labels.indices { builder.labels[row] = Float(generator.below(2)) }
        return try builder.set()
    }

    @Test(arguments: [1, 2])
    func `training stops when patience is spent, and the report says what it saw`(threadCount: Int)
        throws
    {
        let report = try train(
            ranker, plan(epochs: 30), on: [noise()], threadCount: threadCount
        ).report
        let stopping = try #require(report.earlyStopping)
        #expect(stopping.heldOutQueryCount == 3 && report.queryCount == 12)
        #expect(stopping.epochCount < 30)
        #expect(stopping.epochCount == stopping.bestEpoch + 2)
        #expect(stopping.heldOutAccuracies.count == stopping.epochCount)
        let best = stopping.heldOutAccuracies[stopping.bestEpoch - 1]
        let before = stopping.heldOutAccuracies[..<(stopping.bestEpoch - 1)]
        let after = stopping.heldOutAccuracies[stopping.bestEpoch...]
        #expect(before.allSatisfy { $0 < best } && after.allSatisfy { $0 <= best })
    }

    @Test func `early stopping returns the weights of the best epoch, not of the last`() throws {
        let set = try noise()
        let (weights, report) = try train(ranker, plan(epochs: 30), on: [set])
        let stopping = try #require(report.earlyStopping)
        #expect(stopping.epochCount > stopping.bestEpoch)
        // The rate is constant, so a run that is stopped by hand after the best epoch is the same.
        struct Enough: Error {}
        var plan = try plan(epochs: max(2, stopping.bestEpoch), patience: 1_000)
        let short = try train(ranker, plan, on: [set])
        #expect(short.report.earlyStopping?.bestEpoch == stopping.bestEpoch)
        #expect(short.weights == weights)
        plan.seed = 2
        #expect(try train(ranker, plan, on: [set]).weights != weights)
    }

    @Test func `held-out queries give no group`() throws {
        let set = try FeatureBuilder(queries: 8).set()
        let table = FeatureTable([set])
        let plan = try plan()
        let all = CandidateGroups(training: table, plan, epoch: 0)
        let some = CandidateGroups(training: table, plan, epoch: 0, without: [1, 6])
        #expect(Set(all.queries) == Set(0..<8))
        #expect(Set(some.queries) == [0, 2, 3, 4, 5, 7])
        #expect(some.rows.allSatisfy { !(12..<24).contains($0) && !(72..<84).contains($0) })
        let report = try train(ranker, plan, on: [set]).report
        let epochs = try #require(report.earlyStopping).epochCount
        #expect(report.groupCount + report.droppedGroupCount == epochs * 6 * plan.groupsPerQuery)
    }

    @Test func `the accuracy is that of evaluate on the held-out queries`() throws {
        // One of two queries is held out. Labels are real numbers, so that no two means are equal
        // by chance; with the other query's at 0, a mean over both is half of one query's.
        var builder = FeatureBuilder(queries: 2, pool: 20, seed: 9)
        builder.metadata["label_kind"] = "score"
        var generator = Generator(seed: 10)
        builder.labels = builder.labels.map { _ in generator.unitFloat() }
        let labels = builder.labels
        var plan = try plan(epochs: 2, heldOut: 0.5)
        plan.candidateCount = 4
        let (weights, report) = try train(ranker, plan, on: [builder.set()])
        let stopping = try #require(report.earlyStopping)
        let found = stopping.heldOutAccuracies[stopping.bestEpoch - 1]
        let measured = try [0, 1].map { query in
            builder.labels = labels.indices.map { $0 / 20 == query ? labels[$0] : 0 }
            let alone = try evaluate(
                weights, on: builder.set(), EvaluationConfiguration(candidateCount: 4, seed: 1))
            return alone.accuracy * 2
        }
        #expect(measured.contains { abs($0 - found) < 1e-12 }, "\(measured), \(found)")
        #expect(abs(measured[0] - measured[1]) > 1e-3)
    }

    @Test func `a cosine ends at the planned last epoch, wherever training stops`() throws {
        var plan = try plan(epochs: 30)
        plan.optimizer = .sgd(rate: 0.5, schedule: .cosine)
        var steps: [TrainingProgress] = []
        _ = try train(ranker, plan, on: [noise()]) { steps.append($0) }
        let last = try #require(steps.last)
        #expect(last.step < last.stepCount && last.epoch < 30 && last.epochCount == 30)
        #expect(Set(steps.map(\.stepCount)).count == 1)
    }

    @Test func `early stopping is repeatable, and without it nothing is held out`() throws {
        let set = try noise()
        var plan = try plan()
        let runs = try (0..<2).map { _ in try train(ranker, plan, on: [set]) }
        #expect(runs[0].weights == runs[1].weights)
        #expect(runs[0].report.earlyStopping == runs[1].report.earlyStopping)
        plan.earlyStopping = nil
        plan.epochs = 1
        let report = try train(ranker, plan, on: [set]).report
        #expect(report.earlyStopping == nil)
        #expect(report.groupCount + report.droppedGroupCount == 12 * plan.groupsPerQuery)
        #expect(!report.json.contains("early_stopping"))
    }

    @Test(arguments: [(3, 0.1, "is 0"), (1, 0.9, "is 1"), (2, 0.9, "is 2")])
    func `too few queries are refused with the count`(
        queries: Int, heldOut: Double, sentence: String
    ) throws {
        let error = #expect(throws: LanguageSystemError.self) {
            try train(ranker, plan(heldOut: heldOut), on: [noise(queries: queries)])
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(sentence) == true, "\(String(describing: error))")
    }

    @Test func `held-out queries of one label each are refused`() throws {
        var builder = FeatureBuilder(queries: 20, pool: 12)
        for row in 0..<19 * 12 { builder.labels[row] = 1 }
        let error = #expect(throws: LanguageSystemError.self) {
            try train(ranker, plan(heldOut: 0.05), on: [builder.set()])
        }
        #expect(error?.message.contains("no query with different labels") == true)
    }

    @Test(arguments: [
        (#"{"patience":0}"#, 3, "found patience 0"), (#"{"held_out":0}"#, 3, "found held_out 0"),
        (#"{"held_out":0.91}"#, 3, "found held_out 0.91"), (#"{"held_out":0.2}"#, 1, "epochs 1"),
        (#"{"share":0.2}"#, 3, "unknown key 'share'"), ("7", 3, "'early_stopping"),
        (#"{"patience":"2"}"#, 3, "'early_stopping.patience'"),
    ])
    func `an impossible setting of early stopping is refused`(
        json: String, epochs: Int, sentence: String
    ) {
        let training =
            #"{"loss":"list_kl","optimizer":{"name":"sgd","lr":1},"epochs":\#(epochs),"#
            + #""early_stopping":\#(json)}"#
        let error = #expect(throws: LanguageSystemError.self) {
            try TrainingConfiguration(json: training)
        }
        #expect(error?.description.contains(sentence) == true, "\(String(describing: error))")
    }

    @Test func `early stopping's JSON survives; without it the key is absent, null means none`()
        throws
    {
        let plan = try plan()
        #expect(plan.json.contains(#""early_stopping":{"held_out":0.25,"patience":2}"#))
        #expect(try TrainingConfiguration(json: plan.json) == plan)
        for kind in RankerKind.allCases {
            #expect(!TrainingConfiguration.preset(kind: kind).json.contains("early_stopping"))
        }
        let none = #"{"loss":"list_kl","optimizer":{"name":"sgd","lr":1},"early_stopping":null}"#
        #expect(try TrainingConfiguration(json: none).earlyStopping == nil)
    }
}
