// Synthetic features with one planted linear signal, of the shape, type and size of real ones:
// what training is timed on where no base model is at hand. Resembles hidden states in nothing
// else. Every query comes from its own sequence of numbers, so that one can be made alone.
internal import Foundation
internal import RankerMath

/// The model the features are drawn from. Letters: D hidden size, y a label in {0, 1}, n ~ N(0, 1)
/// for each number, m ~ N(0, 1) for each response.
///
///     i_q = a + c_q + 0.5 n                                       instruction, [D]
///     r   = b + 0.6 c_q + 0.8 n + delta (2 y - 1 + 0.8 m) u        response, [D]
///     y ~ Bernoulli(p_q),  p_q ~ Beta(1.5, 2)
///
/// a, b = 0.7 N(0, 1) are common means (without a common part of i, a cosine with i~ could not
/// carry one direction over to new queries), c_q ~ N(0, 1) is the query's own, u a unit vector.
/// a, b and u are the same for every seed, so that files of two seeds are train and test of one
/// task. |r| is about the root of 1.5 D: 78 at D = 4096, where delta 8 is 2 % of the energy.
package struct PlantedSignal: Sendable {
    package let hiddenSize: Int
    package let responseCount: Int
    package let seed: UInt64
    package let delta: Float
    /// u, shape [D], of length 1: the planted direction.
    package let direction: [Float]
    private let instructionMean: [Float]
    private let responseMean: [Float]

    /// - Precondition: hiddenSize >= 1 and responseCount >= 2.
    package init(hiddenSize: Int, responseCount: Int, seed: UInt64, delta: Float) {
        precondition(hiddenSize >= 1 && responseCount >= 2, "a pool has two responses or more")
        self.hiddenSize = hiddenSize
        self.responseCount = responseCount
        self.seed = seed
        self.delta = delta
        var shared = Generator(seed: 777, stream: BenchStream.planted)
        let raw = (0..<hiddenSize).map { _ in shared.normal() }
        let length = raw.reduce(0) { $0 + $1 * $1 }.squareRoot()
        direction = raw.map { Float($0 / length) }
        instructionMean = (0..<hiddenSize).map { _ in 0.7 * Float(shared.normal()) }
        responseMean = (0..<hiddenSize).map { _ in 0.7 * Float(shared.normal()) }
    }

    /// One query: instruction [D], responses [responseCount, D], labels [responseCount].
    package struct Query: Sendable {
        package var instruction: [Float]
        package var responses: [Float]
        package var labels: [Float]
    }

    /// Makes a query. It has at least 5 labels of each kind, or half the pool where that is less.
    package func query(_ index: Int) -> Query {
        var generator = Generator(seed: seed, stream: BenchStream.plantedQuery + UInt64(index))
        let own = (0..<hiddenSize).map { _ in Float(generator.normal()) }
        let instruction = (0..<hiddenSize).map {
            instructionMean[$0] + own[$0] + 0.5 * Float(generator.normal())
        }
        let labels = drawLabels(&generator)
        var responses = [Float](repeating: 0, count: responseCount * hiddenSize)
        for (row, label) in labels.enumerated() {
            let shift = delta * (2 * label - 1 + 0.8 * Float(generator.normal()))
            for column in 0..<hiddenSize {
                responses[row * hiddenSize + column] =
                    responseMean[column] + 0.6 * own[column] + 0.8 * Float(generator.normal())
                    + shift * direction[column]
            }
        }
        return Query(instruction: instruction, responses: responses, labels: labels)
    }

    private func drawLabels(_ generator: inout Generator) -> [Float] {
        let share = Float(generator.beta(1.5, 2))
        var labels = (0..<responseCount).map { _ in generator.unitFloat() < share ? Float(1) : 0 }
        let least = min(5, responseCount / 2)
        let forced = generator.choose(2 * least, of: responseCount)
        for row in forced[..<least] { labels[row] = 1 }
        for row in forced[least...] { labels[row] = 0 }
        return labels
    }
}

extension Generator {
    /// A Beta(a, b) variate, as X / (X + Y) of two gamma variates.
    /// - Precondition: a >= 1 and b >= 1.
    mutating func beta(_ a: Double, _ b: Double) -> Double {
        let x = gamma(a)
        return x / (x + gamma(b))
    }

    /// A Gamma(shape, 1) variate, by Marsaglia and Tsang's rejection method (2000).
    private mutating func gamma(_ shape: Double) -> Double {
        precondition(shape >= 1, "the method needs a shape of 1 or more")
        let d = shape - 1 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let v = (1 + c * x) * (1 + c * x) * (1 + c * x)
            guard v > 0 else { continue }
            let u = 1 - Double(unitFloat())
            if log(u) < x * x / 2 + d - d * v + d * log(v) { return d * v }
        }
    }
}
