// Every setting of lscoord, read once: flag, then environment (LSCOORD_…), then the file
// (--config, JSON), then the default. Checked whole before anything starts.
import ArgumentParser
import Configuration
import Coordination
import Foundation
import LanguageSystem
import PKI
import PostgresAccess
import RankerMath
import SystemPackage

struct Settings: Sendable {
    /// Holds the embedded cluster, the certificate authority and the server's certificate.
    var dataDirectory: String
    /// A PostgreSQL URL or conninfo; nil means the embedded cluster.
    var database: String?
    var restAddress: ListenAddress
    var workerAddress: ListenAddress
    /// Reranks over gRPC; nil: over HTTPS alone.
    var grpcAddress: ListenAddress?
    /// Where other coordinators reach the workers' port; nil: under this machine's name.
    var peerAddress: ListenAddress?
    /// Names and addresses that the server's certificate is good for, beside localhost.
    var serverNames: [String]
    var logFormat: String
    var logLevel: String
    var leaseDuration: Duration
    var heartbeatInterval: Duration
    var reranker: RerankerSettings
    var decisions: DecisionSettings
    /// Rerank requests under way at once.
    var inFlightMax: Int
    /// Bytes of bodies under way and of answers that were not taken.
    var heldByteCountMax: Int
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
    func joinAddress(restPort: Int? = nil) -> ListenAddress {
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
    func peerAddress(workerPort: Int) -> ListenAddress {
        var address = peerAddress ?? workerAddress
        address.host = peerHost
        if peerAddress == nil || address.port == 0 { address.port = workerPort }
        return address
    }
}

/// `host:port`; port 0 lets the system choose.
struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    var host: String
    var port: Int

