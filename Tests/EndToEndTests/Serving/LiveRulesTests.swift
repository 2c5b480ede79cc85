// What an operator changes by SQL is how every coordinator answers, once it hears of it.
import Foundation
import NIOCore
import Testing

extension Serving {
    @Test func `a rule, an alias or a key that is changed by SQL changes on every coordinator`()
        async throws
    {
        try await FaultSite.with(.server, coordinators: 2) { site in
            try await site.script(
                Served.adding("everyone", seed: 1) + Served.adding("everyone", seed: 2)
                    + Served.adding("other", seed: 3, domain: "code"))
            try await site.promote("everyone", to: 1)
            let both = [try await site.connect(0), try await site.connect(1)]
            let changes = Changes(site, both)

            /// What a request of nobody's is served by.
            func served(_ coordinator: ServedConnection) async throws -> String {
                let answer = try await coordinator.rerank()
                return
                    """
                    \(answer.header("x-ls-ranker") ?? "-")@\(answer.header("x-ls-version") ?? "-") \
                    \(answer.header("x-ls-reason") ?? "-")
                    """
            }
            for one in both { #expect(try await served(one) == "everyone@1 global") }

            let second = try await site.sql(
                "select version_id from ls.version_lineage where ranker = 'everyone' and number = 2"
            )
            try await changes.make(
                "alias moved", "select ls.set_alias(\(second), 'champion', 'test')"
            ) { try await served($0) == "everyone@2 global" }
            try await changes.make(
                "rule added: pin", "select ls.add_route_rule('all', 'pin', 'other')"
            ) { try await served($0) == "other@1 rule" }
            #expect(try await both[0].rerank().meta["rule"] as? String == "all")
            try await changes.make(
                "rule removed", "select ls.remove_route_rule('all', 'test')"
            ) { try await served($0) == "everyone@2 global" }

            try await split(site, changes, both)
            try await canary(site, changes, both)
            try await shadow(site, changes, both)

            let app = try await site.lscoord("key", "create", "--name", "app", "--quiet")
            let key = app.output.trimmingCharacters(in: .whitespacesAndNewlines)
            for one in both { #expect(try await one.with(key: key).rerank().status == 200) }
            try await changes.make(
                "key revoked", "select ls.revoke_api_key('app', 'test')"
            ) { try await $0.with(key: key).rerank().status == 401 }
            fflush(nil)
        }
    }

    /// The same users on both, and those that SQL names.
    private func split(
        _ site: FaultSite, _ changes: Changes, _ both: [ServedConnection]
    ) async throws {
        let expected = try await site.sql(
            """
            select string_agg(n::text, ' ' order by n) from generate_series(1, 60) n where \
            ls.share_bucket('half', 'user-' || n) < 5000
            """
        )
        let first = try #require(expected.split(separator: " ").first)
        try await changes.make(
            "rule added: split", "select ls.add_route_rule('half', 'split', 'other', 0.5)"
        ) { try await $0.rerank(user: "user-\(first)").header("x-ls-ranker") == "other" }
        for one in both {
            var found: [String] = []
            for number in 1...60 {
                let answer = try await one.rerank(user: "user-\(number)")
                if answer.header("x-ls-ranker") == "other" { found.append("\(number)") }
            }
            #expect(found.joined(separator: " ") == expected)
        }
        try await changes.make(
            "rule removed", "select ls.remove_route_rule('half', 'test')"
        ) { try await $0.rerank(user: "user-\(first)").header("x-ls-ranker") == "everyone" }
    }

    /// The same requests on both, and those that SQL names.
    private func canary(
        _ site: FaultSite, _ changes: Changes, _ both: [ServedConnection]
    ) async throws {
        let expected = try await site.sql(
            """
            select string_agg(n::text, ' ' order by n) from generate_series(1, 80) n where \
            ls.request_bucket('bird', 'request-' || n) < 3000
            """
        )
        let first = try #require(expected.split(separator: " ").first)
        try await changes.make(
            "rule added: canary", "select ls.add_route_rule('bird', 'canary', 'other', 0.3)"
        ) { try await $0.rerank(id: "request-\(first)").header("x-ls-ranker") == "other" }
        for one in both {
            var found: [String] = []
            for number in 1...80 {
                let answer = try await one.rerank(id: "request-\(number)")
                if answer.header("x-ls-ranker") == "other" { found.append("\(number)") }
            }
            #expect(found.joined(separator: " ") == expected)
        }
        #expect(
            try await site.sql(
                "select ranker_name from ls.route('tiny', p_request => 'request-\(first)')")
                == "other", "psql says the same")
        try await changes.make(
            "rule removed", "select ls.remove_route_rule('bird', 'test')"
        ) { try await $0.rerank(id: "request-\(first)").header("x-ls-ranker") == "everyone" }
    }

    /// Scored and recorded; what is served stays what it was.
    private func shadow(
        _ site: FaultSite, _ changes: Changes, _ both: [ServedConnection]
    ) async throws {
        _ = try await site.sql("select ls.add_route_rule('dark', 'shadow', 'other', 1)")
        // Its record is written within seconds, but of requests from a second after the rule on.
        try await Task.sleep(for: .seconds(1))
        for (index, one) in both.enumerated() {
            let answer = try await one.rerank(id: "shadowed-\(index)")
            #expect(answer.header("x-ls-ranker") == "everyone")
            #expect(answer.header("x-ls-reason") == "global")
        }
        try await eventually(within: 15, "both shadows are recorded") {
            try await site.sql(
                """
                select string_agg(request_id || ' ' || ranker, ', ' order by request_id) from \
                ls.decision_log where role = 'shadow' and request_id like 'shadowed-%'
                """
            ) == "shadowed-0 other, shadowed-1 other"
        }
        _ = try await site.sql("select ls.remove_route_rule('dark', 'test')")
    }
}

/// Makes a change by SQL and waits until each coordinator answers by it.
private struct Changes {
    /// A hint arrives in milliseconds, which are printed. Without hints a route would be asked for
    /// again when it is half a minute old: that is what this excludes.
    private static let withoutHint: Duration = .seconds(30)

    let site: FaultSite
    let coordinators: [ServedConnection]

    init(_ site: FaultSite, _ coordinators: [ServedConnection]) {
        self.site = site
        self.coordinators = coordinators
    }

    func make(
        _ name: String, _ statement: String,
        isLive: @escaping (ServedConnection) async throws -> Bool
    ) async throws {
        _ = try await site.sql(statement)
        let committed = ContinuousClock.now
        var times: [Duration] = []
        for coordinator in coordinators {
            var isSeen = try await isLive(coordinator)
            while !isSeen, ContinuousClock.now - committed < Self.withoutHint - .seconds(5) {
                try await Task.sleep(for: .milliseconds(10))
                isSeen = try await isLive(coordinator)
            }
            #expect(isSeen, "\(name): no hint made it live")
            times.append(ContinuousClock.now - committed)
        }
        print(
            "\(name): live after",
            times.map { "\(Int($0 / .milliseconds(1))) ms" }.joined(separator: " and "))
    }
}
