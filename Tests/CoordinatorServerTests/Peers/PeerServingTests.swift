// One coordinator hands a rerank to another, which has the worker: over mutual TLS, and nobody else
// may.
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import Ledger
import Logging
import PKI
import PostgresAccess
import PostgresTesting
import RankerMath
import Testing
import WorkerWire

@testable import Coordination
@testable import CoordinatorServer

/// A coordinator with the workers' port of its own.
private struct TestCoordinator: Sendable {
    let hub: DispatchHub
    let port: Int
    private let running: [Task<Void, any Error>]

    static func start(
        _ name: String, port: Int = 0, _ ledger: LedgerStore, _ database: ThrowAwayDatabase,
        _ authority: CertificateAuthority, patience: CallPatience = CallPatience()
    ) async throws -> TestCoordinator {
        let hub = DispatchHub(
            ledger: ledger,
            hints: LedgerNotifications(
                Listener(
                    ConnectionConfiguration(database.connectionInfo), logger: PeerSite.quiet)),
            settings: DispatchSettings(coordinatorName: name), logger: PeerSite.quiet)
        let (ports, opened) = AsyncStream<Int>.makeStream()
        let endpoint = try WorkerEndpoint(
            host: "127.0.0.1", port: port,
            certificates: try ServerCertificates(
                authority: authority, names: ["127.0.0.1", "localhost"], logger: PeerSite.quiet),
            hub: hub, ledger: ledger,
            enrolment: Enrolment(
                authority: authority, ledger: ledger, logger: PeerSite.quiet
            ) { 0 },
            patience: patience, logger: PeerSite.quiet, onListening: { opened.yield($0) })
        let running = [Task { try await endpoint.run() }, Task { try await hub.run() }]
        var iterator = ports.makeAsyncIterator()
        return TestCoordinator(
            hub: hub, port: try #require(await iterator.next()), running: running)
    }

    func stop() async {
        await hub.endAllSessions()
        for task in running { task.cancel() }
        for task in running { _ = await task.result }
    }
}

/// A coordinator that has a worker, and what another one needs to ask it.
private struct PeerSite: Sendable {
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    static let template = ThrowAwayDatabase.Template("peers") { pool in
        try await LedgerStore.migrator(logger: quiet).migrate(pool)
    }

    let ledger: LedgerStore
    let database: ThrowAwayDatabase
    let authority: CertificateAuthority
    let one: TestCoordinator
    let worker: Worker

    static func with(
        patience: CallPatience = CallPatience(), _ body: (PeerSite) async throws -> Void
    ) async throws {
        try await ThrowAwayDatabase.with(template) { database in
            let ledger = LedgerStore(pool: database.pool)
            let authority = try CertificateAuthority.ephemeral()
            try await ledger.setCertificateAuthority(
                pem: authority.certificatePEM, publicKeySHA256: authority.publicKeySHA256)
            let one = try await TestCoordinator.start(
                "one", ledger, database, authority, patience: patience)
            let id = try await database.pool.execute(
                """
                insert into ls.worker (name, public_key_sha256) values ('edge-1', sha256('k')) \
                returning worker_id
                """
            ).one().decode(WorkerID.self, "worker_id")
            do {
                try await body(
                    PeerSite(
                        ledger: ledger, database: database, authority: authority, one: one,
                        worker: Worker(id: id, name: "edge-1")))
            } catch {
                await one.stop()
                throw error
            }
            await one.stop()
        }
    }

    func place(_ port: Int) -> Peer { Peer(name: "one", address: "127.0.0.1:\(port)") }
    var place: Peer { place(one.port) }

    func links(_ authority: CertificateAuthority? = nil) -> PeerLinks {
        PeerLinks(authority: authority ?? self.authority, name: "two", logger: Self.quiet)
    }

