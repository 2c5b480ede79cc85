// A request that was served is scored again, by the weights that served it.
import Foundation
import Testing

extension Serving {
    @Test func `a kept decision replays to the same scores, also after a promotion`() async throws {
        // Two ways: in memory's bfloat16, and in float32.
        for precision in ["bfloat16", "float32"] {
            try await FaultSite.with(
                .embedded, coordinators: 1,
                serve: ["--serving-precision", precision, "--decision-share", "0"]
            ) { site in
                try await site.script(
                    Served.adding("everyone", seed: 1) + Served.adding("everyone", seed: 2))
                try await site.promote("everyone", to: 1)
                let connection = try await site.connect()
                let served = try await connection.rerank(id: "kept-1", keep: true)
                #expect(served.header("x-ls-version") == "1")
                _ = try await connection.rerank(id: "not-kept")

                func replay(_ id: String) async throws -> Ending {
                    try await site.lscoord("replay", id)
                }
                try await eventually(within: 15, "the decision is written") {
                    try await replay("kept-1").status == 0
                }
                let first = try await replay("kept-1")
                #expect(first.output.contains("served by everyone@1 (global)"), "\(first)")
                #expect(first.output.contains("the same scores"), "\(first)")
                // What it prints as then and as now is what the caller was told.
                let rows = first.output.matches(of: /(\d+) +(-?\d\.\d{6}) +(-?\d\.\d{6})\n/)
                let scores = try served.scores
                try #require(rows.count == scores.count, "\(first)")
                for (row, score) in zip(rows, scores) {
                    #expect(row.2 == row.3)
                    // Six digits are printed.
                    #expect(abs(try #require(Double(row.2)) - score) < 1e-6, "\(first)")
                }

                try await site.promote("everyone", to: 2)
                try await eventually(within: 5, "the other version serves") {
                    try await connection.rerank().header("x-ls-version") == "2"
                }
                #expect(try await replay("kept-1").output == first.output)

                for id in ["not-kept", "never-asked"] {
                    let refused = try await replay(id)
                    #expect(refused.status == 66, "\(refused)")
                    #expect(refused.output == "")
                    #expect(
                        refused.errors.split(separator: "\n").first
                            == """
                            lscoord: cannot find request '\(id)': no decision was kept under \
                            this id
                            """
                    )
                }
            }
        }
    }
}
