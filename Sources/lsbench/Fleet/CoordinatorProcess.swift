// A real `lscoord serve` on its embedded cluster, in a directory of its own, and what it has used.
import Benchmarking
import EdgeWork
import EmbeddedPostgres
import Foundation
import LanguageSystem

// Unchecked: only `address` changes, once, before anybody else asks for it.
final class CoordinatorProcess: @unchecked Sendable {
    private let process = Process()
    private let log: URL
    private let authorityPath: String
    let connectionInfo: String
    // Set when it has started; nobody asks before.
    private(set) var address: CoordinatorAddress!

    /// The resources that the coordinator and its PostgreSQL had used at one moment.
    struct Usage: Sendable {
        let coordinatorCPUSeconds: Double
        let databaseCPUSeconds: Double
        let coordinatorResidentBytes: Int
        let time = ContinuousClock.now
    }

    /// - Parameters:
    ///   - program: The path of lscoord; nil for the one beside this program.
    ///   - core: The core for it and its PostgreSQL; nil for any.
    init(program: String?, directory: URL, core: Int? = nil, arguments: [String] = []) throws {
        let beside = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("lscoord").path
        let path = program ?? beside
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw LanguageSystemError(
                .invalidArgument, "cannot start \(path): found no such program",
                hint: "build it, or name another one with --lscoord")
        }
        log = directory.appendingPathComponent("lscoord.log")
        let data = directory.appendingPathComponent("coordinator").path
        authorityPath = data + "/ca/ca.pem"
        connectionInfo =
            EmbeddedCluster(
                EmbeddedClusterConfiguration(dataDirectory: data + "/postgres"),
                logger: BenchDatabase.quietLogger
            ).connectionInfo
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        let handle = try FileHandle(forWritingTo: log)
        process.executableURL = URL(fileURLWithPath: core == nil ? path : "/usr/bin/taskset")
        // taskset becomes the program, so the process is the coordinator either way.
        process.arguments =
            (core.map { ["-c", "\($0)", path] } ?? []) + [
                "serve", "--data-dir", data, "--rest-address", "127.0.0.1:0", "--worker-address",
                "127.0.0.1:0", "--log-level", "warning",
            ] + arguments
        // Settings of the caller's own coordinator are not meant for this one.
        process.environment = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("LSCOORD_")
        }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// Waits until the coordinator reports its addresses.
    func waitUntilReady() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            if let match = text.firstMatch(of: /HTTPS +https:\/\/127\.0\.0\.1:([0-9]+)/) {
                address = try CoordinatorAddress("localhost:\(match.1)")
                return
            }
            guard process.isRunning, ContinuousClock.now < deadline else {
                throw LanguageSystemError(
                    .unavailable, "lscoord did not start: \(text.suffix(500))")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    var authorityPEM: String {
        get throws { try String(contentsOfFile: authorityPath, encoding: .utf8) }
    }

    private var text: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// The lines of its log that an undisturbed run does not have.
    var complaints: [String] {
        text.split(separator: "\n").filter { $0.contains("warning") || $0.contains("error") }
            .map(String.init)
    }

    func usage() -> Usage {
        let own = ProcessUsage.of(process.processIdentifier)
        let database = ProcessUsage.descendants(of: process.processIdentifier)
        return Usage(
            coordinatorCPUSeconds: own?.cpuSeconds ?? 0,
            databaseCPUSeconds: database.reduce(0) { $0 + $1.cpuSeconds },
            coordinatorResidentBytes: own?.residentBytes ?? 0)
    }

    /// The coordinator's peak resident memory while `body` ran.
    func peakResidentBytes(during body: () async throws -> Void) async throws -> Int {
        ProcessUsage.forgetPeak(of: process.processIdentifier)
        try await body()
        return ProcessUsage.peakResidentBytes(of: process.processIdentifier) ?? 0
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }
}