    /// Connects the worker to `hub` and answers each rerank with `answer`; what it was sent comes
    /// in a stream.
    func connect(
        to hub: DispatchHub, _ answer: @escaping @Sendable (EdgeRerankOrder) -> EdgeRerankResult?
    ) async throws -> AsyncStream<EdgeRerankOrder> {
        let (session, instructions) = try await hub.open(
            worker,
            WorkerHello(
                programVersion: "test", capacity: 1, taskKinds: [], heldDigests: [],
                heldLeases: [], reranks: true))
        let (orders, order) = AsyncStream.makeStream(of: EdgeRerankOrder.self)
        Task {
            for await instruction in instructions {
                guard case .rerank(let number) = instruction,
                    let taken = await hub.takeRerank(number, for: session)
                else { continue }
                order.yield(taken)
                if let report = answer(taken) {
                    await hub.rerankAnswered(EdgeRerankReply(number: number, report), by: session)
                }
            }
        }
        return orders
    }

    static func work(hiddenSize: Int = 4, candidateCount: Int = 2) -> EdgeRerank {
        EdgeRerank(
            rankerName: "math.listwise",
            weights: BlobReference(
                digest: Digest(bytes: [UInt8](repeating: 1, count: 32))!, byteCount: 4,
                name: "math.listwise@1"),
            features: (0..<(candidateCount + 1) * hiddenSize * 2).map { UInt8($0 % 251) },
            dtype: .float16, candidateCount: candidateCount, hiddenSize: hiddenSize,
            traceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    }

    /// A certificate of the worker, as joining gives it.
    func workerCertificate() async throws -> (chain: [String], keyPEM: String) {
        let key = WorkerKey()
        let issued = try authority.issueWorkerCertificate(
            try authority.check(certificateRequest: try key.certificateRequest(name: "edge-1")),
            workerName: "edge-1")
        try await ledger.recordCertificate(
            of: worker.id, serial: issued.serial, notBefore: issued.notBefore,
            notAfter: issued.notAfter, issuer: authority.publicKeySHA256)
        return ([issued.chainPEM], key.pem)
    }

    /// The error of a call to the coordinator's port, with any certificate.
    func refusal(
        _ chain: [String], _ keyPEM: String, within limit: Duration = .seconds(10),
        _ call: @Sendable (GRPCClient<HTTP2ClientTransport.Posix>, CallOptions) async throws -> Void
    ) async throws -> RPCError {
        let transport = try HTTP2ClientTransport.Posix(
            target: .ipv4(address: "127.0.0.1", port: one.port),
            transportSecurity: .mTLS(
                certificateChain: chain.map { .bytes(Array($0.utf8), format: .pem) },
                privateKey: .bytes(Array(keyPEM.utf8), format: .pem)
            ) {
                $0.trustRoots = .certificates([
                    .bytes(Array(authority.certificatePEM.utf8), format: .pem)
                ])
            })
        var options = CallOptions.defaults
        options.waitForReady = false
        options.timeout = limit
        do {
            try await withGRPCClient(transport: transport) { try await call($0, options) }
        } catch let error as RPCError {
            return error
        }
        throw CoordinatorError(.internal, "it was served")
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Reranks between coordinators` {
    @Test func `arrive as they were sent, and their scores come back`() async throws {
        try await PeerSite.with { site in
            let orders = try await site.connect(to: site.one.hub) { order in
                .scored(
                    (0..<order.rerank.candidateCount).map { Float($0) / 3 },
                    compute: .microseconds(70))
            }
            let links = site.links()
            let work = PeerSite.work()
            // Below the wire's own bound: the order has what is left of it.
            let deadline: Duration = .seconds(50)
            #expect(deadline < WireLimits.rerankDeadlineMax)
            let answer = await links.rerank(
                by: site.worker.id, work, at: site.place, within: deadline)
            #expect(answer == .answered(.scored([0, Float(1) / 3], compute: .microseconds(70))))
            var sent = orders.makeAsyncIterator()
            let order = try #require(await sent.next())
            #expect(order.rerank.features == work.features && order.rerank.dtype == .float16)
            #expect(
                order.rerank.weights == work.weights && order.rerank.rankerName == "math.listwise")
            #expect(order.rerank.traceParent == work.traceParent)
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

    @Test func `say no in the worker's words, and that it is not there, late or busy`() async throws
    {
        try await PeerSite.with { site in
            let links = site.links()
            func ask(within deadline: Duration = .seconds(180)) async -> PeerAnswer {
                await links.rerank(
                    by: site.worker.id, PeerSite.work(), at: site.place, within: deadline)
            }
            #expect(await ask() == .answered(.unreachable))
            _ = try await site.connect(to: site.one.hub) { _ in
                .refused(CoordinatorError(.unavailable, "cannot rerank: it fetches the weights"))
            }
            #expect(
                await ask()
                    == .answered(
                        .refused(
                            CoordinatorError(.unavailable, "cannot rerank: it fetches the weights"))
                    ))
            _ = try await site.connect(to: site.one.hub) { _ in
                .refused(CoordinatorError(.busy, "too much"))
            }
            #expect(await ask() == .answered(.busy))
            _ = try await site.connect(to: site.one.hub) { _ in nil }
            let late = await ask(within: .milliseconds(100))
            #expect(late == .silent || late == .answered(.late))
            await links.keep(only: [])
        }
    }

    @Test func `free the worker's place when whoever asked has left`() async throws {
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

    @Test func `end at once when the other one is gone, and go on when it is back`() async throws {
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

    @Test func `are lost on a coordinator of before, and on one of another authority`() async throws
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

    @Test func `are coordinators' alone, and what is the workers' is not theirs`() async throws {
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
            #expect(CoordinatorError(error).code == .identityRefused)
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
                #expect(CoordinatorError(error).code == .identityRefused)
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

@Suite(.timeLimit(.minutes(5))) struct `A workers' port that is stopped` {
    @Test func `ends in order while calls are being opened`() async throws {
        try await PeerSite.with { site in
            for round in 1...20 {
                let one = try await TestCoordinator.start(
                    "stopped-\(round)", site.ledger, site.database, site.authority)
                let links = site.links()
                let calls = (0..<32).map { _ in
                    Task {
                        _ = await links.rerank(
                            by: site.worker.id, PeerSite.work(), at: site.place(one.port),
                            within: .seconds(5))
                    }
                }
                await one.stop()
                for call in calls { call.cancel() }
                for call in calls { await call.value }
                await links.keep(only: [])
            }
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `A caller that says nothing` {
    typealias Calls = Languagesystem_V1_WorkerService.Client<HTTP2ClientTransport.Posix>

    private static let soon = CallPatience(first: .milliseconds(100), next: .milliseconds(100))

    /// Until whoever waits for it is cancelled.
    @Sendable private static func silence() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        for await _ in stream {}
        withExtendedLifetime(continuation) {}
    }

    @Test(arguments: ["session", "upload", "upload that began"])
    func `loses its call`(kind: String) async throws {
        try await PeerSite.with(patience: Self.soon) { site in
            let worker = try await site.workerCertificate()
            let error = try await site.refusal(
                worker.chain, worker.keyPEM, within: .seconds(240)
            ) { client, options in
                let calls = Calls(wrapping: client)
                if kind == "session" {
                    try await calls.session(options: options) { _ in
                        await Self.silence()
                    } onResponse: {
                        for try await _ in $0.messages {}
                    }
                } else {
                    _ = try await calls.completeTraining(options: options) { writer in
                        if kind == "upload that began" {
                            let header = TrainingResultHeader(
                                token: try LeaseToken(wire: UUID().uuidString.lowercased()),
                                digest: Digest(bytes: [UInt8](repeating: 1, count: 32))!,
                                byteCount: 9, report: "{}", weightsStay: false)
                            try await writer.write(Languagesystem_V1_TrainingUpload(header))
                        }
                        await Self.silence()
                    }
                }
            }
            #expect(error.code == .deadlineExceeded)
            #expect(error.message.hasPrefix("cannot follow this call: its next message"))
        }
    }

    @Test func `is waited for without end where silence is no fault`() async throws {
        let (stream, input) = AsyncThrowingStream.makeStream(
            of: Int.self, throwing: (any Error).self)
        let messages = TimelyMessages(
            base: RPCAsyncSequence(wrapping: stream), first: .seconds(60), next: nil)
        input.yield(1)
        var iterator = messages.makeAsyncIterator()
        #expect(try await iterator.next() == 1)
        input.yield(2)
        input.finish()
        #expect(try await iterator.next() == 2)
        #expect(try await iterator.next() == nil)
    }
}
