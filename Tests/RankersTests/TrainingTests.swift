import Foundation
import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite struct `Training` {
    func plan(_ kind: RankerKind, seed: UInt64 = 1) -> TrainingConfiguration {
        var plan = TrainingConfiguration.preset(kind: kind)
        plan.batchGroups = 16
        plan.seed = seed
        return plan
    }

    @Test(arguments: RankerKind.allCases, [1, 2])
    func `the same seed gives the same bytes, another seed others`(
        kind: RankerKind, threadCount: Int
    ) throws {
        let set = try FeatureBuilder().set()
        let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: 8)
        let digests = try [1, 1, 2].map { seed in
            try train(configuration, plan(kind, seed: seed), on: [set], threadCount: threadCount)
                .weights.digest
        }
        #expect(digests[0] == digests[1] && digests[0] != digests[2])
    }

    @Test(arguments: RankerKind.allCases)
    func `one and two threads agree to 1e-4 on every weight after one SGD epoch`(
        kind: RankerKind
    ) throws {
        let set = try FeatureBuilder().set()
        let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: 8)
        var plan = plan(kind)
        plan.optimizer = .sgd(rate: 0.05)
        let one = try train(configuration, plan, on: [set], threadCount: 1).weights
        let two = try train(configuration, plan, on: [set], threadCount: 2).weights
        let start = RankerWeights(fresh: configuration, seed: plan.seed)
        #expect(zip(one.allValues, two.allValues).allSatisfy { abs($0 - $1) < 1e-4 })
        #expect(zip(one.allValues, start.allValues).contains { abs($0 - $1) > 0.05 })
    }

    @Test(arguments: RankerKind.allCases)
    func `a planted signal is found, and beats the first sample on new queries`(
        kind: RankerKind
    ) throws {
        let sets = try [1, 2].map { try FeatureBuilder(queries: 12, seed: $0).set() }
        let test = try FeatureBuilder(queries: 30, seed: 3).set()
        let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: 8)
        let (weights, report) = try train(configuration, plan(kind), on: sets)
        let measured = try evaluate(weights, on: test)
        #expect(report.featureSetCount == 2 && report.queryCount == 24)
        #expect(measured.accuracy > measured.firstSample + 0.25)
        #expect(measured.accuracy <= measured.oracle)
    }

    @Test func `groups of one label, and pools that are too small, are dropped and counted`() throws
    {
        var builder = FeatureBuilder(queries: 3, pool: 8)
        for row in 0..<8 { builder.labels[row] = 1 }
        for row in 8..<24 { builder.labels[row] = row % 8 == 0 ? 1 : 0 }
        builder.offsets = [0, 8, 16, 24]
        var plan = plan(.listwise)
        plan.candidateCount = 4
        plan.groupsPerQuery = 30
        let configuration = RankerConfiguration.preset(kind: .listwise, hiddenSize: 8)
        let report = try train(configuration, plan, on: [builder.set()]).report
        #expect(report.droppedQueryCount == 1)
        #expect(report.groupCount + report.droppedGroupCount == 60)
        #expect(report.positiveShare == 0.25)
        // Before anything is dropped: 8 of 8, 1 of 8 and 1 of 8.
        #expect(report.poolPositiveShare == 10.0 / 24)
        plan.candidateCount = 9
        let error = #expect(throws: LanguageSystemError.self) {
            try train(configuration, plan, on: [builder.set()])
        }
        #expect(error?.code == .invalidFeatures)
    }

    @Test func `what progress throws ends the run`() throws {
        struct Stop: Error {}
        let set = try FeatureBuilder().set()
        var steps = 0
        #expect(throws: Stop.self) {
            try train(
                .preset(kind: .listwise, hiddenSize: 8), plan(.listwise), on: [set], threadCount: 2
            ) { progress in
                steps = progress.step
                if progress.step == 3 { throw Stop() }
            }
        }
        #expect(steps == 3)
    }

    @Test func `training goes on from given weights`() throws {
        let set = try FeatureBuilder().set()
        let configuration = RankerConfiguration.preset(kind: .listwise, hiddenSize: 8)
        let first = try train(configuration, plan(.listwise), on: [set])
        let second = try train(configuration, plan(.listwise), on: [set], initial: first.weights)
        #expect(second.report.firstLoss < first.report.firstLoss)
        let other = RankerWeights(fresh: .preset(kind: .pointwise, hiddenSize: 8), seed: 1)
        #expect(throws: LanguageSystemError.self) {
            try train(configuration, plan(.listwise), on: [set], initial: other)
        }
    }

    @Test func `features of another width are refused with both widths`() throws {
        let set = try FeatureBuilder().set()
        let configuration = RankerConfiguration.preset(kind: .listwise, hiddenSize: 9)
        let error = #expect(throws: LanguageSystemError.self) {
            try train(configuration, plan(.listwise), on: [set])
        }
        #expect(error?.code == .contractMismatch)
        #expect(error?.message.contains("width 8") == true)
        #expect(error?.message.contains("takes 9") == true)
    }

    @Test func `a learning rate that diverges ends with a sentence`() throws {
        let set = try FeatureBuilder().set()
        var plan = plan(.listwise)
        plan.loss = .listMSE
        plan.optimizer = .sgd(rate: 100, weightDecay: 1)
        plan.epochs = 50
        let configuration = try RankerConfiguration(
            kind: .listwise, hiddenSize: 8, similarity: .affine)
        #expect(throws: LanguageSystemError.self) { try train(configuration, plan, on: [set]) }
    }

    @Test(arguments: RankerKind.allCases)
    func `the gradient of the whole ranker agrees with central differences`(
        kind: RankerKind
    ) throws {
        let set = try FeatureBuilder().set()
        let configuration = try RankerConfiguration(
            kind: kind, hiddenSize: 8, projectionWidth: 8, blocks: 2, heads: 2, similarity: .affine)
        var plan = plan(kind)
        plan.candidateCount = 4
        plan.groupsPerQuery = 30
        let table = FeatureTable([set])
        let groups = CandidateGroups(training: table, plan, epoch: 0)
        let order: ArraySlice<Int32> = [0, 1, 2, 3][...]
        let team = ThreadTeam(count: 1)
        let weights = RankerWeights(fresh: configuration, seed: 4)
        let trainer = Trainer(weights, plan, on: table, team: team)
        _ = trainer.computeGradient(groups, order: order)
        let gradient = trainer.gradient
        var generator = Generator(seed: 6)
        // The forward pass is float32: with steps of 2^-8 its rounding is about 1e-4 of a slope.
        for index in generator.choose(60, of: gradient.count) {
            func loss(_ step: Float) -> Double {
                var values = weights.allValues
                values[index] += step
                let moved = RankerWeights(configuration: configuration, values: values)
                return Trainer(moved, plan, on: table, team: team)
                    .computeGradient(groups, order: order)
            }
            let slope = (loss(0x1p-8) - loss(-0x1p-8)) * 0x1p7
            #expect(abs(slope - Double(gradient[index])) < 2e-3 + 0.02 * abs(slope))
        }
    }
}

