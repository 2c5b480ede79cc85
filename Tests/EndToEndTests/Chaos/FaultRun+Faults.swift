// What each fault does, and what brings the installation back. A fault that the installation must
// get over by itself is only waited for.
import Foundation
import Testing

extension FaultRun {
    /// Why a fault cannot be made here; nil when it can.
    func obstacle(to fault: Fault) -> String? {
        switch fault {
        case .clockAhead, .clockBehind:
            FakeClock.library == nil ? "there is no libfaketime: apt-get install libfaketime" : nil
        case .diskFull: servers?.primary.disk.obstacle
        default: nil
        }
    }

    private var servers: ServerPair? {
        if case .servers(let pair) = site.database { pair } else { nil }
    }

    func inject(_ step: FaultStep) async throws {
        switch step.fault {
        case .workerKilled:
            let worker = try await holder(step).worker
            site.kill(worker: worker)
            try await pause(step.seconds(0...2))
            try site.startWorker(worker)
        case .workerStalled: try await stallWorker(step)
        case .idleWorkerStalled: try await stallIdleWorker(step)
        case .clockAhead: try await setClock(step, hours: 1)
        case .clockBehind: try await setClock(step, hours: -1)
        case .coordinatorKilled, .embeddedCoordinatorKilled:
            let index = step.pick(Array(site.coordinators.indices))
            site.kill(coordinator: index)
            try await pause(step.seconds(0...3))
            try await site.startCoordinator(index)
        case .everyCoordinatorKilled:
            for index in site.coordinators.indices { site.kill(coordinator: index) }
            try await pause(step.seconds(0...3))
            for index in site.coordinators.indices { try await site.startCoordinator(index) }
        case .serverCrashed: try await servers!.crash(for: step.seconds(0...3))
        case .backendsTerminated: try await terminateBackends(for: step.seconds(2...4))
        case .diskFull: try await fillDisk(for: step.seconds(3...6))
        case .connectionsExhausted: try await takeConnections(for: step.seconds(4...7))
        case .rowsLocked: try await lockRows(for: step.seconds(3...9))
        case .movedAcross: try await moveAcross(step)
        case .failover: try await servers!.failOver()
        case .identityCopied: try await copyIdentity(step)
        case .identityReplaced: try await replaceIdentity(step)
        case .embeddedServerKilled:
            kill(try site.embeddedServerID, SIGKILL)
        // Nobody helps: lscoord starts its server again.
        case .embeddedBothKilled:
            let server = try site.embeddedServerID
            site.kill(coordinator: 0)
            kill(server, SIGKILL)
            try await pause(step.seconds(0...2))
            try await site.startCoordinator(0)
        }
        for index in site.coordinators.indices {
            try await eventually(within: 60, "\(site.coordinators[index].name) is ready again") {
                try await site.isReady(index)
            }
        }
    }

    private func pause(_ seconds: Double) async throws {
        try await Task.sleep(for: .seconds(seconds))
    }

    // MARK: Workers

    private struct Holder {
        let worker: Int
        let task: String
        let attempt: String
    }

    /// A worker that holds a lease, with that lease.
    private func holder(_ step: FaultStep) async throws -> Holder {
        var holders: [Holder] = []
        try await eventually(within: 120, "a worker holds a lease") {
            try await keepBusy()
            let lines = try await site.sql(
                """
                select w.name, a.task_id, a.number from ls.attempt a join ls.worker w using \
                (worker_id)
                where a.state = 'open' order by a.task_id
                """)
            holders = lines.split(separator: "\n").compactMap { line in
                let parts = line.split(separator: "|").map(String.init)
                return site.workers.firstIndex { $0.name == parts[0] }.map {
                    Holder(worker: $0, task: parts[1], attempt: parts[2])
                }
            }
            return !holders.isEmpty
        }
        return step.pick(holders)
    }

