// Coordinators with workers' ports on one database, and what another one needs to ask them.
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
struct TestCoordinator: Sendable {
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
struct PeerSite: Sendable {
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
                heldLeases: [], reranks: true, combinesSignals: true))
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
            signals: RerankSignals(
                answers: (0..<candidateCount).map { Int32($0 % 2) },
                numbers: ["reward": (0..<candidateCount).map { Double($0) / 3 }]),
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
        throw LanguageSystemError(.internal, "it was served")
    }
}
