// Callers that send large bodies and never take their answers cost a bounded amount of memory, and
// nobody else anything.
import Foundation
import Testing

extension Serving {
    @Test func `answers that nobody takes fill no memory beyond the bound`() async throws {
        try await FaultSite.with(
            .embedded, coordinators: 1, serve: ["--body-memory-mb", "32", "--in-flight", "64"]
        ) { site in
            try await site.script(Served.adding("everyone", seed: 1))
            let connection = try await site.connect()
            #expect(try await connection.rerank().status == 200)
            func figure(_ name: String) async throws -> Double {
                let lines = try await connection.get("/metrics").body.split(separator: "\n")
                return lines.filter { $0.hasPrefix(name + " ") || $0.hasPrefix(name + "{") }
                    .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
                    .reduce(0, +)
            }
            let memoryBefore = try await figure("process_resident_memory_bytes")
            let document = String(repeating: "x", count: 6 << 20)
            let body = Served.body(more: [
                "documents": [document] + (1..<Served.candidateCount).map { "\($0)" },
                "return_documents": true,
            ])
            var others: [KeptConnection] = []
            for _ in 0..<60 {
                let other = try await site.connect().kept
                try await other.sendUnread(
                    "/v1/rerank",
                    [
                        ("content-type", "application/json"),
                        ("authorization", "Bearer \(connection.key)"),
                    ], body: body)
                others.append(other)
            }
            try await eventually(within: 60, "each is answered or refused") {
                let answered = try await figure("ls_rerank_requests_total")
                return try await answered + figure("ls_rerank_refusals_total") >= 61
            }
            #expect(try await figure("ls_rerank_refusals_total") >= 30)
            let held = try await figure("ls_request_bytes_held")
            #expect((1e6...1e8).contains(held), "\(held) bytes")
            // 360 MB of answers were asked for.
            let memory = try await figure("process_resident_memory_bytes")
            #expect(memory - memoryBefore < 250_000_000, "\(memoryBefore), then \(memory) bytes")
            // Who sends small ones is served.
            #expect(try await connection.rerank().status == 200)
            for other in others { await other.close() }
            try await eventually(within: 30, "what they took is free") {
                try await figure("ls_request_bytes_held") == 0
            }
        }
    }
}
