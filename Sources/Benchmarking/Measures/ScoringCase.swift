// What `lsbench score` sets side by side, each one call: groups scored by a ranker, and the bare
// product of matrices at the heart of one group. Both take their weights from a given ranker of
// many, so that many rankers' weights do not stay in cache.
package import LanguageSystem
package import RankerMath
internal import Rankers

/// Rankers of one shape and groups of float16 features, made from a seed.
package final class ScoringCase {
    package let kind: RankerKind
    package let precision: Precision
    package let candidateCount: Int
    /// The number of groups that one call scores.
    package let groupCount: Int
    private let hiddenSize: Int
    private let scorers: [RankerScorer]
    private let features: [UInt16]
    package private(set) var scores: [Float]

    package init(
        kind: RankerKind, precision: Precision, hiddenSize: Int, candidateCount: Int,
        groupCount: Int = 1, rankerCount: Int
    ) {
        let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: hiddenSize)
        self.kind = kind
        self.precision = precision
        self.groupCount = groupCount
        self.hiddenSize = hiddenSize
        self.candidateCount = candidateCount
        scorers = (0..<rankerCount).map {
            RankerScorer(
                RankerWeights(fresh: configuration, seed: UInt64($0)), precision: precision)
        }
        features = randomFloat16(count: groupCount * (candidateCount + 1) * hiddenSize)
        scores = [Float](repeating: 0, count: groupCount * candidateCount)
    }

    /// The multiplications and additions of one group.
    package var operations: Double {
        Arithmetic(.preset(kind: kind, hiddenSize: hiddenSize))
            .scoring(candidateCount: candidateCount)
    }

    /// Scores the groups with one of the rankers.
    package func score(ranker: Int) throws(LanguageSystemError) {
        let (scorer, count, groups) = (scorers[ranker], candidateCount, groupCount)
        let result = features.withUnsafeBytes { bytes in
            scores.withUnsafeMutableBufferPointer { target in
                Result<Void, LanguageSystemError> { () throws(LanguageSystemError) in
                    try scorer.score(
                        features: bytes, dtype: .float16, candidateCount: count, groupCount: groups,
                        into: target)
                }
            }
        }
        try result.get()
    }
}

/// z [rows, 64] = x [rows, D] W' in float32, with W of one of many rankers: by oneDNN with W as it
/// is stored, or by our kernel with W' as a scorer keeps it.
package final class BareProduct {
    package enum Way: String, CaseIterable, Sendable {
        case library = "bare product, oneDNN"
        case own = "bare product, ours"
    }

    private static let width = 64
    private let rows: Int
    private let hiddenSize: Int
    private let memory: Scratch
    private let x, z: UnsafeMutablePointer<Float>
    private let weights: [UnsafeMutablePointer<Float>]

    package init(rows: Int, hiddenSize: Int, rankerCount: Int) {
        self.rows = rows
        self.hiddenSize = hiddenSize
        let (xCount, wCount) = (rows * hiddenSize, Self.width * hiddenSize)
        let memory = Scratch(
            count: Scratch.rounded(xCount) + Scratch.rounded(rows * Self.width)
                + rankerCount * Scratch.rounded(wCount))
        self.memory = memory
        x = memory.take(xCount)
        z = memory.take(rows * Self.width)
        weights = (0..<rankerCount).map { _ in memory.take(wCount) }
        var generator = Generator(seed: 3)
        for index in 0..<xCount { x[index] = 2 * generator.unitFloat() - 1 }
        for weight in weights {
            for index in 0..<wCount { weight[index] = 2 * generator.unitFloat() - 1 }
        }
        keepProductsOnThisThread()
    }

    /// The multiplications and additions of one call.
    package var operations: Double { 2 * Double(rows * hiddenSize * Self.width) }

    package func run(_ way: Way, ranker: Int) {
        switch way {
        case .library:
            libraryMultiply(
                x, lda: hiddenSize, weights[ranker], ldb: hiddenSize, transposeB: true, into: z,
                ldc: Self.width, accumulate: false, m: rows, n: Self.width, k: hiddenSize)
        case .own:
            multiply(
                x, lda: hiddenSize, weights[ranker], ldb: Self.width, into: z, ldc: Self.width,
                accumulate: false, m: rows, n: Self.width, k: hiddenSize)
        }
    }
}

/// The float16 bits of random numbers of absolute value 1 to 2.
private func randomFloat16(count: Int) -> [UInt16] {
    var generator = Generator(seed: 2)
    return (0..<count).map { _ in UInt16(truncatingIfNeeded: generator.next()) & 0x83ff | 0x3c00 }
}
