// Rankers that are scored on a worker, and what answers when that worker sleeps, dies and comes
// back.
import Foundation
import NIOCore
import Testing

extension Serving {
    static let edgeDeadlineMs = 2_000

    @Test func `a placed ranker is scored on its worker, else here; a version in flight stays`()
        async throws
    {
        try await FaultSite.with(
            .embedded, coordinators: 1, workers: 1,
            serve: ["--edge-deadline-ms", "\(Self.edgeDeadlineMs)"]
        ) { site in
            try await site.script(
                Served.adding("~ada", seed: 1, user: "ada")
                    + Served.adding("~ada", seed: 2, user: "ada"))
            try await site.promote("~ada", to: 1)
            let connection = try await site.connect()
            let central = try await connection.rerank(user: "ada")
            #expect(central.header("x-ls-where") == "central")
            _ = try await site.sql("select ls.place_ranker('~ada', 'edge-1', 'test')")
            let edge = try await answer(connection, user: "ada", by: "edge")
            #expect(try edge.meta["worker"] as? String == "edge-1")
            #expect(edge.header("x-ls-fallback") == "false")
            #expect(edge.header("x-ls-digest") == central.header("x-ls-digest"))
            // bfloat16 here, float32 there, as they come.
            try close(edge.scores, central.scores, within: 2e-2)

            // Sleeping, with a request on its way: the deadline passes, and it is scored here.
            site.signal(worker: 0, SIGSTOP)
            let began = ContinuousClock.now
            let late = try await connection.rerank(user: "ada")
            let waited = ContinuousClock.now - began
            #expect(waited >= .milliseconds(Self.edgeDeadlineMs))
            #expect(late.status == 200)
            #expect(late.header("x-ls-where") == "central")
            #expect(late.header("x-ls-fallback") == "true")
            let explanation = try #require(try late.meta["explanation"] as? String)
            #expect(
                explanation.contains(
                    "~ada is placed on edge-1, which did not answer in \(Self.edgeDeadlineMs) ms"),
                "\(explanation)")
            #expect(try late.scores == central.scores)
            site.signal(worker: 0, SIGCONT)
            _ = try await answer(connection, user: "ada", by: "edge")

            // A request in flight ends on the version it began with, whatever becomes of the alias.
            site.signal(worker: 0, SIGSTOP)
            let watching = try await site.connect()
            let routed = try await routeCount(watching)
            async let inFlight = connection.rerank(user: "ada")
            try await eventually(within: 10, "its route is found") {
                try await routeCount(watching) > routed
            }
            try await site.promote("~ada", to: 2)
            let finished = try await inFlight
            #expect(finished.header("x-ls-version") == "1")
            #expect(finished.header("x-ls-digest") == central.header("x-ls-digest"))
            site.signal(worker: 0, SIGCONT)
            try await eventually(within: 10, "the next one is of the new version") {
                let next = try await connection.rerank(user: "ada")
                return next.header("x-ls-version") == "2" && next.header("x-ls-where") == "edge"
            }

            // Dead: nobody waits for it.
            site.kill(worker: 0)
            try await eventually(within: 10, "it is known to be gone") {
                let next = try await connection.rerank(user: "ada")
                let why = try next.meta["explanation"] as? String
                return why?.contains("edge-1, which is out of reach") ?? false
            }
            // "Out of reach": it was not waited for, else it "did not answer".
            let next = try await connection.rerank(user: "ada")
            #expect(
                try (next.meta["explanation"] as? String)?.contains("edge-1, which is out of reach")
                    == true)
            #expect(next.header("x-ls-where") == "central")
            #expect(next.header("x-ls-fallback") == "true")