@Suite struct `Evaluation` {
    @Test func `an evaluation's groups depend on the seed and the set, not on the ranker`() throws {
        var builder = FeatureBuilder(queries: 10)
        builder.answers = builder.labels.map { $0 == 1 ? 7 : -1 }
        builder.logProbabilities = builder.labels.map { $0 - 2 }
        let set = try builder.set()
        let reports = try [(RankerKind.listwise, 1), (.pointwise, 2)].map { kind, threads in
            let weights = RankerWeights(fresh: .preset(kind: kind, hiddenSize: 8), seed: 1)
            return try evaluate(weights, on: set, threadCount: threads)
        }
        #expect(reports[0].firstSample == reports[1].firstSample)
        #expect(reports[0].oracle == reports[1].oracle)
        #expect(reports[0].majority == reports[0].oracle)
        #expect(reports[0].highestLogProbability == reports[0].oracle)
        #expect(reports[0].groupCount == 200 && reports[0].queryCount == 10)
        #expect(reports[0].standardError > 0)
    }

    @Test func `one candidate leaves nothing to choose`() throws {
        let set = try FeatureBuilder().set()
        let weights = RankerWeights(fresh: .preset(kind: .listwise, hiddenSize: 8), seed: 1)
        let report = try evaluate(weights, on: set, EvaluationConfiguration(candidateCount: 1))
        #expect(report.accuracy == report.firstSample && report.accuracy == report.oracle)
    }

