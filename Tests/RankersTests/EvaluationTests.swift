import Foundation
import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite struct `Scaling curve` {
    static let counts = [1, 2, 4, 8, 16, 32]
    static let pools: [Int64] = [8, 40]

    /// Pools of 8 and 40, with answers and log-probabilities.
    func set() throws -> FeatureSet {
        var builder = FeatureBuilder(queries: 12, pool: 24, seed: 7)
        builder.offsets = [0]
        for query in 0..<12 {
            builder.offsets.append(builder.offsets[query] + Self.pools[query % 2])
        }
        var generator = Generator(seed: 8)
        builder.answers = builder.labels.map { label in
            label == 1 ? 1 : Int32(generator.below(4)) - 1
        }
        builder.logProbabilities = builder.labels.map { _ in Float(generator.normal()) }
        return try builder.set()
    }

    func weights(_ kind: RankerKind, seed: UInt64 = 3) -> RankerWeights {
        RankerWeights(fresh: .preset(kind: kind, hiddenSize: 8), seed: seed)
    }

    @Test(arguments: RankerKind.allCases, [1, 2])
    func `each point is what evaluate says at this K, whatever the order and the neighbours`(
        kind: RankerKind, threadCount: Int
    ) throws {
        let set = try set()
        let order = [16, 1, 32, 4, 8, 2]
        let curve = try scalingCurve(
            of: weights(kind), on: set, candidateCounts: order, groupsPerQuery: 30, seed: 5,
            threadCount: threadCount)
        #expect(curve.map(\.candidateCount) == order)
        for (count, var point) in zip(order, curve) {
            let plan = try EvaluationConfiguration(
                candidateCount: count, groupsPerQuery: 30, seed: 5)
            let alone = try evaluate(weights(kind), on: set, plan)
            point.seconds = alone.seconds
            #expect(point == alone)
        }
    }

    @Test func `groups grow: the first sample stays, the oracle never falls`() throws {
        let curve = try scalingCurve(of: weights(.listwise), on: set())
        #expect(curve.map(\.candidateCount) == Self.counts)
        #expect(Set(curve.map(\.firstSample)).count == 1)
        for (fewer, more) in zip(curve, curve.dropFirst()) { #expect(fewer.oracle <= more.oracle) }
        #expect(curve[0].oracle < curve[5].oracle)
        #expect(Set(curve.map(\.accuracy)).count > 3)
    }

    @Test func `at K = 1 every method takes the first sample`() throws {
        let point = try scalingCurve(of: weights(.listwise), on: set(), candidateCounts: [1])[0]
        #expect(point.accuracy == point.firstSample && point.oracle == point.firstSample)
        #expect(point.majority == point.firstSample)
        #expect(point.highestLogProbability == point.firstSample)
    }

    @Test func `a K greater than a pool takes it whole and says how often`() throws {
        let curve = try scalingCurve(of: weights(.pointwise), on: set())
        #expect(curve.map(\.smallerPoolCount) == [0, 0, 0, 0, 6, 6])
        #expect(curve.allSatisfy { $0.queryCount == 12 && $0.groupCount == 240 })
    }

    @Test(arguments: [[], [0], [4, 1_025]])
    func `no K, or one out of range, is refused`(counts: [Int]) throws {
        let error = #expect(throws: LanguageSystemError.self) {
            try scalingCurve(of: weights(.listwise), on: set(), candidateCounts: counts)
        }
        #expect(error?.code == .invalidArgument)
    }
}

@Suite struct `Evaluation progress` {
    struct Stop: Error {}

