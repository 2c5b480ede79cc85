// Every setting of lscoord, read once, from where SettingsReader finds it: flag, environment
// (LSCOORD_…), secrets directory, settings file (--config), default. Checked whole before anything
// starts.
import ArgumentParser
import Coordination
import Foundation
import LanguageSystem
import Logging
import PKI
import PostgresAccess
import ProgramSupport
import RankerMath

struct Settings: Sendable {
    /// Holds the embedded cluster, the certificate authority and the server's certificate.
    var dataDirectory: String
    /// A PostgreSQL URL or conninfo; nil means the embedded cluster.
    var database: String?
    var restAddress: HostPort
    var workerAddress: HostPort
    /// Reranks over gRPC; nil: over HTTPS alone.
    var grpcAddress: HostPort?
    /// Where other coordinators reach the workers' port; nil: under this machine's name.
    var peerAddress: HostPort?
    /// Names and addresses that the server's certificate is good for, beside localhost.
    var serverNames: [String]
    var logFormat: ProgramLogHandler.Style
    var logLevel: Logger.Level
    var leaseDuration: Duration
    var heartbeatInterval: Duration
    var reranker: RerankerSettings
    var decisions: DecisionSettings
    /// Rerank requests under way at once.
    var inFlightMax: Int
    /// Bytes of bodies under way and of answers that were not taken.
    var heldByteCountMax: Int
    /// Bytes of a feature file that comes over HTTPS.
    var featureFileByteCountMax: Int
    var drainLead: Duration
}

extension Settings {
    /// The embedded cluster's place within the data directory.
    var clusterDirectory: String { dataDirectory + "/postgres" }
    /// The certificate authority's: ca.pem for all to read, ca-key.pem for nobody else.
    var authorityDirectory: String { dataDirectory + "/ca" }
    /// What the running coordinator says of where workers join.
    var joinAddressPath: String { dataDirectory + "/join-address" }
    /// Where workers join, from wherever they are: under a name that was given for clients, or
    /// under this machine's when everybody may connect.
    ///
    /// - Parameter restPort: The one that is open; nil: the configured one.
    func joinAddress(restPort: Int? = nil) -> HostPort {
        var address = restAddress
        if let restPort { address.port = restPort }
        if let name = serverNames.first {
            address.host = name
        } else if address.isLoopback {
            address.host = "localhost"
        } else if address.isEverywhere {
            address.host = ProcessInfo.processInfo.hostName
        }
        return address
    }
    /// The host under which other coordinators reach the workers' port.
    var peerHost: String {
        if let peerAddress { return peerAddress.host }
        // Listening everywhere says nothing of where that is.
        return workerAddress.isEverywhere
            ? ProcessInfo.processInfo.hostName : workerAddress.host
    }
    /// - Parameter workerPort: The one that is open.
    func peerAddress(workerPort: Int) -> HostPort {
        var address = peerAddress ?? workerAddress
        address.host = peerHost
        if peerAddress == nil || address.port == 0 { address.port = workerPort }
        return address
    }
}

extension HostPort {
    /// - Parameter setting: Its name in an error.
    init(_ text: String, setting: String, defaultPort: Int? = nil) throws(LanguageSystemError) {
        do throws(Fault) {
            try self.init(text, defaultPort: defaultPort)
        } catch {
            throw .malformedAddress(text, setting: setting, isURL: error == .isURL)
        }
    }

    var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
    var isEverywhere: Bool { host == "0.0.0.0" || host == "::" }
}

/// The flags that every command shares: which installation is meant.
struct CommonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Directory of the embedded cluster and the certificate authority.", valueName: "dir"))
    var dataDir: String?

    @Option(
        help: ArgumentHelp(
            """
            Your own PostgreSQL instead of the embedded one: postgres://user@host/name, several \
            hosts separated by commas. Put a URL with a password into LSCOORD_DATABASE or the \
            settings file, because others can read arguments.
            """,
            valueName: "url"))
    var database: String?

    @Option(
        help: ArgumentHelp(
            "Settings file (JSON). Flags and environment variables override it.", valueName: "file")
    )
    var config: String?

    @Option(help: "Format of log lines: text or json.")
    var logFormat: String?

    @Option(help: "Lowest level to log: trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?
}

