import Benchmarking
import Foundation
import Testing

@Suite struct `Simulated promotions` {
    private let simulation = GateSimulation(seed: 3, lineCount: 60)

    @Test func `are the same for the same seed, and others for another`() {
        let again = GateSimulation(seed: 3, lineCount: 60)
        #expect(simulation.equalCandidates(stream: 1) == again.equalCandidates(stream: 1))
        let other = GateSimulation(seed: 4, lineCount: 60)
        #expect(simulation.equalCandidates(stream: 1) != other.equalCandidates(stream: 1))
    }

    /// Rare things are counted by `lsbench gate` in thousands of lines; here only what no chance
    /// explains away.
    @Test func `promote equal versions often by the greater figure, and rarely by evidence`() {
        let rows = simulation.equalCandidates(stream: 1)
        #expect(rows[0].measured <= 0.25)
        #expect(rows[2].measured >= 0.8)
    }

    @Test func `find a version that is five points better`() {
        #expect(simulation.power(deviation: 0.21, atLeast: 0.85, stream: 2).measured >= 0.7)
    }

    @Test func `find the strata that lose thirty points, and name few others`() {
        let rows = simulation.harmedStrata(points: 30, queryCount: 50, stream: 3)
        #expect(rows[0].measured >= 0.9)
        #expect(rows[1].measured <= 0.15)
    }

    @Test func `of real retrains count a move as worse by the queries that nobody looked at`() {
        // The second version is right on all, the first on none: promoted, and better.
        let rows = simulation.realRetrains(
            [Array(repeating: 0, count: 80), Array(repeating: 1, count: 80)], stream: 4)
        #expect(rows[0].count > 0)
        #expect(rows[0].measured == 0)
        #expect(rows[3].name.contains("lines with a promotion that is worse"))
        #expect(rows[3].measured == 0 && rows[3].count == 60)
        #expect(rows[6].measured == 1, "each promotion gains a hundred points")
    }

    @Test func `say in JSON what was measured, the bar and whether it holds`() throws {
        let row = simulation.power(deviation: 0.21, atLeast: 0, stream: 2)
        let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(row))
        let fields = try #require(json as? [String: Any])
        #expect(fields["holds"] as? Bool == true)
        #expect(fields["bar"] as? String == ">= 0.0")
        #expect(Set(fields.keys) == ["name", "measured", "bar", "holds", "count"])
    }
}