    init(_ text: String, setting: String) throws(CoordinatorError) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), !text.contains("://")
        else { throw .malformedAddress(text, setting: setting) }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { throw .malformedAddress(text, setting: setting) }
        self.host = host
        self.port = Int(port)
    }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

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
    static func resolve(_ common: CommonOptions, serve: ServeOptions? = nil) async throws
        -> Settings
    {
        let reader = try await reader(file: common.config)
        // What a file brought into the environment ends as its line does.
        func text(_ flag: String?, _ key: ConfigKey) -> String? {
            flag ?? reader.string(forKey: key)?.trimmingCharacters(in: .newlines)
        }
        func whole(
            _ flag: Int?, _ key: ConfigKey, name: String, default value: Int,
            in range: ClosedRange<Int>
        )
            throws -> Int
        {
            var found = flag
            if found == nil, let written = reader.string(forKey: key) {
                guard let number = Int(written) else {
                    throw CoordinatorError.settingOutOfRange(name, found: written, range)
                }
                found = number
            }
            found = found ?? reader.int(forKey: key) ?? value
            guard let found, range.contains(found) else {
                throw CoordinatorError.settingOutOfRange(name, found: "\(found ?? 0)", range)
            }
            return found
        }

        let cores = Cores.count
        let leaseSeconds = try whole(
            serve?.leaseSeconds, "leaseSeconds", name: "--lease-seconds", default: 10, in: 2...3600)
        let logLevel = text(common.logLevel, "logLevel") ?? "info"
        guard
            ["trace", "debug", "info", "notice", "warning", "error", "critical"].contains(logLevel)
        else {
            throw CoordinatorError.unknownChoice(
                "--log-level", found: logLevel, expected: "trace to critical")
        }
        let logFormat = text(common.logFormat, "logFormat") ?? "text"
        guard ["text", "json"].contains(logFormat) else {
            throw CoordinatorError.unknownChoice(
                "--log-format", found: logFormat, expected: "text or json")
        }
        let precisionName = text(serve?.servingPrecision, "servingPrecision") ?? "bfloat16"
        guard let precision = Precision(rawValue: precisionName) else {
            throw CoordinatorError.unknownChoice(
                "--serving-precision", found: precisionName, expected: "float32 or bfloat16")
        }
        let listedNames =
            reader.string(forKey: "serverNames")?
            .split(separator: ",").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } ?? []
        let serverNames = (serve?.serverName).flatMap { $0.isEmpty ? nil : $0 } ?? listedNames
        for name in serverNames { try checkHost(name, setting: "--server-name") }
        let peerAddress = try text(serve?.peerAddress, "peerAddress").map {
            try ListenAddress($0, setting: "--peer-address")
        }
        if let peerAddress { try checkHost(peerAddress.host, setting: "--peer-address") }
        return Settings(
            dataDirectory: absolute(text(common.dataDir, "dataDir") ?? defaultDataDirectory()),
            database: try database(text(common.database, "database")),
            restAddress: try ListenAddress(
                text(serve?.restAddress, "restAddress") ?? "127.0.0.1:8443",
                setting: "--rest-address"),
            workerAddress: try ListenAddress(
                text(serve?.workerAddress, "workerAddress") ?? "127.0.0.1:8444",
                setting: "--worker-address"),
            grpcAddress: try text(serve?.grpcAddress, "grpcAddress").map {
                try ListenAddress($0, setting: "--grpc-address")
            },
            peerAddress: peerAddress,
            serverNames: serverNames,
            logFormat: logFormat,
            logLevel: logLevel,
            leaseDuration: .seconds(leaseSeconds),
            heartbeatInterval: .milliseconds(max(250, min(5_000, leaseSeconds * 1_000 / 4))),
            reranker: RerankerSettings(
                threadCount: try whole(
                    serve?.scoringThreads, "scoringThreads", name: "--scoring-threads",
                    default: max(1, cores / 2), in: 1...256),
                cacheByteCountMax: try whole(
                    serve?.rankerCacheMb, "rankerCacheMb", name: "--ranker-cache-mb", default: 512,
                    in: 1...1_000_000) << 20,
                precision: precision,
                edgeDeadline: .milliseconds(
                    try whole(
                        serve?.edgeDeadlineMs, "edgeDeadlineMs", name: "--edge-deadline-ms",
                        default: 200, in: 1...60_000))),
            decisions: DecisionSettings(
                share: try decisionShare(serve?.decisionShare, reader),
                perSecondMax: try whole(
                    serve?.decisionsPerSecond, "decisionsPerSecond", name: "--decisions-per-second",
                    default: 5, in: 0...1_000)),
            inFlightMax: try whole(
                serve?.inFlight, "inFlight", name: "--in-flight", default: 64 * max(1, cores / 2),
                in: 1...100_000),
            heldByteCountMax: try whole(
                serve?.bodyMemoryMb, "bodyMemoryMb", name: "--body-memory-mb", default: 256,
                in: 32...1_000_000) << 20,
            drainLead: .milliseconds(
                try whole(
                    serve?.drainLeadMs, "drainLeadMs", name: "--drain-lead-ms", default: 1_000,
                    in: 0...600_000)))
    }

    /// Refused here, before anything is tried with it; a file's line break at its end is none of
    /// it.
    private static func database(_ text: String?) throws -> String? {
        guard let text else { return nil }
        _ = try ConnectionInfo(text)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Others are to reach this machine under it, over TLS.
    private static func checkHost(_ host: String, setting: String) throws(CoordinatorError) {
        if let fault = HostAddress.fault(in: host) {
            throw .unusableHost(host, setting: setting, because: fault)
        }
    }

    private static func decisionShare(_ flag: Double?, _ reader: ConfigReader) throws -> Double {
        var found = flag
        if found == nil, let written = reader.string(forKey: "decisionShare") {
            guard let number = Double(written) else {
                throw CoordinatorError.unknownChoice(
                    "--decision-share", found: written, expected: "0 to 1")
            }
            found = number
        }
        let share = found ?? reader.double(forKey: "decisionShare") ?? 0.01
        guard (0...1).contains(share) else {
            throw CoordinatorError.unknownChoice(
                "--decision-share", found: "\(share)", expected: "0 to 1")
        }
        return share
    }

    /// Environment over file; flags are laid over both by `resolve`.
    private static func reader(file: String?) async throws -> ConfigReader {
        var providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider().prefixKeys(with: "lscoord")
        ]
        let path = file ?? ProcessInfo.processInfo.environment["LSCOORD_CONFIG"]
        if let path {
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(path)))
            } catch {
                throw CoordinatorError.unreadableSettings(path, cause: "\(error)")
            }
        }
        return ConfigReader(providers: providers)
    }

    /// Root keeps state where services do; a person, in their own data directory.
    private static func defaultDataDirectory() -> String {
        if getuid() == 0 { return "/var/lib/lscoord" }
        let environment = ProcessInfo.processInfo.environment
        let base = environment["XDG_DATA_HOME"] ?? (environment["HOME"] ?? ".") + "/.local/share"
        return base + "/lscoord"
    }

    private static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}

extension CoordinatorError {
    static func malformedAddress(_ text: String, setting: String) -> Self {
        Self(
            .invalidSettings,
            "cannot use \(setting) '\(text.printable(80))': "
                + (text.contains("://") ? "it is a URL" : "it is not host:port"),
            hint: "write host:port, for example \(setting) 0.0.0.0:8443")
    }

    static func unusableHost(_ host: String, setting: String, because fault: String) -> Self {
        Self(
            .invalidSettings, "cannot use \(setting) '\(host.printable(80))': \(fault)",
            hint: "expected a host's name of letters, digits, '-' and '.', or an IP address")
    }

    static func unknownChoice(_ name: String, found: String, expected: String) -> Self {
        Self(.invalidSettings, "cannot use \(name) '\(found)': expected \(expected)")
    }
}
