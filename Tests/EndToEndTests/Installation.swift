// One coordinator on its embedded cluster, with its workers, in a directory of its own.
import Foundation
import Testing

final class Installation: @unchecked Sendable {
    static let baseModel = "minilm-l6-math-l5"

    let home: URL
    let restPort: Int
    let workerPort: Int
    /// Of reranks over gRPC; nil: not asked for.
    private var grpcPort: Int?
    private(set) var coordinator: Program?
    private(set) var workers: [String: Program] = [:]

    var dataDirectory: String { home.appendingPathComponent("coordinator").path }
    var authorityPath: String { dataDirectory + "/ca/ca.pem" }
    var url: String { "https://localhost:\(restPort)" }

    /// Of everything; made when the coordinator first runs.
    private(set) var apiKey: String?

    var environment: [String: String] {
        [
            "LSCOORD_DATA_DIR": dataDirectory, "LSCOORD_REST_ADDRESS": "127.0.0.1:\(restPort)",
            "LSCOORD_DRAIN_LEAD_MS": "50", "LSCOORD_API_KEY": apiKey ?? "",
        ]
    }

    init() throws {
        home = Programs.temporaryDirectory
            .appendingPathComponent("ls-e2e-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(
            at: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        restPort = try freePort()
        workerPort = try freePort()
    }

    /// A running installation for `body`; everything is stopped and removed afterwards.
    static func with(
        workers: [String] = [], grpcPort: Int? = nil, _ body: (Installation) async throws -> Void
    ) async throws {
        let installation = try Installation()
        installation.grpcPort = grpcPort
        do {
            try await installation.start()
            for worker in workers { try await installation.join(worker) }
            try await body(installation)
        } catch {
            print(installation.logs)
            installation.tearDown()
            throw error
        }
        installation.tearDown()
    }

    func start() async throws {
        let program = try Program(
            Programs.path("lscoord"),
            ["serve", "--worker-address", "127.0.0.1:\(workerPort)", "--lease-seconds", "6"]
                + (grpcPort.map { ["--grpc-address", "127.0.0.1:\($0)"] } ?? []),
            environment: environment, log: home.appendingPathComponent("lscoord.log"))
        coordinator = program
        try await eventually(within: 60, "the coordinator is ready") {
            try #require(program.process.isRunning, "lscoord ended: \(program.text)")
            guard FileManager.default.fileExists(atPath: authorityPath) else { return false }
            return try await curl("/readyz").status == 0
        }
        if apiKey == nil {
            let key = try await lscoord("key", "create", "--name", "tests", "--quiet")
            try #require(key.status == 0, "\(key)")
            apiKey = key.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    func join(_ name: String, label: String? = nil, _ arguments: [String] = []) async throws {
        let token = try await run(
            Programs.path("lscoord"),
            ["token", "create", "--name", name, "--quiet"] + (label.map { ["--label", $0] } ?? []),
            environment: environment)
        try #require(token.status == 0, "\(token)")
        try startWorker(
            name, token: token.output.trimmingCharacters(in: .whitespacesAndNewlines), arguments)
        try await eventually(within: 30, "\(name) is connected") {
            try await sql("select state from ls.worker_status where name = '\(name)'")
                == "connected"
        }
    }

    /// With no token: an identity from before is taken up again.
    func startWorker(_ name: String, token: String? = nil, _ arguments: [String] = []) throws {
        workers[name] = try Program(
            Programs.path("lsworker"),
            [
                "join", "--coordinator", "localhost:\(restPort)", "--state-dir",
                home.appendingPathComponent(name).path, "--threads", "1",
            ] + arguments,
            environment: token.map { ["LSWORKER_TOKEN": $0] } ?? [:],
            log: home.appendingPathComponent("\(name).log"))
    }

    func lscoord(_ arguments: String..., within seconds: Double = 120) async throws -> Ending {
        try await run(
            Programs.path("lscoord"), arguments, environment: environment, within: seconds)
    }

    /// One value, as psql prints it.
    func sql(_ statement: String) async throws -> String {
        let ending = try await lscoord("psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", statement)
        try #require(ending.status == 0, "\(statement): \(ending)")
        return ending.output.trimmingCharacters(in: .newlines)
    }

    func curl(_ path: String, body: String? = nil) async throws -> Ending {
        var arguments = ["-sS", "--fail-with-body", "--max-time", "120", "--cacert", authorityPath]
        if let apiKey { arguments += ["-H", "authorization: Bearer \(apiKey)"] }
        if let body {
            let file = home.appendingPathComponent("body-\(UUID().uuidString).json")
            try body.write(to: file, atomically: true, encoding: .utf8)
            arguments += ["-H", "content-type: application/json", "--data-binary", "@\(file.path)"]
        }
        return try await run("/usr/bin/curl", arguments + [url + path])
    }

    /// The base model, the named subjects with their feature sets, and a listwise ranker for each.
    func registerDemo(_ subjects: [String], training: String? = nil) async throws {
        var ending = try await lscoord(
            "register", "base-model", Self.baseModel, "--hidden-size", "384")
        try #require(ending.status == 0, "\(ending)")
        for subject in subjects {
            ending = try await lscoord("register", "domain", "math/\(subject)")
            try #require(ending.status == 0, "\(ending)")
            ending = try await run(
                Programs.path("lscoord"),
                [
                    "register", "ranker", "--base-model", Self.baseModel, "--domain",
                    "math/\(subject)",
                    "--kind", "listwise",
                ] + (training.map { ["--training", $0] } ?? []),
                environment: environment)
            try #require(ending.status == 0, "\(ending)")
            for split in ["train", "test"] {
                ending = try await lscoord("features", "import", Programs.demo(subject, split))
                try #require(ending.status == 0, "\(ending)")
            }
        }
    }

    /// Makes a version (`math.listwise@1`) champion by a person's word: a test of serving does not
    /// ask for evidence.
    func promote(_ version: String) async throws {
        let ending = try await lscoord(
            "promote", version, "--anyway", "--reason", "a test of serving")
        try #require(ending.status == 0, "\(ending)")
    }

    func killCoordinator() { coordinator?.kill() }
    func killWorker(_ name: String) { workers[name]?.kill() }

    var logs: String {
        let found = try? FileManager.default.contentsOfDirectory(
            at: home, includingPropertiesForKeys: nil)
        let files = found ?? []
        return files.filter { $0.pathExtension == "log" }.map {
            "--- \($0.lastPathComponent)\n"
                + ((try? String(contentsOf: $0, encoding: .utf8)) ?? "").suffix(6_000)
        }.joined(separator: "\n")
    }

    func tearDown() {
        for worker in workers.values { worker.stop() }
        coordinator?.stop()
        try? FileManager.default.removeItem(at: home)
    }
}