    @Test func `a smaller pool is taken whole and counted`() throws {
        let set = try FeatureBuilder(queries: 4, pool: 5).set()
        let weights = RankerWeights(fresh: .preset(kind: .listwise, hiddenSize: 8), seed: 1)
        let report = try evaluate(weights, on: set)
        #expect(report.smallerPoolCount == 4 && report.majority == nil)
    }

    @Test func `the demo's seven subjects: both rankers beat the first sample clearly`() throws {
        let folder = URL(filePath: #filePath).appending(path: "../../../deploy/examples/math")
            .standardized
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
        let subjects = files.compactMap { $0.firstMatch(of: /(.+)\/train\.safetensors$/)?.1 }
        func sets(_ split: Split) throws -> [FeatureSet] {
            try subjects.map {
                try FeatureSet(
                    contentsOf: folder.appending(path: "\($0)/\(split.rawValue).safetensors").path)
            }
        }
        #expect(subjects.count == 7)
        for kind in RankerKind.allCases {
            let (weights, _) = try train(
                .preset(kind: kind, hiddenSize: 384), .preset(kind: kind), on: try sets(.train),
                threadCount: 2)
            var (accuracy, first, queries) = (0.0, 0.0, 0.0)
            for set in try sets(.test) {
                let report = try evaluate(weights, on: set, threadCount: 2)
                accuracy += report.accuracy * Double(report.queryCount)
                first += report.firstSample * Double(report.queryCount)
                queries += Double(report.queryCount)
            }
            #expect(accuracy / queries > first / queries + 0.08, "\(kind): \(accuracy / queries)")
            try picksInHalfPrecision(weights, kind, try sets(.test))
        }
    }

    /// Serving keeps rankers in bfloat16: of the same candidates it picks the same answer almost
    /// always, and where not, one as good.
    private func picksInHalfPrecision(
        _ weights: RankerWeights, _ kind: RankerKind, _ sets: [FeatureSet]
    ) throws {
        let whole = RankerScorer(weights, precision: .float32)
        let half = RankerScorer(weights, precision: .bfloat16)
        var (groupCount, sameCount, wholeRight, halfRight) = (0, 0, 0, 0)
        for set in sets {
            for query in 0..<set.queryCount {
                for start in stride(
                    from: set.offsets[query], to: set.offsets[query + 1] - 9, by: 10)
                {
                    let rows = Array(start..<start + 10)
                    func pick(_ scorer: RankerScorer) throws -> Int {
                        let scores = try scorer.score(set, query: query, rows: rows)
                        return rows[scores.indices.max { scores[$0] < scores[$1] }!]
                    }
                    let (exact, rounded) = (try pick(whole), try pick(half))
                    groupCount += 1
                    sameCount += exact == rounded ? 1 : 0
                    wholeRight += set.labels[exact] > 0.5 ? 1 : 0
                    halfRight += set.labels[rounded] > 0.5 ? 1 : 0
                }
            }
        }
        print(
            """
            \(kind): of \(groupCount) groups of 10 bfloat16 picks the same in \(sameCount); right \
            \(wholeRight) and \(halfRight)
            """
        )
        #expect(Double(sameCount) > 0.97 * Double(groupCount))
        #expect(Double(abs(wholeRight - halfRight)) < 0.01 * Double(groupCount))
    }
}
