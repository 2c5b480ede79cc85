// Puts the parts together in order of need, says what it listens on, and runs until asked to stop:
// first the surfaces close, then dispatch, then the pool, and the database last.
import ArgumentParser
import CoreMetrics
import Coordination
import CoordinatorServer
import EmbeddedPostgres
import Foundation
import LanguageSystem
import Ledger
import Logging
import PKI
import PostgresAccess
import ProgramSupport
import ServiceLifecycle
import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the coordinator: HTTPS for reranking, gRPC with mutual TLS for workers.",
        discussion: """
            Without --database it keeps a private PostgreSQL cluster in its data directory. The \
            cluster listens on a Unix socket, and starts and stops with lscoord. The first start \
            makes a certificate authority in the data directory. Requests need an API key: lscoord \
            key create.

            Examples:
              lscoord serve
              lscoord serve --data-dir /srv/lscoord --rest-address 0.0.0.0:8443 \\
                  --worker-address 0.0.0.0:8444 --server-name coordinator.example.org
              lscoord serve --database \
            postgres://lscoord@db1,db2/language_system?target_session_attrs=read-write
            """)

    @OptionGroup var options: ServeOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common, serve: options)
        let logger = ProgramLog.bootstrap(
            label: "lscoord", format: settings.logFormat, level: settings.logLevel)
        // Before anything counts.
        let metrics = PrometheusMetrics(help: CoordinatorMetrics.help)
        MetricsSystem.bootstrap(metrics)
        var cluster: EmbeddedCluster?
        if settings.database == nil {
            let embedded = Database.embeddedCluster(settings, logger: logger)
            try await embedded.start()
            cluster = embedded
        }
        do {
            try await serve(settings, cluster, metrics, logger)
        } catch {
            await cluster?.stop()
            throw error
        }
        await cluster?.stop()
    }

    private func serve(
        _ settings: Settings, _ cluster: EmbeddedCluster?, _ metrics: PrometheusMetrics,
        _ logger: Logger
    ) async throws {
        guard let connection = cluster?.connectionInfo ?? settings.database else {
            throw LanguageSystemError(
                .internal, "cannot serve: found neither a database nor a cluster of our own")
        }
        let pool = ConnectionPool(PoolConfiguration(connection), logger: logger)
        let parts: Parts
        do {
            parts = try await prepare(
                settings, pool, isEmbedded: cluster != nil, connection, metrics, logger)
        } catch {
            await pool.close()
            throw error
        }
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    cluster.map { .init(service: $0) }, .init(service: pool),
                    .init(service: MallocTrimmer()),
                    .init(service: parts.housekeeping), .init(service: parts.referee),
                    .init(service: parts.hub),
                    .init(service: parts.health), .init(service: parts.certificates),
                    .init(service: parts.apiKeys),
                    .init(service: parts.decisions),
                    .init(service: parts.reranker), .init(service: parts.workers),
                    .init(service: parts.peers), .init(service: parts.rest),
                    parts.grpc.map { .init(service: $0) },
                ].compactMap { $0 },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await group.run()
        } catch let error as LanguageSystemError {
            throw error
        } catch is CancellationError {
            return  // asked to stop
        } catch {
            // Of ours, only the REST listener reports what the system said.
            throw LanguageSystemError.cannotListen(
                "\(settings.restAddress)", what: "HTTPS", cause: error)
        }
    }

    private struct Parts {
        let housekeeping: Housekeeping
        let referee: Referee
        let hub: DispatchHub
        let health: DatabaseHealth
        let certificates: ServerCertificates
        let apiKeys: APIKeyCache
        let decisions: DecisionLog
        let reranker: Reranker
        let workers: WorkerEndpoint
        let peers: PeerReranks
        let rest: any Service
        let grpc: RerankEndpoint?
    }

    private func prepare(
        _ settings: Settings, _ pool: ConnectionPool, isEmbedded: Bool, _ connection: String,
        _ metrics: PrometheusMetrics, _ logger: Logger
    ) async throws -> Parts {
        let migrator = LedgerStore.migrator(logger: logger)
        // The embedded cluster is ours alone; somebody else's database is migrated when they say
        // so.
        if isEmbedded {
            try await migrator.migrate(pool)
        } else {
            try await pool.checkSession()
            try await pool.checkWritable()
            try await migrator.check(pool)
        }

        let ledger = LedgerStore(pool: pool, schema: SchemaGuard(logger: logger))
        let decided = try await ledger.authorityStatus().map(DecidedKeys.init)
        let authority = try CertificateAuthority.loadOrCreate(
            in: settings.authorityDirectory, following: decided)
        try await ledger.setCertificateAuthority(
            pem: authority.certificatePEM, publicKeySHA256: authority.publicKeySHA256)
        if let overlap = authority.overlap {
            logger.notice(
                "the authority's key was rotated and the one before is not retired",
                metadata: ["previous": "\(overlap.previousPublicKeySHA256.short)"])
        }
        let certificates = try ServerCertificates(
            authority: authority, names: Self.certificateNames(settings, logger), logger: logger)
        certificates.read(
            into: metrics,
            ports: [.https, .workers] + (settings.grpcAddress == nil ? [] : [.grpc]))

        let hints = LedgerNotifications(
            Listener(ConnectionConfiguration(connection), logger: logger))
        let listening = Listening(settings)
        let enrolment = Enrolment(authority: authority, ledger: ledger, logger: logger) {
            await listening.workerPort
        }
        let name = Self.coordinatorName()
        let hub = DispatchHub(
            ledger: ledger, hints: hints,
            settings: DispatchSettings(
                leaseDuration: settings.leaseDuration,
                heartbeatInterval: settings.heartbeatInterval,
                coordinatorName: name),
            logger: logger)
        let peers = PeerReranks(
            ledger: ledger, hints: hints, name: name,
            transport: PeerLinks(authority: authority, name: name, logger: logger), logger: logger)
        let apiKeys = APIKeyCache(ledger: ledger, hints: hints, logger: logger)
        try await apiKeys.read()
        let decisions = DecisionLog(ledger: ledger, settings: settings.decisions, logger: logger)
        let reranker = Reranker(
            ledger: ledger, hints: hints, decisions: decisions, hub: hub,
            peers: peers, settings: settings.reranker)
        let health = DatabaseHealth(ledger: ledger)
        let workers = try WorkerEndpoint(
            host: settings.workerAddress.host, port: settings.workerAddress.port,
            certificates: certificates, hub: hub, ledger: ledger, enrolment: enrolment,
            logger: logger,
            onListening: { port in
                await listening.workers(port)
                peers.announce(at: settings.peerAddress(workerPort: port).description)
            })
        let surface = RestSettings(
            host: settings.restAddress.host, port: settings.restAddress.port,
            tls: try certificates.serverTLS(),
            inFlightMax: settings.inFlightMax, heldByteCountMax: settings.heldByteCountMax,
            featureFileByteCountMax: settings.featureFileByteCountMax,
            uploadDirectory: settings.dataDirectory,
            drainLead: settings.drainLead)
        let rest = try buildRestApplication(
            surface, reranker: reranker, apiKeys: apiKeys, hub: hub, health: health,
            metrics: metrics, ledger: ledger, enrolment: enrolment, logger: logger,
            onListening: { await listening.rest($0) })
        let grpc = try settings.grpcAddress.map { address in
            try RerankEndpoint(
                host: address.host, port: address.port, certificates: certificates,
                settings: surface, reranker: reranker, apiKeys: apiKeys, admission: rest.admission,
                logger: logger,
                onListening: { await listening.grpc($0) })
        }
        return Parts(
            housekeeping: Housekeeping(ledger: ledger, logger: logger),
            referee: Referee(ledger: ledger, logger: logger), hub: hub, health: health,
            certificates: certificates, apiKeys: apiKeys, decisions: decisions, reranker: reranker,
            workers: workers, peers: peers, rest: rest, grpc: grpc
        )
    }

    /// Another one at each start: machines may share a host name, and containers a process number.
    private static func coordinatorName() -> String {
        let host = ProcessInfo.processInfo.hostName.lowercased()
            .map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }.drop { $0 == "-" }
        let random = String(UInt32.random(in: .min ... .max), radix: 16)
        return
            """
            \(host.isEmpty ? "lscoord" : String(host.prefix(40)))-\
            \(ProcessInfo.processInfo.processIdentifier)-\(random)
            """
    }

    /// What clients may call this server: what was configured, this machine's name, loopback. What
    /// nobody asked for by name is left out when TLS libraries would not take it.
    private static func certificateNames(_ settings: Settings, _ logger: Logger) -> [String] {
        var names = settings.serverNames + ["localhost", "127.0.0.1", "::1"]
        for host in [
            ProcessInfo.processInfo.hostName, settings.restAddress.host,
            settings.workerAddress.host, settings.grpcAddress?.host ?? "localhost",
            settings.peerHost,
        ]
        where !names.contains(host) && host != "0.0.0.0" && host != "::" {
            if let fault = HostAddress.fault(in: host) {
                logger.warning(
                    "clients and other coordinators cannot use a name of this machine",
                    metadata: [
                        "name": "\(host)", "reason": "\(fault)",
                        "hint": "--server-name and --peer-address give it another",
                    ])
            } else {
                names.append(host)
            }
        }
        return names
    }
}