    /// A worker sleeps until its lease is over and the task is another's; its late result is
    /// nothing.
    private func stallWorker(_ step: FaultStep) async throws {
        while true {
            let holder = try await holder(step)
            let attempt =
                """
                select state from ls.attempt where task_id = \(holder.task) and number = \
                \(holder.attempt)
                """
            site.signal(worker: holder.worker, SIGSTOP)
            defer { site.signal(worker: holder.worker, SIGCONT) }
            // It may have handed in just before.
            try await eventually(within: 90, "the lease of a stalled worker ends") {
                try await site.sql(attempt) != "open"
            }
            guard try await site.sql(attempt) == "expired" else { continue }
            try await pause(step.seconds(0...2))
            site.signal(worker: holder.worker, SIGCONT)
            try await eventually(within: 120, "another attempt does task \(holder.task)") {
                try await site.sql(
                    "select state from ls.task where task_id = \(holder.task)") == "done"
            }
            #expect(try await site.sql(attempt) == "expired", "a late result counted; seed \(seed)")
            return
        }
    }

    /// A worker that falls asleep with nothing to do must not draw tasks into its sleep again and
    /// again.
    private func stallIdleWorker(_ step: FaultStep) async throws {
        try await eventually(within: 300, "nothing is left to do") {
            try await site.sql("select count(*) from ls.task where ended_at is null") == "0"
        }
        // Each in turn: who is asked first depends on who came first.
        for worker in site.workers.indices {
            site.signal(worker: worker, SIGSTOP)
            defer { site.signal(worker: worker, SIGCONT) }
            let task = try await askForTraining(step.pick(Self.rankers))
            try await eventually(within: 120, "the other worker does task \(task)") {
                try await site.sql("select state from ls.task where task_id = \(task)") == "done"
            }
            let expired = try await site.sql(
                "select count(*) from ls.attempt where task_id = \(task) and state = 'expired'")
            #expect(
                Int(expired)! <= 1,
                "a sleeping worker was given task \(task) \(expired) times; seed \(seed)")
        }
    }

    /// The wall clock of a worker jumps; it goes on completing tasks, then the clock is set right.
    private func setClock(_ step: FaultStep, hours: Int) async throws {
        let index = step.pick(site.workers.indices.filter { site.workers[$0].clock != nil })
        let name = site.workers[index].name
        try site.set(clockOf: index, hours: hours)
        // Its log is how we know that its clock did jump.
        try await eventually(within: 120, "\(name) logs with its clock \(hours) h off") {
            try await keepBusy()
            guard let offset = lastLogged(index)?.timeIntervalSinceNow else { return false }
            return abs(offset - Double(hours) * 3_600) < 300
        }
        let now = try await site.sql("select clock_timestamp()")
        try await eventually(within: 120, "\(name) completes a task, its clock \(hours) h off") {
            try await keepBusy()
            return try await site.sql(
                """
                select count(*) > 0 from ls.attempt_history
                where worker = '\(name)' and state = 'succeeded' and leased_at > '\(now)'
                """) == "t"
        }
        try site.set(clockOf: index, hours: 0)
    }

    /// When the worker's last log line says it was written.
    private func lastLogged(_ worker: Int) -> Date? {
        site.text(worker: worker).split(separator: "\n").reversed().lazy.compactMap { line in
            try? Date(
                String(line.prefix { $0 != " " }),
                strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        }.first
    }

    // MARK: The database

    private static let ofCoordinators =
        "backend_type = 'client backend' and application_name <> 'chaos'"

    private func terminateBackends(for seconds: Double) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while .now < end {
            _ = try await site.sql(
                """
                select count(pg_terminate_backend(pid)) from pg_stat_activity where \
                \(Self.ofCoordinators)
                """
            )
            try await pause(0.2)
        }
    }

    private func fillDisk(for seconds: Double) async throws {
        let primary = servers!.primary
        try primary.disk.fill()
        let refused = try await site.psql(
            "create table public.ballast as select repeat('x', 1000) from generate_series(1, 50000)"
        )
        #expect(refused.status != 0, "the disk was not full")
        try await pause(seconds)
        primary.disk.free()
        // PostgreSQL may have given up over its own log; its supervisor starts it again.
        try await eventually(within: 90, "PostgreSQL writes again") {
            if !primary.isRunning { try await primary.start() }
            return try await site.psql("select pg_logical_emit_message(true, 'chaos', 'room')")
                .status
                == 0
        }
    }

    /// Every connection there is goes to somebody else, as soon as lscoord's are taken away.
    private func takeConnections(for seconds: Double) async throws {
        let takers = try site.sessions(
            ExternalCluster.connectionCountMax, "select pg_sleep(\(seconds))")
        let thief = try await site.psql(
            """
            do $$ begin for i in 1..8 loop
                perform pg_terminate_backend(pid) from pg_stat_activity where \
            \(Self.ofCoordinators);
                perform pg_sleep(0.25), pg_stat_clear_snapshot();
            end loop; end $$
            """)
        // It may have come too late itself.
        if thief.status != 0 {
            say("the connections were gone before lscoord's could be taken away")
        }
        try await eventually(within: 60, "the connections are given back") {
            !takers.process.isRunning
        }
    }

    /// Rows that every result, and every heartbeat, needs.
    private func lockRows(for seconds: Double) async throws {
        let ending = try await site.psql(
            """
            do $$ begin
                perform from ls.task order by task_id for update;
                perform from ls.attempt where state = 'open' order by task_id for update;
                perform pg_sleep(\(seconds));
            end $$
            """)
        #expect(ending.status == 0, "\(ending)")
    }

    // MARK: Across coordinators

    private func moveAcross(_ step: FaultStep) async throws {
        try await cancelAcross(step)
        let ranker = step.pick(Self.rankers)
        var versions: [[String]] = []
        try await eventually(within: 180, "\(ranker) has two versions") {
            try await keepBusy()
            versions = try await site.sql(
                """
                select version_id, number from ls.version_lineage where ranker = '\(ranker)' order \
                by number
                """
            ).split(separator: "\n").map { $0.split(separator: "|").map(String.init) }
            return versions.count >= 2
        }
        let body = try await rerankBody(ranker + ":canary")
        for offset in 0..<3 {
            let version = versions[(step.victim + offset) % versions.count]
            _ = try await site.sql("select ls.set_alias(\(version[0]), 'canary', 'chaos')")
            for index in site.coordinators.indices {
                try await eventually(
                    within: 30, "\(site.coordinators[index].name) follows the alias"
                ) {
                    let ending = try await site.curl(index, "/v1/rerank", body: body)
                    guard ending.status == 0,
                        let reply = try JSONSerialization.jsonObject(with: Data(ending.output.utf8))
                            as? [String: Any]
                    else { return false }
                    return reply["model"] as? String == "\(ranker)@\(version[1])"
                }
            }
        }
    }

    private func cancelAcross(_ step: FaultStep) async throws {
        while true {
            let holder = try await holder(step)
            // It may be done by now: then another one.
            guard
                try await site.psql("select ls.cancel_task(\(holder.task), 'chaos')").output
                    == "t\n"
            else { continue }
            cancelledTasks.insert(holder.task)
            try await eventually(within: 60, "the worker stops task \(holder.task)") {
                let lines = site.text(worker: holder.worker).split(separator: "\n").filter {
                    $0.contains(" task.id=\(holder.task) ")
                        || $0.hasSuffix(" task.id=\(holder.task)")
                }
                // Leased but not begun: then there is nothing to stop.
                return !lines.contains { $0.contains("task begun") }
                    || lines.contains {
                        $0.contains("task stopped") || $0.contains("did not count")
                    }
            }
            return
        }
    }

    private func rerankBody(_ model: String) async throws -> URL {
        let ending = try await site.lscoord([
            "rerank", "--model", model, "--features", Programs.demo(Self.subjects[0], "test"),
            "--query", "1", "--print-request",
        ])
        try #require(ending.status == 0, "\(ending)")
        let file = site.home.appendingPathComponent("rerank.json")
        try ending.output.write(to: file, atomically: true, encoding: .utf8)
        return file
    }
}
