// Serving with the real programs: two coordinators on a database that can be stopped, and a worker.
import Foundation
import LanguageSystem
import RankerMath
import Rankers
import Testing

/// A site with rankers of made-up weights: ada's, ben's, one of nobody's.
private struct ServingSite {
    static let width = 64

    let site: FaultSite
    let client: RerankClient
    let key: String
    let body = RerankClient.features(width: width)

    var ports: [Int] { site.coordinators.map(\.restPort) }

    static func with(_ body: (ServingSite) async throws -> Void) async throws {
        try await FaultSite.with(.servers, coordinators: 2, workers: 1) { site in
            let client = RerankClient(authorityPath: site.authorityPath)
            do {
                let serving = ServingSite(site: site, client: client, key: try await site.key())
                _ = try await site.sql("select ls.register_base_model('tiny', \(width))")
                for (seed, owner) in [(UInt64(1), "null"), (2, "'ada'"), (3, "'ben'")] {
                    let name = try await site.sql(
                        "select name from ls.register_ranker('tiny', 'pointwise', p_user => \(owner))"
                    )
                    try await serving.addVersion(seed, to: name)
                }
                try await body(serving)
            } catch {
                await client.end()
                throw error
            }
            await client.end()
        }
    }

    func addVersion(_ seed: UInt64, to ranker: String) async throws {
        let weights = RankerWeights(
            fresh: .preset(kind: .pointwise, hiddenSize: Self.width), seed: seed
        ).safetensors()
        let file = site.home.appendingPathComponent("weights-\(seed)")
        try Data(weights).write(to: file)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: file.path)
        _ = try await site.sql(
            "with w as (select pg_read_binary_file('\(file.path)') as b) select ls.add_version('\(ranker)', sha256(b), b, '{}') from w"
        )
    }

    func rerank(
        _ query: String, on coordinator: Int = 0, key: String? = nil, keep: Bool = false
    ) async throws -> RerankReplyText {
        try await client.rerank(
            port: ports[coordinator], key: key ?? self.key, query: query, body: body,
            headers: keep ? [("x-ls-keep", "true")] : [])
    }

    /// Holds on every coordinator within a second of the change; asked at least once after that second.
    func onBoth(_ what: String, _ holds: (Int) async throws -> Bool) async throws {
        let began = ContinuousClock.now
        for coordinator in ports.indices {
            while try await !holds(coordinator) {
                // A little more than promised: the change itself, and this test's own programs, take time.
                try #require(
                    ContinuousClock.now - began < .seconds(3),
                    "\(what) on coordinator \(coordinator)")
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        print("\(what): on both after \((ContinuousClock.now - began) / .milliseconds(1)) ms")
    }
}

