// `lsbench fleet`: a real coordinator and many workers in this one process, over mutual TLS. Either
// how many tasks a second go through, or what workers cost that have nothing to do.
import ArgumentParser
import Benchmarking
import EdgeWork
import Foundation
import LanguageSystem
import Ledger
import PKI

struct FleetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet", abstract: "Drive a coordinator with many workers, or let them idle.",
        discussion: """
            Starts `lscoord serve` with an embedded cluster in a directory that is removed \
            afterwards. Each worker joins with its own token and has its own connection. Workers \
            that get tasks are simulated: they hand in made-up figures at once. Idle workers are \
            real ones.

            Examples:
              lsbench fleet --workers 50 --tasks 5000
              lsbench fleet --workers 500 --idle 60
              lsbench fleet --workers 20 --tasks 2000 --duplicate --reorder --seed 7
            """)

    @Option(help: "Workers.") var workers = 50
    @Option(help: "Tasks.") var tasks = 5_000
    @Option(help: "Tasks that a worker runs at once.") var capacity = 4
    @Option(
        help: ArgumentHelp(
            "Give no tasks, and measure the idle workers for this long.", valueName: "seconds"))
    var idle: Int?
    @Flag(help: "Send every result twice, and repeat old results and heartbeats.")
    var duplicate = false
    @Flag(help: "Delay results, so that they arrive in another order.") var reorder = false
    @Option(help: "Seed of --duplicate and --reorder.") var seed: UInt64 = 1
    @Option(
        help: ArgumentHelp(
            "The program lscoord. Default: the one beside lsbench.", valueName: "path"))
    var lscoord: String?

    func validate() throws {
        guard (1...2_000).contains(workers), (1...1_000_000).contains(tasks),
            (1...64).contains(capacity), (1...3_600).contains(idle ?? 1),
            idle != nil || tasks > workers * capacity
        else {
            throw ValidationError(
                """
                expected 1 to 2000 workers, capacity 1 to 64, 1 to 3600 idle seconds, and more \
                tasks than all workers take at once
                """)
        }
    }

    private struct Line: Encodable {
        let command = "fleet"
        let workers: Int
        var tasks: Int?
        var capacity: Int?
        var calls: Int?
        var tasksPerSecond: Double?
        var coordinatorCpuSecondsPerTask: Double?
        var databaseCpuSecondsPerTask: Double?
        var idleSeconds: Double?
        var coordinatorCoreShare: Double?
        var databaseCoreShare: Double?
        var coordinatorResidentBytes: Int
        let machine = Machine.current()
    }

    func run() async throws {
        let directory = try BenchDatabase.scratchDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let coordinator = try CoordinatorProcess(program: lscoord, directory: directory)
        defer { coordinator.stop() }
        try await coordinator.waitUntilReady()
        let line = try await BenchDatabase.open(coordinator.connectionInfo, 4, directory) {
            let states = directory.appendingPathComponent("workers")
            let start = ContinuousClock.now
            let members = try await JoinedWorker.join(
                workers, $0.ledger, coordinator.address, states)
            say("\(workers) workers joined", since: start)
            return if let idle {
                try await rest($0, coordinator, members, seconds: idle)
            } else {
                try await drive($0, coordinator, members.map(\.identity))
            }
        }
        print(oneLine(line))
        for complaint in coordinator.complaints.prefix(5) { print("lscoord: \(complaint)") }
    }

    private func say(_ what: String, since start: ContinuousClock.Instant) {
        print("\(what) in \(text((ContinuousClock.now - start).inSeconds, 1)) s")
        fflush(nil)
    }

    // MARK: Tasks

    private func drive(
        _ database: BenchDatabase, _ coordinator: CoordinatorProcess, _ identities: [WorkerIdentity]
    ) async throws -> Line {
        let load = try await TaskLoad.prepare(database, rankerCount: min(200, tasks))
        let requested = ContinuousClock.now
        try await load.request(tasks, in: database)
        say("\(tasks) tasks requested", since: requested)
        let mischief =
            duplicate || reorder
            ? Mischief(duplicates: duplicate, reorders: reorder, seed: seed) : nil
        let progress = FleetProgress(taskCount: tasks, workerCount: workers)
        let members = identities.enumerated().map { index, identity in
            SimulatedWorker(
                identity: identity, index: index, capacity: capacity, mischief: mischief,
                progress: progress)
        }
        let (before, after) = try await withThrowingTaskGroup(
            of: (CoordinatorProcess.Usage, CoordinatorProcess.Usage)?.self
        ) { group in
            for member in members {
                group.addTask {
                    try await member.run()
                    return nil
                }
            }
            group.addTask {
                await progress.waitForWorkers()
                // Every worker has as many tasks as it takes, and holds them until all have.
                let leased = "select count(*) from ls.attempt where state = 'open'"
                let full = min(tasks, workers * capacity)
                while try await database.count(leased) < full {
                    try await Task.sleep(for: .milliseconds(50))
                }
                let before = coordinator.usage()
                await progress.open()
                await progress.waitForTasks()
                return (before, coordinator.usage())
            }
            defer { group.cancelAll() }
            while let found = try await group.next() {
                guard let found else {
                    throw LanguageSystemError(.unavailable, "a worker's session ended")
                }
                return found
            }
            preconditionFailure("the driver is one of the group")
        }
        let violations = try await load.violations(of: tasks, in: database)
        guard violations.isEmpty else { throw LanguageSystemError.miscounted(violations) }
        // What was leased before the clock ran is not counted.
        let count = Double(tasks - workers * capacity)
        let seconds = (await progress.endedAt - progress.openedAt).inSeconds
        let coordinatorCPU = after.coordinatorCPUSeconds - before.coordinatorCPUSeconds
        let databaseCPU = after.databaseCPUSeconds - before.databaseCPUSeconds
        let calls = await progress.callCount
        print(
            """
            every task counted exactly once (\(calls) results sent for \(tasks) tasks)
            end to end            \(text(count / seconds, 0)) tasks/s
            coordinator           \(text(1e3 * coordinatorCPU / count, 2)) CPU-ms/task, \
            \(millions(after.coordinatorResidentBytes)) MB resident
            PostgreSQL            \(text(1e3 * databaseCPU / count, 2)) CPU-ms/task
            """)
        return Line(
            workers: workers, tasks: tasks, capacity: capacity, calls: calls,
            tasksPerSecond: count / seconds, coordinatorCpuSecondsPerTask: coordinatorCPU / count,
            databaseCpuSecondsPerTask: databaseCPU / count,
            coordinatorResidentBytes: after.coordinatorResidentBytes)
    }

    // MARK: Nothing to do

    private func rest(
        _ database: BenchDatabase, _ coordinator: CoordinatorProcess, _ members: [JoinedWorker],
        seconds: Int
    ) async throws -> Line {
        let edges = try members.map {
            try EdgeWorker(
                identity: $0.identity, state: $0.state,
                settings: EdgeSettings(capacity: capacity, threadCount: 1),
                logger: BenchDatabase.quietLogger)
        }
        return try await withThrowingTaskGroup(of: Line?.self) { group in
            for edge in edges {
                group.addTask {
                    try await edge.run()
                    return nil
                }
            }
            group.addTask { try await watch(database, coordinator, seconds: seconds) }
            defer { group.cancelAll() }
            while let found = try await group.next() {
                guard let found else {
                    throw LanguageSystemError(.unavailable, "a worker ended")
                }
                return found
            }
            preconditionFailure("the watch is one of the group")
        }
    }

    private func watch(
        _ database: BenchDatabase, _ coordinator: CoordinatorProcess, seconds: Int
    ) async throws -> Line {
        let connecting = ContinuousClock.now
        let connected = "select count(*) from ls.worker_status where state = 'connected'"
        while try await database.count(connected) < workers {
            guard ContinuousClock.now - connecting < .seconds(120) else {
                throw LanguageSystemError(.unavailable, "not all workers connected within 120 s")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        say("\(workers) workers connected", since: connecting)
        // What connecting took is not idling.
        try await Task.sleep(for: .seconds(5))
        let before = coordinator.usage()
        try await Task.sleep(for: .seconds(seconds))
        let after = coordinator.usage()
        let stillConnected = try await database.count(connected)
        guard stillConnected == workers else {
            throw LanguageSystemError(
                .unavailable, "\(stillConnected) of \(workers) workers are still connected")
        }
        let passed = (after.time - before.time).inSeconds
        let share = (after.coordinatorCPUSeconds - before.coordinatorCPUSeconds) / passed
        let databaseShare = (after.databaseCPUSeconds - before.databaseCPUSeconds) / passed
        print(
            """
            idle for \(text(passed, 0)) s
            coordinator           \(text(100 * share, 1)) % of a core, \
            \(millions(after.coordinatorResidentBytes)) MB resident
            PostgreSQL            \(text(100 * databaseShare, 1)) % of a core
            """)
        return Line(
            workers: workers, capacity: capacity, idleSeconds: passed, coordinatorCoreShare: share,
            databaseCoreShare: databaseShare,
            coordinatorResidentBytes: after.coordinatorResidentBytes)
    }
}