/// The flags of `serve` alone.
struct ServeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Address of the HTTPS port (rerank, join, health). Default 127.0.0.1:8443.",
            valueName: "host:port"))
    var restAddress: String?

    @Option(
        help: ArgumentHelp(
            "Address of the workers' gRPC port, with mutual TLS. Default 127.0.0.1:8444.",
            valueName: "host:port"))
    var workerAddress: String?

    @Option(
        help: ArgumentHelp(
            "Address of a port for reranks over gRPC, with TLS and API keys. Default: none.",
            valueName: "host:port"))
    var grpcAddress: String?

    @Option(
        help: ArgumentHelp(
            """
            Address at which other coordinators on the database reach the workers' port. Default: \
            that of --worker-address, or this machine's name if it listens on all addresses.
            """,
            valueName: "host:port"))
    var peerAddress: String?

    @Option(
        help: ArgumentHelp(
            """
            Another name or address that clients use, for the server's certificate. Repeatable.
            """,
            valueName: "name"))
    var serverName: [String] = []

    @Option(
        help: ArgumentHelp(
            "Seconds without a heartbeat after which a task is leased again. Default 10.",
            valueName: "n"))
    var leaseSeconds: Int?

    @Option(
        help: ArgumentHelp(
            "Threads that score rerank requests. Default: one per two cores.", valueName: "n"))
    var scoringThreads: Int?

    @Option(help: ArgumentHelp("Megabytes of rankers kept in memory. Default 512.", valueName: "n"))
    var rankerCacheMb: Int?

    @Option(
        help: ArgumentHelp(
            """
            float32, or bfloat16 where the processor has it, which halves the memory of rankers. \
            Default bfloat16.
            """,
            valueName: "type"))
    var servingPrecision: String?

    @Option(
        help: ArgumentHelp(
            """
            Rerank requests under way at once; one more is refused with 429. Default: 64 per two \
            cores.
            """,
            valueName: "n"))
    var inFlight: Int?

    @Option(
        help: ArgumentHelp(
            """
            Megabytes of bodies under way and of answers that clients have not read; beyond it a \
            body above 1 MiB is refused with 429. Default 256.
            """,
            valueName: "n"))
    var bodyMemoryMb: Int?

    @Option(
        help: ArgumentHelp(
            """
            Megabytes that a feature file sent to /v1/feature-sets may have; it is kept in the \
            data directory until it is stored. Default 4096.
            """,
            valueName: "n"))
    var featureFileMb: Int?

    @Option(
        help: ArgumentHelp(
            "Milliseconds that a worker has for a rerank by a ranker placed on it. Default 200.",
            valueName: "n"))
    var edgeDeadlineMs: Int?

    @Option(
        help: ArgumentHelp(
            "Share of requests that are kept for lscoord replay, 0 to 1. Default 0.01.",
            valueName: "share"))
    var decisionShare: Double?

    @Option(
        help: ArgumentHelp("Requests kept in a second at most. Default 5.", valueName: "n"))
    var decisionsPerSecond: Int?

    @Option(
        help: ArgumentHelp(
            """
            Milliseconds at a stop during which /readyz fails before the HTTPS port closes. \
            Default 1000.
            """,
            valueName: "n"))
    var drainLeadMs: Int?
}