@Suite(.serialized, .timeLimit(.minutes(5))) struct `Serving` {
    @Test func `rules, aliases, keys and placement by SQL are live on every coordinator`()
        async throws
    {
        try await ServingSite.with { serving in
            let ada = try await serving.rerank("model=tiny&user=ada")
            #expect(ada.status == 200 && ada.ranker == "~ada.pointwise", "\(ada)")
            #expect(ada.headers["x-ls-where"] == "central" && ada.scores.count == 5)

            try await rules(serving)
            try await aliases(serving)
            try await keys(serving)
            try await replay(serving)
            try await placement(serving, as: ada.scores)
            try await metrics(serving)
            #expect(try await serving.site.sql("select ls.broken_rules(true)") == "")
        }
    }

    private func rules(_ serving: ServingSite) async throws {
        let site = serving.site
        _ = try await site.sql(
            "select ls.add_route_rule('pin-ben', 'pin', '~ada.pointwise', p_user => 'ben')")
        try await serving.onBoth("a pin") {
            try await serving.rerank("model=tiny&user=ben", on: $0).ranker == "~ada.pointwise"
        }
        let pinned = try await serving.rerank("model=tiny&user=ben")
        #expect(pinned.meta["rule"] as? String == "pin-ben", "\(pinned)")
        #expect(
            try await site.sql("select ranker_name, rule from ls.route('tiny', 'ben', null)")
                == "~ada.pointwise|pin-ben")
        _ = try await site.sql("select ls.remove_route_rule('pin-ben', 'a test')")
        try await serving.onBoth("no pin") {
            try await serving.rerank("model=tiny&user=ben", on: $0).ranker == "~ben.pointwise"
        }
    }

    private func aliases(_ serving: ServingSite) async throws {
        let site = serving.site
        try await serving.addVersion(12, to: "~ada.pointwise")
        _ = try await site.sql(
            "select ls.promote(max(version_id), 'a test') from ls.version_lineage")
        try await serving.onBoth("another champion") {
            try await serving.rerank("model=tiny&user=ada", on: $0).version == "2"
        }
        #expect(try await serving.rerank("model=~ada.pointwise@1").version == "1")
        _ = try await site.sql("select ls.rollback('~ada.pointwise', 'a test')")
        try await serving.onBoth("the champion before") {
            try await serving.rerank("model=tiny&user=ada", on: $0).version == "1"
        }
    }

    private func keys(_ serving: ServingSite) async throws {
        let site = serving.site
        let made = try await site.lscoord(
            "key", "create", "--name", "bens", "--user", "ben", "--quiet")
        try #require(made.status == 0, "\(made)")
        let bens = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        try await serving.onBoth("a new key") {
            try await serving.rerank("model=tiny", on: $0, key: bens).ranker == "~ben.pointwise"
        }
        let others = try await serving.rerank("model=tiny&user=ada", key: bens)
        #expect(others.status == 403 && others.errorCode == "notPermitted", "\(others)")
        // What the key may not see answers as what does not exist, but for its name.
        let hidden = try await serving.rerank("model=~ada.pointwise", key: bens)
        let missing = try await serving.rerank("model=~eve.pointwise", key: bens)
        #expect(hidden.status == 404 && missing.status == 404)
        #expect(
            hidden.message.replacing("ada", with: "eve") == missing.message
                && hidden.errorCode == missing.errorCode)
        _ = try await site.lscoord("key", "revoke", "bens", "--reason", "a test")
        try await serving.onBoth("a revoked key") {
            try await serving.rerank("model=tiny", on: $0, key: bens).status == 401
        }
        let list = try await site.lscoord("key", "list")
        #expect(list.output.contains("bens") && list.output.contains("revoked"), "\(list)")
    }

    private func replay(_ serving: ServingSite) async throws {
        let kept = try await serving.rerank("model=tiny&user=ada", keep: true)
        let id = try #require(kept.headers["x-request-id"])
        try await eventually(within: 20, "the decision is written") {
            try await serving.site.sql(
                "select count(*) from ls.decision_log where request_id = '\(id)'") == "1"
        }
        let again = try await serving.site.lscoord("replay", id)
        #expect(again.status == 0 && again.output.contains("~ada.pointwise"), "\(again)")
        let unknown = try await serving.site.lscoord("replay", "nobody")
        #expect(unknown.status != 0 && unknown.errors.contains("no decision"), "\(unknown)")
    }

    private func placement(_ serving: ServingSite, as scores: [Double]) async throws {
        let site = serving.site
        _ = try await site.sql("select ls.place_ranker('~ada.pointwise', 'edge-1', 'a test')")
        // The worker is connected to the first coordinator; its weights come with the first request.
        try await eventually(within: 20, "the worker scores") {
            try await serving.rerank("model=tiny&user=ada").headers["x-ls-where"] == "edge"
        }
        let edge = try await serving.rerank("model=tiny&user=ada")
        #expect(edge.meta["worker"] as? String == "edge-1", "\(edge)")
        #expect(zip(edge.scores, scores).allSatisfy { abs($0 - $1) < 0.02 })
        #expect(edge.scores.count == scores.count)

        site.signal(worker: 0, SIGSTOP)
        let late = try await serving.rerank("model=tiny&user=ada")
        #expect(late.status == 200 && late.headers["x-ls-where"] == "central", "\(late)")
        #expect(late.headers["x-ls-fallback"] == "true")
        #expect((late.meta["explanation"] as? String ?? "").contains("edge-1"), "\(late)")
        site.signal(worker: 0, SIGCONT)
        try await eventually(within: 20, "the worker scores again") {
            try await serving.rerank("model=tiny&user=ada").headers["x-ls-where"] == "edge"
        }
        site.kill(worker: 0)
        let gone = try await serving.rerank("model=tiny&user=ada")
        #expect(gone.status == 200 && gone.headers["x-ls-where"] == "central", "\(gone)")
        try site.startWorker(0)
        try await eventually(within: 30, "a worker that came back scores") {
            try await serving.rerank("model=tiny&user=ada").headers["x-ls-where"] == "edge"
        }
        _ = try await site.sql("select ls.unplace_ranker('~ada.pointwise', 'a test')")
        try await serving.onBoth("taken off the worker") {
            try await serving.rerank("model=tiny&user=ada", on: $0).headers["x-ls-where"]
                == "central"
        }
    }

    private func metrics(_ serving: ServingSite) async throws {
        let text = try await serving.client.get(port: serving.ports[0], "/metrics").body
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let space = try #require(line.lastIndex(of: " "), "\(line)")
            let value = Double(String(line[line.index(after: space)...]))
            #expect(value != nil, "\(line)")
            values[String(line[..<space])] = value
        }
        for name in [
            #"ls_rerank_requests_total{reason="user",where="central"}"#,
            #"ls_rerank_requests_total{reason="rule",where="central"}"#,
            #"ls_rerank_requests_total{reason="user",where="edge"}"#,
            #"ls_rerank_refusals_total{code="keyRefused"}"#,
            #"ls_edge_reranks_total{answer="scored"}"#,
            #"ls_edge_reranks_total{answer="late"}"#, "ls_route_memory_hits_total",
            "ls_ranker_cache_hits_total", "ls_ranker_cache_bytes", "ls_database_up",
            "ls_workers_connected", #"ls_rerank_duration_seconds_count{where="central"}"#,
            "process_resident_memory_bytes",
        ] {
            #expect(values[name] ?? 0 > 0, "\(name)")
        }
        #expect(values["ls_requests_in_flight"] == 0)
    }

    @Test func `cached rankers serve while the database is away; readiness says so`() async throws {
        try await ServingSite.with { serving in
            let load = RerankLoad(ports: [serving.ports[0]])
            let queries = ["model=tiny&user=ada", "model=tiny&user=ben", "model=tiny"]
            for query in queries { #expect(try await serving.rerank(query).status == 200) }
            await load.begin("before")
            await load.start(
                serving.client, key: serving.key, queries: queries, body: serving.body,
                connections: 4)
            try await Task.sleep(for: .seconds(1))

            guard case .servers(let pair) = serving.site.database else { return }
            await load.begin("while")
            try await pair.primary.crash()
            try await eventually(within: 30, "it is not ready") {
                try await serving.client.get(port: serving.ports[0], "/readyz").status == 503
            }
            // Longer than routes are fresh, so that old ones serve.
            try await Task.sleep(for: .seconds(35))
            #expect(try await serving.client.get(port: serving.ports[0], "/livez").status == 200)
            let stranger = try await serving.rerank("model=tiny&user=stranger")
            #expect(stranger.status == 503 && stranger.headers["retry-after"] == "1", "\(stranger)")
            try await pair.primary.start()
            await load.begin("after")
            try await eventually(within: 30, "it is ready again") {
                try await serving.client.get(port: serving.ports[0], "/readyz").status == 200
            }
            try await eventually(within: 30, "strangers are served again") {
                try await serving.rerank("model=tiny&user=stranger").status == 200
            }
            let counts = await load.stop()
            print("database stopped under load: \(counts.sorted { $0.key < $1.key })")
            for (phase, count) in counts {
                #expect(count.failed.isEmpty, "\(phase): \(count.failed.prefix(3))")
                #expect(count.answered > 100, "\(phase)")
            }
            #expect(counts.count == 3)
        }
    }

    @Test
    func
        `a coordinator that is asked to leave fails no request; of one that is killed the rest go on`()
        async throws
    {
        try await ServingSite.with { serving in
            let load = RerankLoad(ports: serving.ports)
            let queries = ["model=tiny&user=ada", "model=tiny&user=ben", "model=tiny"]
            let connectionCount = 6
            await load.begin("both")
            await load.start(
                serving.client, key: serving.key, queries: queries, body: serving.body,
                connections: connectionCount)
            try await Task.sleep(for: .seconds(1))
            await load.begin("leaving")
            serving.site.terminate(coordinator: 1)
            try await eventually(within: 30, "it left") {
                serving.site.status(coordinator: 1) != nil
            }
            #expect(serving.site.status(coordinator: 1) == 0)
            await load.begin("one")
            try await Task.sleep(for: .seconds(1))
            try await serving.site.startCoordinator(1)
            await load.begin("with one that is killed")
            try await Task.sleep(for: .seconds(1))
            serving.site.kill(coordinator: 1)
            try await Task.sleep(for: .seconds(1))
            await load.begin("after that")
            try await Task.sleep(for: .seconds(1))
            let counts = await load.stop()
            print("left and killed under load: \(counts.sorted { $0.key < $1.key })")
            for phase in ["both", "leaving", "one", "with one that is killed", "after that"] {
                let count = try #require(counts[phase], "\(phase)")
                // What was under way with the one that is killed is lost, and what finds out that it is gone.
                let lostMax = phase == "with one that is killed" ? 3 * connectionCount : 0
                #expect(count.failed.count <= lostMax, "\(phase): \(count.failed.prefix(3))")
                #expect(count.answered > 50, "\(phase)")
            }
        }
    }
}
