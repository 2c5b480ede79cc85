import Foundation
import RankerMath
import Testing

/// Reference values that another program made with 50 digits; LS_GOLDEN_LEARNING names another
/// folder.
private struct GoldenEvidence: Decodable {
    struct Sequence: Decodable, CustomTestStringConvertible {
        let name: String
        let differences: [Double]
        let log_e_better: [Double]
        let log_e_worse: [Double]
        let log_e_not_worse_than_margin_02: [Double]

        var testDescription: String { name }
    }

    struct Selection: Decodable {
        let alpha: Double
        let e: [Double]
        let selected: [Int]
    }

    let bets: [Double]
    let sequences: [Sequence]
    let e_bh: Selection

    static func read() throws -> Self {
        try JSONDecoder().decode(Self.self, from: Data(contentsOf: goldenLearning("evidence.json")))
    }
}

func goldenLearning(_ name: String) -> URL {
    let named = ProcessInfo.processInfo.environment["LS_GOLDEN_LEARNING"] ?? ""
    let folder =
        named.isEmpty
        ? URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
        : URL(filePath: named)
    return folder.appending(path: name)
}

func isClose(_ found: Double, _ expected: Double, _ tolerance: Double) -> Bool {
    abs(found - expected) <= tolerance * max(1, abs(expected))
}

@Suite struct `E-value` {
    @Test func `is the reference's after each difference, for each claim`() throws {
        let reference = try GoldenEvidence.read()
        #expect(EValue.bets == reference.bets)
        #expect(!reference.sequences.isEmpty)
        for sequence in reference.sequences {
            let claims: [(DifferenceClaim, [Double])] = [
                (.better, sequence.log_e_better), (.worse, sequence.log_e_worse),
                (.notWorse(margin: 0.02), sequence.log_e_not_worse_than_margin_02),
            ]
            for (claim, expected) in claims {
                #expect(expected.count == sequence.differences.count)
                var value = EValue()
                for (index, (difference, logE)) in zip(sequence.differences, expected).enumerated()
                {
                    value.add(claim.difference(difference))
                    #expect(
                        isClose(value.logE, logE, 1e-12),
                        "\(sequence.name), \(claim), difference \(index)")
                }
            }
        }
    }

    @Test func `is 1 before the first difference, and stays there while all are zero`() {
        #expect(EValue().logE == 0)
        #expect(EValue(of: [0, -0.0, 0]).logE == 0)
        #expect(EValue(of: [0, 0]).count == 2)
    }

    @Test func `is the mean of five bets, by hand`() {
        // 1.9 + 1.6 + 1.4 + 1.2 + 1.1 = 7.2; a loss: 0.1 + 0.4 + 0.6 + 0.8 + 0.9 = 2.8.
        #expect(isClose(EValue(of: [1]).logE, log(7.2 / 5), 1e-15))
        #expect(isClose(EValue(of: [-1]).logE, log(2.8 / 5), 1e-15))
    }

    @Test func `does not depend on the order, and adds up over parts`() {
        var generator = Generator(seed: 5)
        let differences = (0..<500).map { _ in Double(generator.unitFloat()) * 2 - 1 }
        let whole = EValue(of: differences)
        var parts = EValue(of: differences[300...].reversed())
        parts.add(EValue(of: differences[..<300]))
        #expect(parts.count == whole.count)
        #expect(isClose(parts.logE, whole.logE, 1e-12))
    }

    @Test func `stays finite over a hundred thousand of the greatest differences`() {
        let all = EValue(of: repeatElement(1, count: 100_000))
        #expect(isClose(all.logE, 100_000 * log(1.9) - log(5), 1e-10))
        let none = EValue(of: repeatElement(-1, count: 100_000))
        #expect(isClose(none.logE, 100_000 * log(0.9) - log(5), 1e-10))
    }

    @Test func `decides at 20 for a level of 5 in 100`() {
        #expect(isClose(EValue.threshold(0.05), log(20), 1e-15))
    }

    @Test func `rarely reaches 20 where nothing is better, though looked at after each query`() {
        // Ville: at most 5 % of lines ever do. 2,000 lines: 3 standard errors are 1.5 %.
        var generator = Generator(seed: 11)
        let lines = 2_000
        let reached = (0..<lines).count { _ in
            var value = EValue()
            return (0..<200).contains { _ in
                value.add(generator.below(2) == 0 ? 0.5 : -0.5)
                return value.logE >= EValue.threshold(0.05)
            }
        }
        #expect(Double(reached) <= 0.065 * Double(lines))
    }
}

@Suite struct `Claims that hold together` {
    @Test func `are the reference's`() throws {
        let reference = try GoldenEvidence.read().e_bh
        let found = claimsThatHold(logE: reference.e.map { log($0) }, rate: reference.alpha)
        #expect(found == reference.selected)
    }

    @Test func `are none without evidence, and none of nothing`() {
        #expect(claimsThatHold(logE: [0, 0, 0], rate: 0.1) == [])
        #expect(claimsThatHold(logE: [], rate: 0.1) == [])
    }

    @Test func `take weaker ones along with stronger ones`() {
        // Alone 20 would need 2 / 0.1; beside a strong one half of that.
        #expect(claimsThatHold(logE: [log(11), log(1e6)], rate: 0.1) == [0, 1])
        #expect(claimsThatHold(logE: [log(11), log(1.0)], rate: 0.1) == [])
    }
}

@Suite struct `Difference between two versions` {
    private struct Golden: Decodable {
        struct Paired: Decodable {
            let differences: [Double]
            let indices: [[Int]]?
            let mean: Double
            let percentile_95: [Double]?
        }
        let paired: [Paired]
    }

    @Test func `is the reference's mean and interval, on the reference's resamples`() throws {
        let reference = try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: goldenLearning("paired.json")))
        let given = reference.paired.filter { $0.indices != nil }
        #expect(!given.isEmpty)
        for paired in given {
            let indices = try #require(paired.indices)
            let bounds = try #require(paired.percentile_95)
            let found = PairedDifference(of: paired.differences, indices: indices)
            #expect(isClose(found.mean, paired.mean, 1e-12))
            #expect(isClose(found.low, bounds[0], 1e-12))
            #expect(isClose(found.high, bounds[1], 1e-12))
        }
        for paired in reference.paired {
            #expect(isClose(PairedDifference(of: paired.differences).mean, paired.mean, 1e-12))
        }
    }

    @Test func `is the same for the same seed, and within its bounds`() {
        let differences = [0.1, -0.2, 0.4, 0, 0.05, 0.3, -0.1]
        let found = PairedDifference(of: differences, seed: 3)
        #expect(found == PairedDifference(of: differences, seed: 3))
        #expect(found.low <= found.mean && found.mean <= found.high)
        #expect(found.count == 7)
    }

    @Test func `has no width where all queries agree`() {
        let found = PairedDifference(of: Array(repeating: 0.25, count: 40))
        #expect(found.low == 0.25 && found.mean == 0.25 && found.high == 0.25)
    }
}
