// Two coordinators on one database and one worker: whichever is asked, the worker scores; and when
// the one that has it sleeps, dies or loses it to the other, no request fails.
import Foundation
import Testing

extension Serving {
    @Test func `a placed ranker is scored on its worker through any coordinator`()
        async throws
    {
        try await FaultSite.with(
            .server, coordinators: 2, workers: 1, serve: ["--edge-deadline-ms", "500"]
        ) { site in
            try await site.script(Served.adding("~ada", seed: 1, user: "ada"))
            let connection = try await site.connect(1)
            let central = try await connection.rerank(user: "ada")
            #expect(central.header("x-ls-where") == "central")
            _ = try await site.sql("select ls.place_ranker('~ada', 'edge-1', 'test')")

            let traffic = SteadyTraffic(try await site.connect(1))
            let asking = Task { try await traffic.run() }
            defer { asking.cancel() }
            let edge = try await elsewhere(connection)
            #expect(try edge.meta["worker"] as? String == "edge-1")
            #expect(edge.header("x-ls-fallback") == "false")
            #expect(edge.header("x-ls-digest") == central.header("x-ls-digest"))
            #expect(try edge.scores.count == central.scores.count)
            for (one, other) in zip(try edge.scores, try central.scores) {
                #expect(abs(one - other) <= 2e-2)
            }
            let metrics = try await connection.get("/metrics").body
            #expect(metrics.contains("ls_peer_reranks_total{answer=\"scored\"}"))
            #expect(
                try await site.sql(
                    """
                    select string_agg(state || ' ' || workers, ', ' order by workers) from \
                    ls.coordinator_status
                    """
                ) == "running 0, running 1")

            // The one that has it sleeps: some wait their deadline, none fails, soon none waits.
            site.signal(coordinator: 0, SIGSTOP)
            try await eventually(within: 10, "the next of the chain") {
                try await connection.rerank(user: "ada").header("x-ls-where") == "central"
            }
            try await eventually(within: 20, "nobody waits for it") {
                try await isOutOfReach(connection.rerank(user: "ada"))
            }
            site.signal(coordinator: 0, SIGCONT)
            _ = try await elsewhere(connection)

            // Killed: its worker has nowhere to go until it is back.
            site.kill(coordinator: 0)
            try await eventually(within: 20, "it is known to be gone") {
                try await isOutOfReach(connection.rerank(user: "ada"))
            }
            #expect(try await isOutOfReach(connection.rerank(user: "ada")))
            // From now on it is reached under a name, and its port is the one that is open.
            try await site.startCoordinator(0, ["--peer-address", "localhost:0"])
            _ = try await elsewhere(connection)
            #expect(
                try await site.sql(
                    """
                    select count(*) from ls.coordinator_status where state = 'running' and workers \
                    = 1 and address like 'localhost:%' and address not like '%:0'
                    """
                ) == "1")

            // The worker moves: the other one has it now, and the first asks there.
            site.kill(worker: 0)
            try site.redirect(worker: 0, to: 1)
            try site.startWorker(0)
            _ = try await elsewhere(connection)
            let first = try await site.connect(0)
            _ = try await elsewhere(first)
            #expect(
                try await first.get("/metrics").body
                    .contains("ls_peer_reranks_total{answer=\"scored\"}"))

            // Told to stop, it leaves the list at once.
            site.terminate(coordinator: 0)
            try await eventually(within: 30, "it has left") {
                try await site.sql(
                    "select count(*) from ls.coordinator_status where state = 'running'") == "1"
            }
            asking.cancel()
            _ = await asking.result
            let (answered, failed) = await traffic.counts
            #expect(answered > 100)
            #expect(failed.isEmpty, "\(failed)")
            print("peers: \(answered) requests through the other coordinator, none failed")
            fflush(nil)
        }
    }

    private func elsewhere(_ connection: ServedConnection) async throws -> KeptConnection.Answer {
        var answer = try await connection.rerank(user: "ada")
        try await eventually(within: 30, "its worker scores it") {
            answer = try await connection.rerank(user: "ada")
            return answer.header("x-ls-where") == "edge"
        }
        return answer
    }

    /// Said of a worker that nobody waits for; one that was waited for "did not answer".
    private func isOutOfReach(_ answer: KeptConnection.Answer) throws -> Bool {
        #expect(answer.status == 200)
        let why = try answer.meta["explanation"] as? String
        return answer.header("x-ls-fallback") == "true"
            && why?.contains("~ada is placed on edge-1, which is out of reach") ?? false
    }
}

/// One request after the other, and which of them failed.
private actor SteadyTraffic {
    private let connection: ServedConnection
    private var answered = 0
    private var failed: [String] = []

    init(_ connection: ServedConnection) { self.connection = connection }

    var counts: (Int, [String]) { (answered, failed) }

    func run() async throws {
        while !Task.isCancelled {
            do {
                let answer = try await connection.rerank(user: "ada")
                if answer.status == 200 {
                    answered += 1
                } else {
                    failed.append("\(answer.status) \(answer.body)")
                }
            } catch is CancellationError {
                return
            } catch {
                if !Task.isCancelled { failed.append("\(error)") }
                return
            }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }
}
