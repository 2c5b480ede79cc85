// Where a request is scored, and how long it waits for that, on a real database.
import Concurrency
import Dispatch
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@testable import Coordination

@Suite(.timeLimit(.minutes(20))) struct `Scoring of a request` {
    @Test func `a request waits for all workers that it asks together no longer than one deadline`()
        async throws
    {
        try await TestServing.with { serving in
            // Two that are connected and never answer.
            var inboxes: [AsyncStream<DispatchHub.Outbound>] = []
            for name in ["laptop", "phone"] {
                let id: WorkerID = try await serving.pool.execute(
                    """
                    insert into ls.worker (name, public_key_sha256)
                    values ($1, sha256($1::text::bytea)) returning worker_id
                    """, name
                ).one().decode()
                inboxes.append(
                    try await serving.reranker.hub.open(
                        Worker(id: id, name: name),
                        WorkerHello(
                            programVersion: "test", capacity: 1, taskKinds: [], reranks: true)
                    ).1)
            }
            // The user's ranker is nowhere but on the laptop, the domain's on the phone and here.
            try await serving.pool.execute(
                """
                select ls.register_ranker('tiny', 'pointwise', p_user => 'eve', p_home => 'laptop',
                    p_name => 'at-home')
                """)
            try await serving.pool.execute(
                """
                select ls.insert_version(ls.ranker_id('at-home'), sha256('w'), null, '{}', null,
                    null, null, worker_id, 'test', 9) from ls.worker where name = 'laptop'
                """)
            try await serving.promoteNewest(of: "at-home")
            try await serving.pool.execute(
                "select ls.place_ranker('math/algebra.pointwise', 'phone', 'test')")
            let reply = try await serving.rerank(
                TestServing.request(user: "eve", domain: "math/algebra"))
            #expect(reply.servedModel == "math/algebra.pointwise@1" && reply.isFallback)
            #expect(reply.worker == nil)
            let misses = reply.explanation.split(separator: "; ")
            #expect(
                misses.first == "at-home is placed on laptop, which did not answer in 200 ms"
            )
            #expect(
                misses.dropFirst().first == """
                    math/algebra.pointwise is placed on phone, which there was no time left to ask
                    """, "\(reply.explanation)")
            withExtendedLifetime(inboxes) {}
        }
    }

    @Test func `a large group is refused as busy when too many wait for a scoring thread`()
        async throws
    {
        try await TestServing.with { serving in
            let threads = serving.reranker.threads, gate = DispatchSemaphore(value: 0)
            let (begun, beginning) = AsyncStream.makeStream(of: Void.self)
            let isAccepted = threads.submit {
                beginning.finish()
                gate.wait()
            }
            #expect(isAccepted)
            for await _ in begun {}
            var count = 1
            while threads.submit({ gate.wait() }) { count += 1 }
            defer { for _ in 0..<count { gate.signal() } }
            // A small one is scored where it came.
            _ = try await serving.rerank(TestServing.request(user: "ada"))
            let refusal = try await serving.refusal(Self.largeRequest())
            #expect(refusal.code == .busy)
        }
    }

    @Test func `the route of a request is looked up once, whatever it waits for afterwards`()
        async throws
    {
        try await TestServing.with { serving in
            for request in [
                try TestServing.request(user: "ada"),
                try TestServing.request("nobody", fallbacks: ["~ada.pointwise"]),
            ] {
                _ = try await serving.rerank(request)
                let before = serving.reranker.counts
                _ = try await serving.rerank(request)
                let after = serving.reranker.counts
                let asked = 1 + request.fallbacks.count
                #expect(
                    after.routeHits + after.routeMisses - before.routeHits - before.routeMisses
                        == asked)
            }
        }
    }

    /// More candidates than are scored on the thread that they come on; more than any ranker takes.
    private static func largeRequest() throws -> RerankRequest {
        let count = 40_000 * TestServing.hiddenSize
        return try TestServing.request(
            user: "ada", features: (0..<count).map { Float($0 % 17) - 8 })
    }
}
