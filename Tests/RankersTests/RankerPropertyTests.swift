import LanguageSystem
import RankerMath
import Rankers
import Testing

/// A ranker, a group and the numbers that chose them, all from one seed.
struct RandomGroup {
    let scorer: RankerScorer
    var builder: FeatureBuilder
    let count: Int
    var generator: Generator

    init(_ kind: RankerKind, seed: UInt64) throws {
        var generator = Generator(seed: seed)
        let size = 5 + generator.below(40)
        let heads = [1, 2, 4][generator.below(3)]
        let residual = generator.below(2) == 0
        let width = heads * (2 + generator.below(8))
        count = 2 + generator.below(20)
        let configuration = try RankerConfiguration(
            kind: kind, hiddenSize: size, projectionWidth: width,
            instruction: generator.below(2) == 0 ? .feature : .learned,
            blocks: 1 + generator.below(3), heads: heads, mlpMultiple: 1 + generator.below(4),
            activation: generator.below(2) == 0 ? .gelu : .relu,
            residual: kind == .pointwise && residual)
        scorer = RankerScorer(RankerWeights(fresh: configuration, seed: seed))
        builder = FeatureBuilder(queries: 1, pool: count, width: size, seed: seed)
        self.generator = generator
    }

    func scores(_ rows: [Int]? = nil) throws -> [Float] {
        try scorer.score(builder.set(), query: 0, rows: rows ?? Array(0..<count))
    }

    mutating func scaleResponse(_ row: Int, by factor: Float) {
        for column in 0..<builder.width {
            builder.responses[row * builder.width + column] *= factor
        }
    }
}

@Suite struct `Ranker properties` {
    static let seeds = Array(UInt64(1)...40)

    @Test(arguments: RankerKind.allCases, seeds)
    func `permuting the candidates permutes the scores`(kind: RankerKind, seed: UInt64) throws {
        var group = try RandomGroup(kind, seed: seed)
        let plain = try group.scores()
        let order = group.generator.choose(group.count, of: group.count)
        let permuted = try group.scores(order)
        for (position, original) in order.enumerated() {
            #expect(abs(permuted[position] - plain[original]) < 5e-6)
        }
        #expect(Set(plain).count > 1)
    }

    @Test(arguments: seeds)
    func `a pointwise score does not depend on the other candidates`(seed: UInt64) throws {
        var group = try RandomGroup(.pointwise, seed: seed)
        let all = try group.scores()
        let some = group.generator.choose(1 + group.generator.below(group.count), of: group.count)
        for (row, score) in zip(some, try group.scores(some)) {
            #expect(abs(score - all[row]) < 1e-6)
        }
    }

    @Test(arguments: seeds)
    func `scaling a response changes its own pointwise score, and no bit of another`(
        seed: UInt64
    ) throws {
        var group = try RandomGroup(.pointwise, seed: seed)
        let plain = try group.scores()
        let row = group.generator.below(group.count)
        group.scaleResponse(row, by: 3)
        let scaled = try group.scores()
        for index in plain.indices {
            #expect((plain[index].bitPattern == scaled[index].bitPattern) == (index != row))
        }
    }

    @Test(arguments: seeds)
    func `scaling a response changes a listwise ranker's other scores, too`(seed: UInt64) throws {
        var group = try RandomGroup(.listwise, seed: seed)
        let plain = try group.scores()
        let row = group.generator.below(group.count)
        group.scaleResponse(row, by: 3)
        #expect(zip(plain, try group.scores()).contains { abs($0 - $1) > 1e-6 })
    }

    @Test(arguments: RankerKind.allCases, [nil, 6] as [Int?])
    func `a cosine of features, projected without bias or not, knows no length`(
        kind: RankerKind, width: Int?
    ) throws {
        let configuration = try RankerConfiguration(
            kind: kind, hiddenSize: 24, projectionWidth: width, blocks: 0, heads: 1)
        var values = RankerWeights(fresh: configuration, seed: 2).allValues
        // The projection's bias is the last tensor of such a ranker.
        for index in 0..<(width ?? 0) { values[values.count - 1 - index] = 0 }
        let scorer = RankerScorer(RankerWeights(configuration: configuration, values: values))
        var builder = FeatureBuilder(queries: 1, pool: 5, width: 24, seed: 3)
        let plain = try scorer.score(builder.set(), query: 0, rows: [0, 1, 2, 3, 4])
        for row in 0..<5 {
            for column in 0..<24 {
                builder.responses[row * 24 + column] *= [0.1, 3, 50, 1, 7][row]
            }
        }
        for column in 0..<24 { builder.instruction[column] *= 0.3 }
        let scaled = try scorer.score(builder.set(), query: 0, rows: [0, 1, 2, 3, 4])
        for (a, b) in zip(plain, scaled) { #expect(abs(a - b) < 2e-6) }
        for column in 0..<24 { builder.responses[column] *= -1 }
        let turned = try scorer.score(builder.set(), query: 0, rows: [0, 1, 2, 3, 4])
        #expect(abs(turned[0] + plain[0]) < 2e-6 && abs(plain[0]) > 1e-3)
    }
}
