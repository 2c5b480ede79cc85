// Bounds that are said to people and programs who do not read Swift.
import Foundation
import LanguageSystem
import Testing

@Suite struct `Bounds that others repeat` {
    private func text(_ path: String) throws -> String {
        let root = `Imports between our targets`.sources.deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    @Test func `are those that clients and SQL are told`() throws {
        let request = Bounds.requestCandidateCountMax
        let rest = try text("Tests/Interface/openapi.json")
        #expect(rest.contains("then 2 to \(request) candidates; D is 1 to \(Bounds.hiddenSizeMax)"))
        #expect(rest.contains("\"maxItems\": \(request),"))
        #expect(try text("Sources/RerankWire/rerank.proto").contains("K: 2 to \(request)."))
        let curve = try text("sql/functions/evaluations/request_scaling_curve.sql")
        #expect(curve.contains("between 1 and \(Bounds.candidateCountMax)"))
    }

    @Test func `let a request ask for no more candidates than a ranker scores`() {
        #expect(Bounds.requestCandidateCountMax <= Bounds.candidateCountMax)
    }
}
