// Paired differences as they come: of two versions, on one query after the other. Simulated, so that
// what is true is known.
import RankerMath

/// How the differences of two versions are spread around their mean.
public enum DifferenceShape: String, Sendable, CaseIterable {
    /// One candidate is right or wrong: -1, 0 or 1, equal on 65 of 100 queries.
    case winOrLoss = "win, loss or neither"
    /// The mean of 20 groups, in twentieths, standard deviation 0.21.
    case twentieths = "means of 20 groups"
    /// A little worse nearly always, much better now and then: -0.1 nine times, 0.9 once.
    case skewed = "rarely much better"

    /// One difference whose mean is zero.
    func null(using generator: inout Generator) -> Double {
        switch self {
        case .winOrLoss:
            let u = Double(generator.unitFloat())
            return u < 0.175 ? -1 : u < 0.35 ? 1 : 0
        case .twentieths: return twentieth(mean: 0, deviation: 0.21, using: &generator)
        case .skewed: return generator.below(10) == 0 ? 0.9 : -0.1
        }
    }
}

/// A difference of two means of 20 groups: normal, rounded to twentieths, cut at -1 and 1.
func twentieth(mean: Double, deviation: Double, using generator: inout Generator) -> Double {
    let value = mean + deviation * generator.normal()
    return min(1, max(-1, (value * 20).rounded() / 20))
}

/// What versions of one ranker get on the same test set: each query has a difficulty that all share,
/// each version its own luck on it.
struct SimulatedTestSet {
    private let difficulties: [Double]
    /// So that two versions differ by a standard deviation of 0.21.
    private static let luck = 0.21 / 2.0.squareRoot()

    init(queryCount: Int, using generator: inout Generator) {
        difficulties = (0..<queryCount).map { _ in
            min(1, max(0, 0.57 + 0.35 * generator.normal()))
        }
    }

    /// The mean labels of a version whose accuracy differs from the others' by `skill`.
    func values(skill: Double, using generator: inout Generator) -> [Double] {
        difficulties.map { $0 + skill + Self.luck * generator.normal() }
    }
}