            try site.startWorker(0)
            _ = try await answer(connection, user: "ada", by: "edge")
            _ = try await site.sql("select ls.unplace_ranker('~ada', 'test')")
            let back = try await answer(connection, user: "ada", by: "central")
            #expect(back.header("x-ls-fallback") == "false")
            print(
                """
                edge: asleep, answered here after \(waited.rounded) with a deadline of \
                \(Self.edgeDeadlineMs) ms
                """
            )
            fflush(nil)
        }
    }

    @Test func `an edge-only ranker is scored at home, else by the next of the chain`() async throws
    {
        try await FaultSite.with(.embedded, coordinators: 1) { site in
            // A file of its user's, which stays where it is.
            let data = site.home.appendingPathComponent("data")
            try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
            for split in ["train", "test"] {
                try FileManager.default.copyItem(
                    atPath: Programs.demo("geometry", split),
                    toPath: data.appendingPathComponent("\(split).safetensors").path)
            }
            for arguments in [
                ["register", "base-model", Installation.baseModel, "--hidden-size", "384"],
                ["register", "domain", "math/geometry"],
                [
                    "register", "ranker", "--base-model", Installation.baseModel, "--kind",
                    "pointwise", "--name", "everyone",
                ],
            ] { try await succeed(site, arguments) }
            try await site.addWorker(
                label: "user=ada", ["--data", data.path, "--data-user", "ada"])
            try await eventually(within: 30, "both files are offered") {
                try await site.sql(
                    """
                    select count(*) from ls.feature_set_status where home = 'edge-1' and is_current
                    """
                ) == "2"
            }
            try await succeed(
                site,
                [
                    "register", "ranker", "--base-model", Installation.baseModel, "--domain",
                    "math/geometry", "--user", "ada", "--kind", "pointwise", "--name", "adas",
                    "--home", "edge-1", "--training", #"{"epochs": 1}"#,
                ])
            try await succeed(site, ["train", "adas", "--wait"])
            try await site.promote("adas", to: 1)

            let connection = try await site.connect()
            let body = try await run(
                Programs.path("lscoord"),
                [
                    "rerank", "--model", Installation.baseModel, "--user", "ada", "--domain",
                    "math/geometry", "--features", Programs.demo("geometry", "test"), "--query",
                    "0", "--print-request",
                ])
            let named = body.output.replacingOccurrences(
                of: "\"\(Installation.baseModel)\"", with: "\"adas\"")
            #expect(named != body.output)
            func ask(_ text: String) async throws -> KeptConnection.Answer {
                try await connection.post("/v1/rerank", ByteBuffer(string: text))
            }
            for text in [body.output, named] {
                try await eventually(within: 20, "its home scores it") {
                    let answer = try await ask(text)
                    return try answer.header("x-ls-where") == "edge"
                        && answer.header("x-ls-ranker") == "adas"
                        && answer.meta["worker"] as? String == "edge-1"
                }
            }

            site.kill(worker: 0)
            try await eventually(within: 10, "the next of the chain answers") {
                try await ask(body.output).header("x-ls-reason") == "first sample"
            }
            let next = try await ask(body.output)
            #expect(next.status == 200)
            #expect(next.header("x-ls-fallback") == "true")
            let explanation = try #require(try next.meta["explanation"] as? String)
            #expect(explanation.hasPrefix("adas is placed on edge-1, which is out of reach"))
            // Asked for by name there is no chain, but fallbacks when there are some.
            let refused = try await ask(named)
            #expect(refused.status == 503, "\(refused.body)")
            let rescued = try await ask(
                named.replacingOccurrences(
                    of: "{\"", with: "{\"fallbacks\":[\"\(Installation.baseModel)\"],\"",
                    range: named.startIndex..<named.index(named.startIndex, offsetBy: 2)))
            #expect(rescued.status == 200, "\(rescued.body)")
            #expect(rescued.header("x-ls-fallback") == "true")

            try site.startWorker(0)
            try await eventually(within: 20, "back home again") {
                try await ask(body.output).header("x-ls-where") == "edge"
            }
        }
    }

    /// How many requests have been given their version.
    private func routeCount(_ connection: ServedConnection) async throws -> Int {
        let metrics = try await connection.get("/metrics").body
        return metrics.split(separator: "\n").filter {
            $0.hasPrefix("ls_route_memory_hits_total ")
                || $0.hasPrefix("ls_route_memory_misses_total ")
        }.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
    }

    /// The first answer from there: a worker fetches the weights when it is first asked.
    private func answer(_ connection: ServedConnection, user: String, by place: String) async throws
        -> KeptConnection.Answer
    {
        var answer = try await connection.rerank(user: user)
        try await eventually(within: 20, "an answer by \(place)") {
            if answer.header("x-ls-where") == place { return true }
            answer = try await connection.rerank(user: user)
            return answer.header("x-ls-where") == place
        }
        return answer
    }

    private func close(_ found: [Double], _ expected: [Double], within tolerance: Double) throws {
        try #require(found.count == expected.count)
        for (one, other) in zip(found, expected) {
            #expect(abs(one - other) <= tolerance, "\(found), expected \(expected)")
        }
    }

    private func succeed(_ site: FaultSite, _ arguments: [String]) async throws {
        let ending = try await site.lscoord(arguments)
        try #require(ending.status == 0, "\(arguments): \(ending)")
    }
}