/// Says, once the ports are open, where they are and what to do next.
private actor Listening {
    private let settings: Settings
    private var restPort: Int?
    private var openWorkerPort: Int?
    private var grpcPort: Int?

    init(_ settings: Settings) { self.settings = settings }

    var workerPort: Int { openWorkerPort ?? settings.workerAddress.port }

    func rest(_ port: Int) {
        restPort = port
        announce()
    }

    func workers(_ port: Int) {
        openWorkerPort = port
        announce()
    }

    func grpc(_ port: Int) {
        grpcPort = port
        announce()
    }

    private func announce() {
        guard let restPort, let openWorkerPort, settings.grpcAddress == nil || grpcPort != nil
        else { return }
        var (rest, workers) = (settings.restAddress, settings.workerAddress)
        rest.port = restPort
        workers.port = openWorkerPort
        let join = settings.joinAddress(restPort: restPort)
        // For the commands on this machine; without it they go by their own settings.
        try? PrivateFile.write(settings.joinAddressPath, Array("\(join)\n".utf8), mode: 0o644)
        var grpcLine = ""
        if var grpc = settings.grpcAddress, let grpcPort {
            grpc.port = grpcPort
            grpcLine = "\n  gRPC      \(grpc)   (reranks, API keys)"
        }
        print(
            """
            lscoord \(ProductVersion.current) is ready
              HTTPS     https://\(rest)   (trust \(settings.authorityDirectory)/ca.pem)
              workers   \(workers)   (gRPC, mutual TLS)\(grpcLine)
              database  \
            \(settings.database == nil ? "embedded, in \(settings.clusterDirectory)" : "yours")
            next
              lscoord key create --name app             then send requests with it
              lscoord token create --name edge-1        then, where the worker is:
              lsworker join --coordinator \(join) --token TOKEN
            """)
        // Whoever reads this through a pipe waits for it.
        fflush(nil)
    }
}
