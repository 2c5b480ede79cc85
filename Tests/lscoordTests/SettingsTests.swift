// What lscoord makes of its flags, its environment and its settings file. How each of them is read
// is SettingsReader's part, tested in ProgramSupportTests.
import ArgumentParser
import Coordination
import Foundation
import LanguageSystem
import Logging
import PKI
import ProgramSupport
import RankerMath
import Testing

@testable import lscoord

@Suite struct `Settings of lscoord` {
    private func settings(
        _ common: [String] = [], serve: [String]? = nil, environment: [String: String] = [:]
    ) async throws -> Settings {
        try await Settings.resolve(
            try CommonOptions.parse(common), serve: try serve.map { try ServeOptions.parse($0) },
            environment: environment)
    }

    /// What is said when they are refused.
    private func refusal(
        _ common: [String] = [], serve: [String]? = nil, environment: [String: String] = [:]
    ) async throws -> LanguageSystemError {
        let error = await #expect(throws: LanguageSystemError.self) {
            try await settings(common, serve: serve, environment: environment)
        }
        let refusal = try #require(error)
        #expect(refusal.code == .invalidSettings)
        return refusal
    }

    private func withFile(_ json: String, _ body: (String) async throws -> Void) async throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("lscoord-\(UUID().uuidString).json")
        try Data(json.utf8).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        try await body(url.path)
    }

    @Test func `have the defaults that the help names`() async throws {
        let settings = try await settings(["--data-dir", "/srv/x"])
        #expect(settings.database == nil)
        #expect(settings.clusterDirectory == "/srv/x/postgres")
        #expect(settings.restAddress == HostPort(host: "127.0.0.1", port: 8_443))
        #expect(settings.workerAddress == HostPort(host: "127.0.0.1", port: 8_444))
        #expect(settings.grpcAddress == nil && settings.peerAddress == nil)
        #expect(settings.serverNames.isEmpty)
        #expect(settings.logFormat == .text && settings.logLevel == .info)
        #expect(settings.leaseDuration == .seconds(10))
        #expect(settings.heartbeatInterval == .milliseconds(2_500))
        #expect(settings.reranker.threadCount == max(1, Cores.count / 2))
        #expect(settings.reranker.cacheByteCountMax == 512 << 20)
        #expect(settings.reranker.precision == .bfloat16)
        #expect(settings.reranker.edgeDeadline == .milliseconds(200))
        #expect(settings.decisions.share == 0.01 && settings.decisions.perSecondMax == 5)
        #expect(settings.inFlightMax == 64 * max(1, Cores.count / 2))
        #expect(settings.heldByteCountMax == 256 << 20)
        #expect(settings.drainLead == .seconds(1))
    }

    /// Every key, its flag and its variable: the three say the same.
    @Test func `are the same from flags, from the environment and from a file`() async throws {
        let values: [(key: String, flag: String, variable: String, value: String)] = [
            ("dataDir", "--data-dir", "DATA_DIR", "/srv/x"),
            ("database", "--database", "DATABASE", "postgres://db/ls"),
            ("logFormat", "--log-format", "LOG_FORMAT", "json"),
            ("logLevel", "--log-level", "LOG_LEVEL", "warning"),
            ("restAddress", "--rest-address", "REST_ADDRESS", "0.0.0.0:1"),
            ("workerAddress", "--worker-address", "WORKER_ADDRESS", "[::]:2"),
            ("grpcAddress", "--grpc-address", "GRPC_ADDRESS", "localhost:3"),
            ("peerAddress", "--peer-address", "PEER_ADDRESS", "one.example.org:4"),
            ("serverNames", "--server-name", "SERVER_NAMES", "a.example.org"),
            ("leaseSeconds", "--lease-seconds", "LEASE_SECONDS", "60"),
            ("scoringThreads", "--scoring-threads", "SCORING_THREADS", "7"),
            ("rankerCacheMb", "--ranker-cache-mb", "RANKER_CACHE_MB", "8"),
            ("servingPrecision", "--serving-precision", "SERVING_PRECISION", "float32"),
            ("inFlight", "--in-flight", "IN_FLIGHT", "9"),
            ("bodyMemoryMb", "--body-memory-mb", "BODY_MEMORY_MB", "33"),
            ("edgeDeadlineMs", "--edge-deadline-ms", "EDGE_DEADLINE_MS", "11"),
            ("decisionShare", "--decision-share", "DECISION_SHARE", "0.5"),
            ("decisionsPerSecond", "--decisions-per-second", "DECISIONS_PER_SECOND", "12"),
            ("drainLeadMs", "--drain-lead-ms", "DRAIN_LEAD_MS", "13"),
        ]
        let common = values.prefix(4).flatMap { [$0.flag, $0.value] }
        let serve = values.dropFirst(4).flatMap { [$0.flag, $0.value] }
        let flags = "\(try await settings(common, serve: serve))"
        let environment = Dictionary(
            uniqueKeysWithValues: values.map { ("LSCOORD_" + $0.variable, $0.value) })
        let fromEnvironment = "\(try await settings(environment: environment))"
        #expect(fromEnvironment == flags)
        let object = Dictionary(
            uniqueKeysWithValues: values.map {
                ($0.key, Double($0.value).map { $0 as Any } ?? $0.value)
            })
        let json = try JSONSerialization.data(withJSONObject: object)
        try await withFile(String(decoding: json, as: UTF8.self)) { file in
            let fromFile = "\(try await settings(["--config", file]))"
            #expect(fromFile == flags)
            let fromNamed = "\(try await settings(environment: ["LSCOORD_CONFIG": file]))"
            #expect(fromNamed == flags)
        }
        #expect(flags.contains("one.example.org:4") && flags.contains("postgres://db/ls"))
    }

    @Test func `that are mistyped never mean the embedded database`() async throws {
        try await withFile(#"{"database": 5}"#) { file in
            let refusal = try await refusal(["--config", file])
            #expect(
                refusal.message
                    == "cannot use the settings file's database: found a number, "
                    + "expected a PostgreSQL URL")
        }
        try await withFile(#"{"databse": "postgres://db/ls"}"#) { file in
            let refusal = try await refusal(["--config", file])
            #expect(
                refusal.message
                    == "cannot use 'databse' in the settings file \(file): there is no such setting"
            )
            #expect(refusal.hint == "the nearest setting is database")
        }
        #expect(try await refusal(environment: ["LSCOORD_DATABASE": ""]).code == .invalidSettings)
    }

    @Test(arguments: [
        (["--lease-seconds", "1"], "--lease-seconds 1: expected a whole number from 2 to 3600"),
        (["--in-flight", "0"], "--in-flight 0: expected a whole number from 1 to 100000"),
        (["--decision-share", "2"], "--decision-share 2.0: expected a number from 0 to 1"),
        (
            ["--serving-precision", "int8"],
            "--serving-precision 'int8': expected one of float32, bfloat16"
        ),
        (["--rest-address", "https://a:1"], "--rest-address 'https://a:1': it is a URL"),
        (["--rest-address", "::1"], "--rest-address '::1': it is not host:port"),
        (["--grpc-address", "a:65536"], "--grpc-address 'a:65536': it is not host:port"),
        (
            ["--server-name", "a_b"],
            "--server-name 'a_b': TLS libraries refuse names with '_'"
        ),
        (
            ["--peer-address", "a_b:1"],
            "--peer-address 'a_b': TLS libraries refuse names with '_'"
        ),
    ])
    func `of serve are refused by their flags`(flags: [String], words: String) async throws {
        #expect(try await refusal(serve: flags).message == "cannot use \(words)")
    }

    @Test func `that all commands share are refused, too`() async throws {
        #expect(
            try await refusal(["--log-level", "loud"]).message
                == "cannot use --log-level 'loud': expected one of trace, debug, info, notice, "
                + "warning, error, critical")
        #expect(
            try await refusal(environment: ["LSCOORD_LOG_FORMAT": "xml"]).message
                == "cannot use LSCOORD_LOG_FORMAT 'xml': expected one of text, json")
    }

    @Test func `say where workers join and where other coordinators reach this one`() async throws {
        var settings = try await settings(serve: ["--server-name", "a.example.org"])
        #expect("\(settings.joinAddress(restPort: 7))" == "a.example.org:7")
        #expect(settings.peerHost == "127.0.0.1")
        #expect("\(settings.peerAddress(workerPort: 9))" == "127.0.0.1:9")
        settings = try await self.settings(serve: ["--worker-address", "0.0.0.0:8444"])
        #expect("\(settings.joinAddress())" == "localhost:8443")
        #expect(settings.peerHost == ProcessInfo.processInfo.hostName)
        settings = try await self.settings(serve: ["--peer-address", "[fe80::1]:0"])
        #expect("\(settings.peerAddress(workerPort: 9))" == "[fe80::1]:9")
    }
}
