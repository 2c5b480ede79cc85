// One coordinator hands a rerank to another, which has the worker: over mutual TLS, and nobody else
// may.
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import Ledger
import PKI
import RankerMath
import Testing
import WorkerWire

@testable import Coordination
@testable import CoordinatorServer

@Suite(.timeLimit(.minutes(20))) struct `Reranks between coordinators` {
    @Test func `reranks arrive as they were sent, and their scores come back`() async throws {
        try await PeerSite.with { site in
            let orders = try await site.connect(to: site.one.hub) { order in
                .scored(
                    (0..<order.rerank.candidateCount).map { Float($0) / 3 },
                    combined: CombinedScores(
                        (0..<order.rerank.candidateCount).map { 1 / Double($0 + 1) },
                        signals: ["scores.reward"]),
                    compute: .microseconds(70))
            }
            let links = site.links()
            let work = PeerSite.work()
            // Below the wire's own bound: the order has what is left of it.
            let deadline: Duration = .seconds(50)
            #expect(deadline < WireLimits.rerankDeadlineMax)
            let answer = await links.rerank(
                by: site.worker.id, work, at: site.place, within: deadline)
            #expect(
                answer
                    == .answered(
                        .scored(
                            [0, Float(1) / 3],
                            combined: CombinedScores([1, 0.5], signals: ["scores.reward"]),
                            compute: .microseconds(70))))
            var sent = orders.makeAsyncIterator()
            let order = try #require(await sent.next())
            #expect(order.rerank.features == work.features && order.rerank.dtype == .float16)
            #expect(
                order.rerank.weights == work.weights && order.rerank.rankerName == "math.listwise")
            #expect(order.rerank.traceParent == work.traceParent)
            #expect(order.rerank.signals == work.signals && work.signals != nil)
            #expect(order.deadline > .zero && order.deadline <= deadline)

            // The largest group there is, and many at once on one connection.
            let large = PeerSite.work(hiddenSize: 4_096, candidateCount: 511)
            #expect(large.features.count == WireLimits.rerankFeaturesByteCountMax)
            await withTaskGroup(of: PeerAnswer.self) { group in
                for index in 0..<40 {
                    group.addTask {
                        await links.rerank(
                            by: site.worker.id, index == 0 ? large : work, at: site.place,
                            within: .seconds(180))
                    }
                }
                for await answer in group {
                    guard case .answered(.scored) = answer else {
                        Issue.record("\(answer)")
                        continue
                    }
                }
            }
            await links.keep(only: [])
        }
    }

    @Test func `a refusal is the worker's, or says that it is not there, late or busy`()
        async throws
    {
        try await PeerSite.with { site in
            let links = site.links()
            func ask(within deadline: Duration = .seconds(180)) async -> PeerAnswer {
                await links.rerank(
                    by: site.worker.id, PeerSite.work(), at: site.place, within: deadline)
            }
            #expect(await ask() == .answered(.unreachable))
            _ = try await site.connect(to: site.one.hub) { _ in
                .refused(LanguageSystemError(.unavailable, "cannot rerank: it fetches the weights"))
            }
            #expect(
                await ask()
                    == .answered(
                        .refused(
                            LanguageSystemError(
                                .unavailable, "cannot rerank: it fetches the weights"))
                    ))
            _ = try await site.connect(to: site.one.hub) { _ in
                .refused(LanguageSystemError(.busy, "too much"))
            }
            #expect(await ask() == .answered(.busy))
            _ = try await site.connect(to: site.one.hub) { _ in nil }
            let late = await ask(within: .milliseconds(100))
            #expect(late == .silent || late == .answered(.late))
            await links.keep(only: [])
        }
    }

    @Test func `the worker's place is free when whoever asked has left`() async throws {
        try await PeerSite.with { site in
            let orders = try await site.connect(to: site.one.hub) { _ in nil }
            let links = site.links()
            let asking = Task {
                await links.rerank(
                    by: site.worker.id, PeerSite.work(), at: site.place, within: .seconds(180))
            }
            var sent = orders.makeAsyncIterator()
            _ = try #require(await sent.next())
            #expect(await site.one.hub.edgeReranks.waitingCount == 1)
            asking.cancel()
            _ = await asking.value
            while await site.one.hub.edgeReranks.waitingCount > 0 {
                try await Task.sleep(for: .milliseconds(5))
            }
            await links.keep(only: [])
        }
    }

    @Test func `reranks end at once when the other coordinator is gone, and go on when it is back`()
        async throws
    {
        try await PeerSite.with { site in
            let other = try await TestCoordinator.start(
                "three", site.ledger, site.database, site.authority)
            _ = try await site.connect(to: other.hub) { _ in .scored([1, 2], compute: .zero) }
            let links = site.links()
            let place = site.place(other.port)
            func ask() async -> PeerAnswer {
                await links.rerank(
                    by: site.worker.id, PeerSite.work(), at: place, within: .seconds(180))
            }
            #expect(await ask() == .answered(.scored([1, 2], compute: .zero)))
            await other.stop()
            // Lost, where `ask` would have waited for minutes to call it late or silent.
            #expect(await ask() == .lost)
            let again = try await TestCoordinator.start(
                "three-again", port: other.port, site.ledger, site.database, site.authority)
            _ = try await site.connect(to: again.hub) { _ in .scored([3, 4], compute: .zero) }
            #expect(await ask() == .answered(.scored([3, 4], compute: .zero)))
            await links.keep(only: [])
            await again.stop()
        }
    }

    @Test func `reranks are lost on an older coordinator, and on one of another authority`()
        async throws
    {
        try await PeerSite.with { site in
            // It knows the port and the authority, but not the service.
            let certificate = try site.authority.issueServerCertificate(names: ["localhost"])
            let transport = HTTP2ServerTransport.Posix(
                address: .ipv4(host: "127.0.0.1", port: 0),
                transportSecurity: .mTLS(
                    certificateChain: certificate.chain.map {
                        .bytes(Array($0.utf8), format: .pem)
                    },
                    privateKey: .bytes(Array(certificate.keyPEM.utf8), format: .pem)
                ) {
                    $0.trustRoots = .certificates([
                        .bytes(Array(site.authority.certificatePEM.utf8), format: .pem)
                    ])
                })
            let older = GRPCServer(transport: transport, services: [])
            let serving = Task { try await older.serve() }
            let port = try #require(try await transport.listeningAddress.ipv4?.port)
            let links = site.links()
            let unimplemented = await links.rerank(
                by: site.worker.id, PeerSite.work(),
                at: Peer(name: "old", address: "localhost:\(port)"), within: .seconds(180))
            #expect(unimplemented == .lost)
            // The same under a name that its certificate does not have.
            let misnamed = await links.rerank(
                by: site.worker.id, PeerSite.work(),
                at: Peer(name: "old", address: "127.0.0.1:\(port)"), within: .seconds(180))
            #expect(misnamed == .lost)
            serving.cancel()
            await links.keep(only: [])

            let strangers = site.links(try CertificateAuthority.ephemeral())
            let refused = await strangers.rerank(
                by: site.worker.id, PeerSite.work(), at: site.place, within: .seconds(180))
            #expect(refused == .lost)
            for address in ["nowhere", "127.0.0.1:x", ":1"] {
                let lost = await links.rerank(
                    by: site.worker.id, PeerSite.work(), at: Peer(name: "x", address: address),
                    within: .seconds(180))
                #expect(lost == .lost)
            }
            await strangers.keep(only: [])
        }
    }

    @Test func `peer reranks are for coordinators alone, and workers' calls are not for them`()
        async throws
    {
        try await PeerSite.with { site in
            _ = try await site.connect(to: site.one.hub) { _ in .scored([1, 2], compute: .zero) }
            let message = Languagesystem_V1_PeerRerank(
                PeerRerank(
                    worker: site.worker.id,
                    order: EdgeRerankOrder(
                        number: 0,
                        EdgeRerank(
                            rankerName: "r",
                            weights: BlobReference(
                                digest: Digest(bytes: [UInt8](repeating: 1, count: 32))!,
                                byteCount: 1,
                                name: "r@1"), features: [0, 0, 0, 0], dtype: .float16,
                            candidateCount: 1, hiddenSize: 1),
                        deadline: .seconds(1))))

            // A worker, with a certificate that is good for its own service.
            let worker = try await site.workerCertificate()
            var error = try await site.refusal(worker.chain, worker.keyPEM) { client, options in
                _ = try await Languagesystem_V1_CoordinatorService.Client(wrapping: client)
                    .rerank(message, options: options)
            }
            #expect(LanguageSystemError(error).code == .identityRefused)
            #expect(error.code == .permissionDenied)
            #expect(error.message.hasPrefix("cannot accept this certificate as a coordinator's"))

            // A coordinator, at every call of the workers'.
            let coordinator = try site.authority.issueCoordinatorCertificate(name: "two")
            typealias Calls = Languagesystem_V1_WorkerService.Client<HTTP2ClientTransport.Posix>
            let calls: [@Sendable (Calls, CallOptions) async throws -> Void] = [
                {
                    try await $0.session(options: $1) { _ in
                    } onResponse: {
                        for try await _ in $0.messages {}
                    }
                },
                {
                    try await $0.fetchBlob(.init(), options: $1) {
                        for try await _ in $0.messages {}
                    }
                },
                { _ = try await $0.completeTraining(options: $1) { _ in } },
                { _ = try await $0.completeEvaluation(.init(), options: $1) },
                { _ = try await $0.failAttempt(.init(), options: $1) },
                { _ = try await $0.renewCertificate(.init(), options: $1) },
            ]
            for call in calls {
                error = try await site.refusal(coordinator.chain, coordinator.keyPEM) {
                    try await call(Calls(wrapping: $0), $1)
                }
                #expect(LanguageSystemError(error).code == .identityRefused)
                #expect(error.message.hasPrefix("cannot accept this certificate as a worker's"))
            }

            // A server's certificate, and another authority's: TLS says no.
            let server = try site.authority.issueServerCertificate(names: ["localhost"])
            let stranger = try CertificateAuthority.ephemeral().issueCoordinatorCertificate(
                name: "two")
            for (chain, keyPEM) in [
                (server.chain, server.keyPEM), (stranger.chain, stranger.keyPEM),
            ] {
                error = try await site.refusal(chain, keyPEM) { client, options in
                    _ = try await Languagesystem_V1_CoordinatorService.Client(wrapping: client)
                        .rerank(message, options: options)
                }
                #expect(error.code == .unavailable)
            }
        }
    }
}
