// One of two coordinators leaves, asked to or not.
import Foundation
import Testing

extension Serving {
    @Test func `SIGTERM to one of two coordinators fails no request; SIGKILL only those under way`()
        async throws
    {
        try await FaultSite.with(.server, coordinators: 2) { site in
            let users = ["ada", "bob", "cy", "dee"]
            try await site.script(
                users.enumerated().map { Served.adding("~\($1)", seed: UInt64($0) + 1, user: $1) }
                    .joined())
            let connectionCount = 8
            let idle = try await site.connect(0)
            #expect(try await idle.get("/readyz").status == 200)

            let traffic = try await Traffic.during(
                site, connections: connectionCount, users: users
            ) { traffic in
                try await traffic.answers(300)
                #expect(traffic.served(by: 0) > 0 && traffic.served(by: 1) > 0)

                traffic.begin("SIGTERM to one")
                let asked = ContinuousClock.now
                site.terminate(coordinator: 0)
                try await eventually(within: 5, "it says that it is leaving") {
                    // Its port may be closed already when the machine is busy.
                    guard let answer = try? await idle.get("/readyz") else { return true }
                    return answer.status == 503
                }
                // A second to tell balancers, ten for connections to end; then what else there is
                // stops.
                try await eventually(within: 25, "it has left") {
                    site.exitStatus(coordinator: 0) != nil
                }
                let took = ContinuousClock.now - asked
                #expect(site.exitStatus(coordinator: 0) == 0)
                try await traffic.answers(200)
                let left = traffic.counts("SIGTERM to one")
                #expect(left.failed == 0, "\(traffic.summary)")
                #expect(left.farewells > 0, "answers said that the connection ends")

                traffic.begin("it is back")
                try await site.startCoordinator(0)
                let before = traffic.served(by: 0)
                // Its clients went to the other one, and stay: new ones come.
                let client = try await site.connect(0)
                for user in users { #expect(try await client.rerank(user: user).status == 200) }
                #expect(traffic.served(by: 0) == before)

                traffic.begin("SIGKILL to the other")
                site.kill(coordinator: 1)
                try await eventually(within: 20, "all clients are at the first") {
                    traffic.served(by: 0) >= before + 200
                }
                // Begun before or after it was said that it would be killed.
                let lost = ["it is back", "SIGKILL to the other"].flatMap {
                    traffic.counts($0).failures
                }
                #expect(lost.count <= connectionCount, "\(traffic.summary)")
                #expect(lost.allSatisfy { $0.contains("at 1:") }, "\(traffic.summary)")
                print("SIGTERM: left with status 0 after \(took.rounded)")
            }
            print(traffic.summary)
            fflush(nil)
        }
    }
}
