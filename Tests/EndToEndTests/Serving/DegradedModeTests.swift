// PostgreSQL goes away under load: what is in memory goes on being served.
import Foundation
import Testing

extension Serving {
    /// How PostgreSQL is absent.
    enum Absence: String, CaseIterable, Sendable {
        /// Connections are refused.
        case stopped
        /// It is there, takes connections and says nothing.
        case frozen
    }

    @Test(arguments: Absence.allCases)
    func `without PostgreSQL no request of a cached route fails`(_ absence: Absence) async throws {
        try await FaultSite.with(.server, coordinators: 1) { site in
            guard case .server(let server) = site.database else { return }
            let users = ["ada", "bob", "cy"]
            try await site.script(
                users.enumerated().map { Served.adding("~\($1)", seed: UInt64($0) + 1, user: $1) }
                    .joined())
            let probe = try await site.connect()
            for user in users { #expect(try await probe.rerank(user: user).status == 200) }

            let traffic = try await Traffic.during(site, connections: 6, users: users) { traffic in
                try await traffic.answers(200)
                traffic.begin("without PostgreSQL")
                switch absence {
                case .stopped: try await server.crash()
                case .frozen: server.signal(SIGSTOP)
                }
                let away = ContinuousClock.now
                try await eventually(within: 15, "/readyz is red") {
                    try await probe.get("/readyz").status == 503
                }
                let red = ContinuousClock.now - away
                var asked = ContinuousClock.now
                _ = try await probe.get("/readyz")
                let ready = ContinuousClock.now - asked
                asked = .now
                #expect(try await probe.get("/livez").status == 200)
                // Who was never asked for cannot be looked up: told so, not kept waiting.
                let unknown = try await probe.rerank(user: "zoe")
                #expect(unknown.status == 503, "\(unknown.body)")
                #expect(try unknown.code == "unavailable")
                #expect(unknown.header("retry-after") == "1")
                let refused = ContinuousClock.now - asked
                try await traffic.answers(500)
                #expect(try await probe.get("/livez").status == 200)
                #expect(try await probe.get("/readyz").status == 503)

                traffic.begin("after")
                switch absence {
                case .stopped: try await server.start()
                case .frozen: server.signal(SIGCONT)
                }
                let back = ContinuousClock.now
                try await eventually(within: 20, "/readyz is green again") {
                    try await probe.get("/readyz").status == 200
                }
                let green = ContinuousClock.now - back
                try await eventually(within: 20, "who was not known is served") {
                    try await probe.rerank(user: "zoe").status == 200
                }
                try await traffic.answers(300)
                print(
                    """
                    PostgreSQL \(absence): /readyz red after \(red.rounded) and then in \
                    \(ready.rounded), a user nobody knows refused after \(refused.rounded), green \
                    \(green.rounded) after it was back
                    """
                )
            }
            print(traffic.summary)
            fflush(nil)
            #expect(traffic.total.failed == 0, "\(traffic.summary)")
            #expect(traffic.total.repeated == 0, "every connection was kept")
        }
    }
}

extension Duration {
    /// To a tenth of a second, for people.
    var rounded: String { String(format: "%.1f s", self / .seconds(1)) }
}
