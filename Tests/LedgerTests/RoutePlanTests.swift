// What the server answers from memory is what ls.route() answers in psql, over random rules; keys
// and decisions.
import struct Crypto.SHA256
import Foundation
import LanguageSystem
import PostgresAccess
import PostgresTesting
import Testing

@testable import Ledger

@Suite(.timeLimit(.minutes(20))) struct `Route plan` {
    private static let users: [String?] = [nil, "ada", "ben", "eve"]
    private static let domains: [DomainName?] =
        [nil]
        + ["math/algebra", "math/geometry", "code"]
        .map { try! DomainName($0) }

    private func rankers(_ ledger: TestLedger) async throws -> [String] {
        var names: [String] = []
        for (place, domain) in ["math/algebra", "math/geometry", "code"].enumerated() {
            let name = try await ledger.ranker(domain)
            try await ledger.champion(of: name, weights: [UInt8(place), 7])
            names.append(name)
        }
        return names
    }

    @Test(arguments: 1...12) func `a request is answered here as ls.route() answers it`(seed: Int)
        async throws
    {
        var generator = SplitMix(state: UInt64(seed))
        try await TestLedger.with { ledger in
            // Of the seed, too: with one by chance a small share may fall on nobody.
            try await ledger.database.pool.execute(
                "update ls.share_secret set secret = sha256(convert_to($1, 'UTF8'))", "\(seed)")
            let names = try await rankers(ledger)
            for number in 0..<Int.random(in: 1...8, using: &generator) {
                let action = RouteRule.Action.allCases.randomElement(using: &generator)!
                try await ledger.store.addRouteRule(
                    RouteRule(
                        name: "rule-\(number)", action: action,
                        target: names.randomElement(using: &generator)!,
                        share: action == .pin
                            ? 1 : Double(Int.random(in: 1...10, using: &generator)) / 10,
                        user: Self.users.randomElement(using: &generator)!,
                        domain: [nil, "math/*", "code", "math/algebra"].randomElement(
                            using: &generator)!,
                        priority: Int.random(in: 0...2, using: &generator)))
            }
            var ruled = 0
            for user in Self.users {
                for domain in Self.domains {
                    let plan = try await ledger.store.routePlan(
                        baseModel: "tiny", user: user, domain: domain)
                    for _ in 0..<8 {
                        let request = "r\(UInt32.random(in: 0...(.max), using: &generator))"
                        let expected = try await ledger.store.route(
                            baseModel: "tiny", user: user, domain: domain, request: request)
                        let found = plan.choices(for: request).first
                        #expect(found?.versionID == expected?.version, "\(request)")
                        #expect(found?.rule == expected?.rule, "\(request)")
                        if found?.rule != nil { ruled += 1 }
                    }
                }
            }
            #expect(ruled > 0, "no rule ever served")
        }
    }

    @Test(arguments: ["", "ab", "ünïcode", "a\nb"]) func `a request's bucket is the database's`(
        rule: String
    )
        async throws
    {
        try await TestLedger.with { ledger in
            for unit in ["", "ada", "8f1c", "\u{1F600}"] {
                let row = try await ledger.database.pool.execute(
                    "select ls.request_bucket($1, $2) as bucket, ls.read_share_secret() as secret",
                    rule, unit
                ).one()
                let shares = RequestShares(secret: try row.decode("secret"))
                #expect(shares.bucket(of: unit, in: rule) == (try row.decode("bucket")))
                #expect("\(shares)" == "<redacted>")
            }
        }
    }

    @Test func `another installation draws other requests`() async throws {
        let mine = try await TestLedger.with { ledger in
            try await ledger.database.pool.execute(
                "update ls.share_secret set secret = sha256('another')")
            let name = try await ledger.ranker("code")
            try await ledger.champion(of: name)
            return try await ledger.store.routePlan(
                baseModel: "tiny", domain: try DomainName("code")
            ).shares
        }
        #expect(mine == RequestShares(secret: [UInt8](SHA256.hash(data: Data("another".utf8)))))
        let other = RequestShares(secret: [UInt8](repeating: 7, count: 32))
        let same = (0..<1_000).count { number in
            (mine.bucket(of: "r\(number)", in: "bird") < 5_000)
                == (other.bucket(of: "r\(number)", in: "bird") < 5_000)
        }
        #expect((400...600).contains(same))
    }

    @Test func `a plan's choices end with the first ranker that can be scored here`() {
        func route(_ number: Int64, central: Bool) -> Route {
            Route(
                rankerID: RankerID(number), rankerName: "r\(number)", baseModel: "m",
                kind: .listwise,
                configuration: "{}", versionID: RankerVersionID(number), versionNumber: 1,
                digest: .sha256([UInt8(number)]), reason: .user, isCentral: central)
        }
        let plan = RoutePlan(entries: [
            .init(route: route(1, central: false)),
            .init(role: .shadow, route: route(2, central: true)),
            .init(route: route(3, central: true)), .init(route: route(4, central: true)),
        ])
        #expect(plan.choices(for: "x").map(\.rankerName) == ["r1", "r3"])
        #expect(plan.shadows(for: "x").map(\.rankerName) == ["r2"])
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Serving ledger` {
    @Test func `a key goes in and out with its scope`() async throws {
        try await TestLedger.with { ledger in
            let scope = KeyScope(users: ["ada"], domains: ["math/*"], baseModels: nil)
            let text = try await ledger.store.createAPIKey(
                "app", scope: scope, lasting: .seconds(60))
            let key = try #require(try await ledger.store.validAPIKeys().first)
            #expect(key.name == "app" && key.scope == scope && text.hasPrefix("lsk_\(key.id)_"))
            #expect(try #require(key.timeLeft) <= .seconds(60))
            try await ledger.store.revokeAPIKey("app", because: "lost")
            #expect(try await ledger.store.validAPIKeys().isEmpty)
            #expect(try await ledger.store.apiKeys().map(\.state) == ["revoked"])
        }
    }

    @Test func `a decision is read as it was kept, its scores to the bit`() async throws {
        try await TestLedger.with { ledger in
            let name = try await ledger.ranker("code")
            try await ledger.champion(of: name)
            let route = try await ledger.store.resolve(name)
            let scores: [Float] = [0.1, -1.0 / 3, .leastNonzeroMagnitude, 1]
            let decision = Decision(
                requestID: "r1", role: .serve, model: "tiny", user: "ada", domain: nil,
                versionID: route.versionID, reason: .domain, rule: nil, isFallback: true,
                workerID: nil, arithmetic: "float32", hiddenSize: 4, dtype: "F16",
                features: [UInt8](0..<40), scores: scores)
            #expect(try await ledger.store.recordDecisions([decision, decision]) == 2)
            let kept = try #require(try await ledger.store.decisions(of: "r1").first)
            #expect(kept.scores == scores && kept.features == decision.features)
            #expect(kept.digest == route.digest && kept.user == "ada" && kept.isCentral)
            let error = await #expect(throws: LanguageSystemError.self) {
                try await ledger.store.decisions(of: "r2")
            }
            #expect(error?.code == .unknownRequest)
        }
    }

    @Test func `the contract of a base model is read as it was registered`() async throws {
        try await TestLedger.with { ledger in
            #expect(try await ledger.store.servingContract(baseModel: "tiny").hiddenSize == 4)
            try await ledger.store.ping(within: .seconds(120))
        }
    }

    @Test func `rankers are placed and taken off`() async throws {
        try await TestLedger.with { ledger in
            let name = try await ledger.ranker("code")
            try await ledger.champion(of: name)
            let worker = try await ledger.worker("edge-1")
            try await ledger.store.placeRanker(name, on: "edge-1", because: "near its user")
            #expect(
                try await ledger.store.resolve(name).worker
                    == Route.Placement(id: worker, name: "edge-1"))
            #expect(try await ledger.store.unplaceRanker(name, because: "enough"))
            #expect(try await ledger.store.resolve(name).worker == nil)
            #expect(try await !ledger.store.removeRouteRule("nothing", because: "enough"))
        }
    }
}
