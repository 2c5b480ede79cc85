// `lsbench queue`: how many small tasks a second are leased and completed through the SQL
// functions, in durable transactions of several results as a coordinator's are, beside pgbench's
// figure for a plain queue on the same server.
import ArgumentParser
import Benchmarking
import Foundation
import LanguageSystem
import Ledger
import PKI

struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Lease and complete small tasks through SQL.",
        discussion: """
            Starts a PostgreSQL cluster with the durability of lscoord's, and removes it \
            afterwards. With --database it uses your database instead, which should be a scratch \
            one: it is migrated, and the tasks stay in it.

            Examples:
              lsbench queue
              lsbench queue --tasks 40000 --clients 8 --results 1
            """)

    @Option(help: "Tasks of each round.") var tasks = 10_000
    @Option(help: "Rounds; pgbench runs before each and after the last.") var rounds = 2
    @Option(help: "Connections that lease and complete tasks.") var clients = 4
    @Option(help: "Tasks leased by one call.") var batch = 20
    @Option(help: "Results recorded by one call, which is one durable transaction.") var results =
        20
    @Option(help: "Rankers, each of another user.") var rankers = 200
    @Option(
        help: ArgumentHelp("A scratch database to use instead of a new cluster.", valueName: "url"))
    var database: String?
    @Flag(name: .customLong("no-pgbench"), help: "Leave pgbench out.") var withoutPgbench = false

    func validate() throws {
        guard (1...1_000_000).contains(tasks), (1...100).contains(rounds),
            (1...64).contains(clients),
            (1...1_000).contains(batch), (1...1_000).contains(results),
            (1...100_000).contains(rankers)
        else {
            throw ValidationError(
                """
                expected 1 to 1000000 tasks, 1 to 100 rounds, 1 to 64 clients, batches and \
                results of 1 to 1000 and 1 to 100000 rankers
                """)
        }
    }

    private struct Line: Encodable {
        let command = "queue"
        let tasks, clients, batch, results, rankers: Int
        let tasksPerSecond: [Double]
        let pgbenchPerSecond: [Double]
        let machine: Machine
    }

    func run() async throws {
        let (ours, peers) = try await BenchDatabase.with(database, connectionCount: clients) {
            try await measure($0)
        }
        let ourMedian = Times(ours).median
        print("leased and completed  \(text(ourMedian, 0)) tasks/s (median of \(ours.count))")
        if !peers.isEmpty {
            let peerMedian = Times(peers).median
            print("pgbench, plain queue  \(text(peerMedian, 0)) tasks/s (median of \(peers.count))")
            print("ratio                 \(text(ourMedian / peerMedian, 2))")
        }
        let line = Line(
            tasks: tasks, clients: clients, batch: batch, results: results, rankers: rankers,
            tasksPerSecond: ours,
            pgbenchPerSecond: peers, machine: .current())
        print(oneLine(line))
    }

    private func measure(_ database: BenchDatabase) async throws -> ([Double], [Double]) {
        let load = try await TaskLoad.prepare(database, rankerCount: rankers)
        let workers = try await enrol(database)
        let peer = PeerQueue(database: database)
        if !withoutPgbench { try await peer.prepare(tasks * (rounds + 1)) }
        var (ours, peers): ([Double], [Double]) = ([], [])
        for round in 0..<rounds {
            if !withoutPgbench { peers.append(try peer.rate(tasks, clientCount: clients)) }
            try await load.request(tasks, from: round * tasks, in: database)
            let seconds = try await empty(database, workers)
            ours.append(Double(tasks) / seconds)
            print("round \(round + 1): \(tasks) tasks in \(text(seconds, 2)) s")
            fflush(nil)
        }
        if !withoutPgbench {
            peers.append(try peer.rate(tasks, clientCount: clients))
            try await peer.remove()
        }
        let violations = try await load.violations(of: tasks * rounds, in: database)
        guard violations.isEmpty else { throw LanguageSystemError.miscounted(violations) }
        return (ours, peers)
    }

    /// The seconds until no task waits.
    private func empty(_ database: BenchDatabase, _ workers: [WorkerID]) async throws -> Double {
        let (ledger, batch, resultCount) = (database.ledger, batch, results)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in workers {
                group.addTask {
                    while true {
                        let leased = try await ledger.leaseTasks(
                            for: worker, kinds: [.evaluate], countMax: batch,
                            lasting: .seconds(600))
                        if leased.isEmpty { return }
                        let results = leased.map { task in
                            let report = TaskLoad.report(for: task.configuration)
                            return EvaluationResult(
                                worker: worker, token: task.token,
                                reports: task.features.map {
                                    EvaluationResultReport(featureSet: $0.digest, report: report)
                                })
                        }
                        for start in stride(from: 0, to: results.count, by: resultCount) {
                            let piece = results.dropFirst(start).prefix(resultCount)
                            let counted = try await ledger.completeEvaluations(Array(piece))
                            guard counted.allSatisfy({ $0 }) else {
                                throw LanguageSystemError.miscounted(["a lease was lost"])
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        return (ContinuousClock.now - start).inSeconds
    }

    /// Registers one worker for each client.
    private func enrol(_ database: BenchDatabase) async throws -> [WorkerID] {
        // Join tokens name the authority; a database of yours may have one.
        if try await database.count("select count(*) from ls.certificate_authority") == 0 {
            let authority = try CertificateAuthority.ephemeral()
            try await database.ledger.setCertificateAuthority(
                pem: authority.certificatePEM, publicKeySHA256: authority.publicKeySHA256)
        }
        var workers: [WorkerID] = []
        for index in 0..<clients {
            let name = "lsbench-\(UUID().uuidString.prefix(8).lowercased())-\(index)"
            let token = try JoinToken(try await database.ledger.createJoinToken(for: name))
            let worker = try await database.ledger.redeemJoinToken(
                id: token.id, secret: token.secret, publicKeySHA256: WorkerKey().publicKeySHA256,
                workerName: name)
            workers.append(worker.id)
        }
        return workers
    }
}

extension LanguageSystemError {
    static func miscounted(_ violations: [String]) -> Self {
        Self(.internal, "not every task counted once: \(violations.joined(separator: "; "))")
    }
}