extension Settings {
    static func resolve(
        _ common: CommonOptions, serve: ServeOptions? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> Settings {
        try await SettingsReader.read(
            program: "lscoord", file: common.config, environment: environment
        ) { settings in
            try Settings(&settings, common, serve, environment)
        }
    }

    private init(
        _ settings: inout SettingsReader, _ common: CommonOptions, _ serve: ServeOptions?,
        _ environment: [String: String]
    ) throws {
        dataDirectory = Self.absolute(
            try settings.text("dataDir", common.dataDir)
                ?? Self.defaultDataDirectory(environment))
        database = try settings.text(
            "database", common.database, expected: "a PostgreSQL URL", isSecret: true
        ) { text, _ in try Self.database(text) }
        logFormat = try settings.choice("logFormat", common.logFormat, default: .text)
        logLevel = try settings.choice("logLevel", common.logLevel, default: .info)

        restAddress =
            try settings.address("restAddress", serve?.restAddress)
            ?? HostPort(host: "127.0.0.1", port: 8_443)
        workerAddress =
            try settings.address("workerAddress", serve?.workerAddress)
            ?? HostPort(host: "127.0.0.1", port: 8_444)
        grpcAddress = try settings.address("grpcAddress", serve?.grpcAddress)
        peerAddress = try settings.address("peerAddress", serve?.peerAddress) { address, name in
            try Self.checkHost(address.host, setting: name)
        }
        serverNames = try settings.texts(
            "serverNames", serve?.serverName ?? [], flagName: "--server-name",
            expected: "names of hosts, or IP addresses"
        ) { host, name in try Self.checkHost(host, setting: name) }

        let leaseSeconds = try settings.wholeNumber(
            "leaseSeconds", serve?.leaseSeconds, in: 2...3_600, default: 10)
        leaseDuration = .seconds(leaseSeconds)
        heartbeatInterval = .milliseconds(max(250, min(5_000, leaseSeconds * 1_000 / 4)))

        let scoringThreads = max(1, Cores.count / 2)
        reranker = RerankerSettings(
            threadCount: try settings.wholeNumber(
                "scoringThreads", serve?.scoringThreads, in: 1...256, default: scoringThreads),
            cacheByteCountMax: try settings.wholeNumber(
                "rankerCacheMb", serve?.rankerCacheMb, in: 1...1_000_000, default: 512) << 20,
            precision: try settings.choice(
                "servingPrecision", serve?.servingPrecision, default: .bfloat16),
            edgeDeadline: .milliseconds(
                try settings.wholeNumber(
                    "edgeDeadlineMs", serve?.edgeDeadlineMs, in: 1...60_000, default: 200)))
        decisions = DecisionSettings(
            share: try settings.number(
                "decisionShare", serve?.decisionShare, in: 0...1, default: 0.01),
            perSecondMax: try settings.wholeNumber(
                "decisionsPerSecond", serve?.decisionsPerSecond, in: 0...1_000, default: 5))
        inFlightMax = try settings.wholeNumber(
            "inFlight", serve?.inFlight, in: 1...100_000, default: 64 * scoringThreads)
        heldByteCountMax =
            try settings.wholeNumber(
                "bodyMemoryMb", serve?.bodyMemoryMb, in: 32...1_000_000, default: 256) << 20
        featureFileByteCountMax =
            try settings.wholeNumber(
                "featureFileMb", serve?.featureFileMb, in: 1...1_000_000, default: 4_096) << 20
        drainLead = .milliseconds(
            try settings.wholeNumber(
                "drainLeadMs", serve?.drainLeadMs, in: 0...600_000, default: 1_000))
    }

    /// Refused here, before anything is tried with it.
    private static func database(_ text: String) throws(LanguageSystemError) -> String {
        _ = try ConnectionInfo(text)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Others are to reach this machine under it, over TLS.
    private static func checkHost(_ host: String, setting: String) throws(LanguageSystemError) {
        if let fault = HostAddress.fault(in: host) {
            throw .unusableHost(host, setting: setting, because: fault)
        }
    }

    /// Root keeps state where services do; a person, in their own data directory.
    private static func defaultDataDirectory(_ environment: [String: String]) -> String {
        if getuid() == 0 { return "/var/lib/lscoord" }
        let base = environment["XDG_DATA_HOME"] ?? (environment["HOME"] ?? ".") + "/.local/share"
        return base + "/lscoord"
    }

    private static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}

extension SettingsReader {
    fileprivate mutating func address(
        _ key: String, _ flag: String?,
        check: (_ address: HostPort, _ name: String) throws -> Void = { _, _ in }
    ) throws -> HostPort? {
        try text(key, flag, expected: "host:port") { text, name in
            let address = try HostPort(text, setting: name)
            try check(address, name)
            return address
        }
    }
}

extension LanguageSystemError {
    static func malformedAddress(_ text: String, setting: String, isURL: Bool) -> Self {
        Self(
            .invalidSettings,
            "cannot use \(setting) '\(text.printable(80))': it is "
                + (isURL ? "a URL" : "not host:port"),
            hint: "write host:port, for example 0.0.0.0:8443")
    }

    static func unusableHost(_ host: String, setting: String, because fault: String) -> Self {
        Self(
            .invalidSettings, "cannot use \(setting) '\(host.printable(80))': \(fault)",
            hint: "expected a host's name of letters, digits, '-' and '.', or an IP address")
    }
}
