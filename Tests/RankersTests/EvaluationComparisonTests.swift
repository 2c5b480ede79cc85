// When two evaluations of one version say the same: near ties are no lie, and a lie is no near tie.
import Foundation
import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite struct `Comparing evaluations` {
    static let groupsPerQuery = 20

    /// What evaluation finds on 30 queries of 12 responses, 600 groups.
    static func found() throws -> (EvaluationReport, labelRange: Double) {
        let set = try FeatureBuilder(queries: 30, pool: 12, seed: 3).set()
        let weights = RankerWeights(fresh: .preset(kind: .pointwise, hiddenSize: 8), seed: 3)
        return (try evaluate(weights, on: set), set.labelRange)
    }

    /// As they come over the wire.
    static func figures(of report: EvaluationReport) throws -> ReportedFigures {
        try JSONDecoder().decode(ReportedFigures.self, from: Data(report.json.utf8))
    }

    /// `figures` with the picks of `count` groups said to have the other label, one group a query.
    static func flipping(_ count: Int, in figures: ReportedFigures) throws -> ReportedFigures {
        var figures = figures
        var values = try #require(figures.queryValues)
        for index in 0..<count {
            let step: Float = 1 / Float(groupsPerQuery)
            values[index % values.count] +=
                values[index % values.count] > 0.5 ? -step : step
        }
        figures.queryValues = values
        figures.accuracy = values.reduce(0) { $0 + Double($1) } / Double(values.count)
        return figures
    }

    @Test func `the same report is the same, with and without its query values`() throws {
        let (report, range) = try Self.found()
        #expect(range == 1)
        #expect(report.queryValues?.count == 30)
        var figures = try Self.figures(of: report)
        #expect(
            EvaluationComparison.difference(of: figures, from: report, labelRange: range) == nil)
        figures.queryValues = nil
        #expect(
            EvaluationComparison.difference(of: figures, from: report, labelRange: range) == nil)
    }

    @Test func `what needs no ranker differs in a query, though not in all`() throws {
        let (report, range) = try Self.found()
        var figures = try Self.figures(of: report)
        var first = try #require(figures.methodQueryValues?["first_sample"] ?? nil)
        let other = try #require(first.indices.first { first[$0] != first[0] })
        first.swapAt(0, other)
        figures.methodQueryValues?["first_sample"] = first
        let words = EvaluationComparison.difference(of: figures, from: report, labelRange: range)
        #expect(words?.hasPrefix("first_sample of query 0, counted from 0, is ") == true)
    }

    @Test func `query values are the mean labels that accuracy is the mean of`() throws {
        let (report, _) = try Self.found()
        let values = try #require(report.queryValues)
        let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
        #expect(abs(mean - report.accuracy) < 1e-6)
    }

    /// 600 groups: eight may differ.
    @Test(arguments: [(0, true), (1, true), (8, true), (9, false), (60, false)])
    func `near ties are no lie: one pick in a hundred, and two`(count: Int, isSame: Bool) throws {
        let (report, range) = try Self.found()
        let figures = try Self.flipping(count, in: Self.figures(of: report))
        let difference = EvaluationComparison.difference(
            of: figures, from: report, labelRange: range)
        #expect((difference == nil) == isSame, "\(difference ?? "none")")
    }

    @Test func `picks that cancel out in accuracy are found query by query`() throws {
        let (report, range) = try Self.found()
        var figures = try Self.figures(of: report)
        var values = try #require(figures.queryValues)
        for index in stride(from: 0, to: 30, by: 2) {
            values[index] += 0.05
            values[index + 1] -= 0.05
        }
        figures.queryValues = values
        values[4] += 0.1
        figures.queryValues = values
        let difference = try #require(
            EvaluationComparison.difference(of: figures, from: report, labelRange: range))
        // Not "accuracy is 0.7, it said 0.7": what differs is said, the most of it.
        let found = try #require(report.queryValues?[4])
        #expect(difference.hasPrefix("of 600 picks at least "))
        #expect(
            difference.hasSuffix(
                """
                though accuracy is \(report.accuracy) as it said: in query 4, counted from 0, \
                their mean is \(found), it said \(values[4])
                """
            ))
    }

    @Test(arguments: [0.02, -0.02, 0.3])
    func `accuracy alone tells when an older worker says no more`(by lie: Double) throws {
        let (report, range) = try Self.found()
        var figures = try Self.figures(of: report)
        figures.queryValues = nil
        figures.accuracy += lie
        let difference = EvaluationComparison.difference(
            of: figures, from: report, labelRange: range)
        #expect(difference?.hasPrefix("accuracy is \(report.accuracy), it said") == true)
    }

    @Test func `what needs no ranker is the same to the last digit`() throws {
        let (report, range) = try Self.found()
        for change: WritableKeyPath<ReportedFigures, Double> in [\.firstSample, \.oracle] {
            var figures = try Self.figures(of: report)
            figures[keyPath: change] += 1e-5
            #expect(
                EvaluationComparison.difference(of: figures, from: report, labelRange: range) != nil
            )
        }
        var figures = try Self.figures(of: report)
        figures.groupCount = 1
        #expect(
            EvaluationComparison.difference(of: figures, from: report, labelRange: range)?
                .hasPrefix("found 600 groups of 30 queries, it said 1") == true)
    }

    @Test(arguments: [1e30, -1e30, 1e15, .infinity, .nan] as [Double])
    func `whatever number is said, it is a difference in words`(said: Double) throws {
        let (report, range) = try Self.found()
        var figures = try Self.figures(of: report)
        figures.queryValues?[0] = Float(said)
        #expect(
            EvaluationComparison.difference(of: figures, from: report, labelRange: range)?
                .contains("have another label") == true)
        figures.queryValues = nil
        figures.accuracy = said
        #expect(
            EvaluationComparison.difference(of: figures, from: report, labelRange: 1e-30)?
                .contains("have another label") == true)
    }
}