    @Test(arguments: [1, 2])
    func `an evaluation's progress ascends to the last query, on the caller's thread`(
        threadCount: Int
    ) throws {
        let set = try FeatureBuilder(queries: 21).set()
        let weights = RankerWeights(fresh: .preset(kind: .pointwise, hiddenSize: 8), seed: 1)
        var seen: [EvaluationProgress] = []
        let caller = Thread.current
        _ = try evaluate(weights, on: set, threadCount: threadCount) {
            #expect(Thread.current == caller)
            seen.append($0)
        }
        #expect(seen.count > 1 && seen.last?.fraction == 1)
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.query < $1.query })
        #expect(seen.last?.note == "query 21 of 21")
    }

    @Test func `what the progress throws ends the evaluation`() throws {
        let set = try FeatureBuilder(queries: 21).set()
        let weights = RankerWeights(fresh: .preset(kind: .pointwise, hiddenSize: 8), seed: 1)
        var calls = 0
        #expect(throws: Stop.self) {
            try evaluate(weights, on: set, threadCount: 2) { _ in
                calls += 1
                throw Stop()
            }
        }
        #expect(calls == 1)
    }

    @Test func `one and two threads give equal evaluations`() throws {
        let set = try FeatureBuilder(queries: 21).set()
        let weights = RankerWeights(fresh: .preset(kind: .listwise, hiddenSize: 8), seed: 1)
        let one = try evaluate(weights, on: set, threadCount: 1)
        var two = try evaluate(weights, on: set, threadCount: 2)
        two.seconds = one.seconds
        #expect(one == two)
    }
}

@Suite struct `Baselines by hand` {
    /// One query whose pool is taken whole, so that only the order of the draw is by chance.
    func report(
        labels: [Float], answers: [Int32]? = nil, logs: [Float]? = nil, groups: Int = 400
    ) throws -> EvaluationReport {
        var builder = FeatureBuilder(queries: 1, pool: labels.count)
        builder.metadata["label_kind"] = "score"
        builder.labels = labels
        builder.answers = answers
        builder.logProbabilities = logs
        let weights = RankerWeights(fresh: .preset(kind: .pointwise, hiddenSize: 8), seed: 1)
        return try evaluate(
            weights, on: builder.set(),
            EvaluationConfiguration(candidateCount: labels.count, groupsPerQuery: groups))
    }

    @Test func `highest log-probability and oracle pick one known candidate`() throws {
        let report = try report(labels: [0, 0.25, 4, 1], logs: [-3, -0.5, -7, -1])
        #expect(report.highestLogProbability == 0.25 && report.oracle == 4)
        #expect(report.majority == nil)
    }

    @Test func `the majority is the answer that most candidates give`() throws {
        #expect(try report(labels: [0, 0, 3, 3, 3], answers: [1, 2, 7, 7, 7]).majority == 3)
    }

    @Test func `unknown answers do not vote, however many they are`() throws {
        #expect(try report(labels: [9, 9, 9, 5], answers: [-1, -1, -1, 0]).majority == 5)
    }

    @Test func `where all answers are unknown the majority is the first sample`() throws {
        let report = try report(labels: [1, 2, 3], answers: [-1, -1, -1])
        #expect(report.majority == report.firstSample)
        #expect(report.highestLogProbability == nil)
    }

    @Test(
        arguments: [
            ([5, 7, 7, 8, 8], 1), ([8, 7, 8, 7], 0), ([-1, -1, 3], 2), ([-1, -1], 0), ([4, 6], 0),
            ([2, 9, 9, 9, 2, 2, 1], 0),
        ] as [([Int32], Int)])
    func `of equally frequent answers the one that stands first wins`(answers: [Int32], pick: Int) {
        #expect(mostFrequent(answers) == pick)
    }

    @Test(arguments: [([1, 3, 3], 1), ([0, 0, 0], 0), ([-2, -1], 1)] as [([Float], Int)])
    func `of equal scores the first wins`(scores: [Float], pick: Int) {
        #expect(greatest(scores[...]) == pick)
    }

    @Test func `the standard error is over queries: more groups of one query do not lower it`()
        throws
    {
        // Four queries of one label each: the mean is 1/2, its error by query about 1/4.
        var builder = FeatureBuilder(queries: 4, pool: 4)
        builder.labels = (0..<16).map { $0 < 8 ? 1 : 0 }
        let weights = RankerWeights(fresh: .preset(kind: .pointwise, hiddenSize: 8), seed: 1)
        for groups in [2, 200] {
            let report = try evaluate(
                weights, on: builder.set(),
                EvaluationConfiguration(candidateCount: 2, groupsPerQuery: groups))
            #expect(report.accuracy == 0.5 && report.groupCount == 4 * groups)
            #expect(abs(report.standardError - 0.25) < 0.02)
        }
    }
}
