// `lsbench serve`: a real coordinator on one core, over TLS, driven from another: requests a
// second, how long they take, what they cost, and what happens past its capacity.
import ArgumentParser
import Benchmarking
import EdgeWork
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import Rankers

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Drive a coordinator with rerank requests over TLS.",
        discussion: """
            Starts `lscoord serve` with an embedded cluster in a directory that is removed \
            afterwards, both on one core, and sends requests from another core. Each user has a \
            ranker with its own weights, and every answer must come from the right ranker.

            Examples:
              lsbench serve
              lsbench serve --rankers 1 100 10000 --connections 1 16 64 --users uniform zipf
              lsbench serve --body json --kind pointwise
              lsbench serve --rate 0.5 --overload 1.5
              lsbench serve --cold 1000 --rankers 1000
              lsbench serve --rankers 10000 --users zipf --soak 600 --requests-per-second 1000
            """)

    @Option(
        parsing: .upToNextOption,
        help: "Numbers of users, each with a ranker; each number is a case.")
    var rankers = [100]
    @Option(parsing: .upToNextOption, help: "Numbers of keep-alive connections; each is a case.")
    var connections = [16]
    @Option(
        parsing: .upToNextOption,
        help: "Distribution of users over requests, uniform or zipf; each is a case.")
    var users: [UserSpread] = [.uniform]
    @Option(
        parsing: .upToNextOption,
        help: "Form of the body, binary (safetensors) or json; each is a case.")
    var body: [Body] = [.binary]
    @Option(help: "listwise or pointwise.") var kind: RankerKind = .listwise
    @Option(help: "Candidates of a request.") var candidates = 10
    @Option(help: "Numbers in one feature (D).") var hiddenSize = 4_096
    @Option(help: "Seconds of each case.") var seconds = 10
    @Option(
        help: ArgumentHelp(
            "Then send on a schedule, at this fraction of the rate just reached.", valueName: "part"
        ))
    var rate: Double?
    @Option(
        help: ArgumentHelp(
            "Then send on a schedule at this multiple of that rate, over 512 connections.",
            valueName: "times"))
    var overload: Double?
    @Option(
        help: ArgumentHelp(
            "Instead measure the first request of each of this many rankers.", valueName: "n"))
    var cold: Int?
    @Option(
        help: ArgumentHelp(
            "At the end send to all rankers for this long and record memory.", valueName: "seconds")
    )
    var soak: Int?
    @Option(help: "Requests a second during --soak.") var requestsPerSecond = 1_000
    @Flag(help: "Draw a histogram of latencies.") var histogram = false
    @Flag(
        inversion: .prefixedNo, help: "Run the server on the first core, the client on the second.")
    var pin = true
    @Option(help: "Megabytes of rankers the server keeps in memory.") var rankerCacheMb = 512
    @Option(help: "float32 or bfloat16.") var servingPrecision = "bfloat16"
    @Option(
        help: ArgumentHelp(
            "The program lscoord. Default: the one beside lsbench.", valueName: "path"))
    var lscoord: String?

    enum Body: String, CaseIterable, ExpressibleByArgument { case binary, json }

    func validate() throws {
        guard rankers.allSatisfy((1...100_000).contains), !rankers.isEmpty,
            connections.allSatisfy((1...1_024).contains), !connections.isEmpty, !body.isEmpty,
            !users.isEmpty,
            (2...Bounds.requestCandidateCountMax).contains(candidates),
            (1...Bounds.hiddenSizeMax).contains(hiddenSize),
            (1...3_600).contains(seconds), (0.01...1).contains(rate ?? 1),
            (1...10).contains(overload ?? 1), (1...100_000).contains(cold ?? 1),
            (10...86_400).contains(soak ?? 10), (1...100_000).contains(requestsPerSecond)
        else {
            throw ValidationError(
                """
                expected 1 to 100000 rankers, 1 to 1024 connections, 2 to \
                \(Bounds.requestCandidateCountMax) candidates, 1 to 3600 seconds, \
                a rate of 0.01 to 1 and an overload of 1 to 10
                """)
        }
        if let cold, (rankers.max() ?? 0) < cold {
            throw ValidationError("expected at least \(cold) rankers for as many first requests")
        }
    }

    struct Line: Encodable {
        let command = "serve"
        let kind: String
        let servingPrecision: String
        let cases: [ServeResult]
        let machine = Machine.current()
    }

    func run() async throws {
        if pin { Self.pinToSecondCore() }
        let directory = try BenchDatabase.scratchDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let coordinator = try CoordinatorProcess(
            program: lscoord, directory: directory, core: pin ? 0 : nil,
            arguments: [
                "--ranker-cache-mb", "\(rankerCacheMb)", "--serving-precision", servingPrecision,
            ])
        defer { coordinator.stop() }
        try await coordinator.waitUntilReady()
        let results = try await BenchDatabase.open(coordinator.connectionInfo, 4, directory) {
            try await measure($0, coordinator)
        }
        print(
            oneLine(
                Line(
                    kind: kind.rawValue, servingPrecision: servingPrecision, cases: results)))
        for complaint in coordinator.complaints.prefix(5) { print("lscoord: \(complaint)") }
        if let failed = results.first(where: { $0.failed > 0 }) {
            throw LanguageSystemError(
                .internal,
                "\(failed.failed) requests failed: \(failed.failure ?? "-")")
        }
    }

    private func measure(_ database: BenchDatabase, _ coordinator: CoordinatorProcess) async throws
        -> [ServeResult]
    {
        let key = try await database.ledger.createAPIKey("bench")
        let table = Columns(ServeResult.heading)
        var results: [ServeResult] = []
        for rankerCount in rankers.sorted() {
            let served = ServedRankers(kind: kind, hiddenSize: hiddenSize, count: rankerCount)
            try await served.register(in: database.ledger)
            // As autovacuum does within a minute: otherwise the first to read a row marks and logs
            // it.
            try await database.pool.execute("vacuum (analyze)", deadline: .seconds(600))
            try await database.pool.execute("checkpoint", deadline: .seconds(600))
            for spread in rankerCount == 1 ? users.suffix(1) : users {
                let run = ServeRun(
                    coordinator: coordinator, key: key, served: served,
                    request: BenchRequest(candidateCount: candidates, hiddenSize: hiddenSize),
                    spread: spread, isDrawn: histogram)
                try await run.check()
                func report(_ result: ServeResult) {
                    table.row(result.cells)
                    for line in result.drawing { print("    \(line)") }
                    results.append(result)
                }
                try await cases(of: run, report)
                if let soak, rankerCount == rankers.max(), spread == users.last {
                    report(
                        try await run.soak(
                            for: .seconds(soak), perSecond: Double(requestsPerSecond),
                            connectionCount: connections.max() ?? 1))
                }
            }
        }
        return results
    }

    private func cases(of run: ServeRun, _ report: (ServeResult) -> Void) async throws {
        if let cold { return report(try await run.cold(count: cold)) }
        for body in body {
            for count in connections.sorted() {
                let peak = try await run.closed(
                    body, connectionCount: count, for: .seconds(seconds))
                report(peak)
                if let rate {
                    report(
                        try await run.open(
                            body, connectionCount: count,
                            perSecond: rate * peak.requestsPerSecond, for: .seconds(seconds)))
                }
                if let overload {
                    report(
                        try await run.open(
                            body, connectionCount: 512,
                            perSecond: overload * peak.requestsPerSecond, for: .seconds(seconds)))
                }
            }
        }
    }

    /// Pins this process to the second core, if there is one.
    private static func pinToSecondCore() {
        let taskset = Process()
        taskset.executableURL = URL(fileURLWithPath: "/usr/bin/taskset")
        taskset.arguments = ["-a", "-p", "-c", "1", "\(ProcessInfo.processInfo.processIdentifier)"]
        taskset.standardOutput = FileHandle.nullDevice
        taskset.standardError = FileHandle.nullDevice
        try? taskset.run()
        taskset.waitUntilExit()
    }
}

extension UserSpread: ExpressibleByArgument {}
