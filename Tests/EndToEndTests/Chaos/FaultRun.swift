// Follows a plan: keeps an installation at work, hurts it, brings back what an operator or a
// supervisor would bring back, and looks whether anything was lost. What each fault does is in
// FaultRun+Faults.
import Foundation
import Testing

final class FaultRun {
    static let baseModel = "minilm-l6-math-l5"
    static let subjects = ["prealgebra", "number_theory"]
    static let rankers = subjects.map { "math/\($0).listwise" }
    /// A second or two of training on one thread.
    static let training = #"{"epochs": 5}"#
    /// As short as it gets: what is decided comes quickly.
    static let shortTraining = #"{"epochs": 1}"#

    let site: FaultSite
    let name: String
    let seed: UInt64
    /// Whether the gate promotes nearly every version.
    private let forcesPromotions: Bool
    var cancelledTasks: Set<String> = []
    private var accepted = AcceptedResults()
    private var counts: [Fault: Int] = [:]
    private var obstacles: [Fault: String] = [:]
    private var askedCount = 0
    private let began = ContinuousClock.now

    init(_ site: FaultSite, name: String, seed: UInt64, forcesPromotions: Bool = false) {
        self.forcesPromotions = forcesPromotions
        self.site = site
        self.name = name
        self.seed = seed
    }

    // MARK: The course

    /// So many rounds of the plan; with `minutes`, steps until they are over, but at least those.
    func follow(_ plan: FaultPlan, rounds: Int = 1, minutes: Double?) async throws {
        try await registerDemo()
        if forcesPromotions { try await forcePromotions() }
        var plan = plan
        let end = minutes.map { began + .seconds($0 * 60) }
        while let step = plan.next() {
            if step.number > plan.faults.count * rounds, end.map({ .now >= $0 }) ?? true { break }
            if let obstacle = obstacle(to: step.fault) {
                if obstacles.updateValue(obstacle, forKey: step.fault) == nil {
                    say("step \(step.number) left out: \(step.fault.rawValue): \(obstacle)")
                }
                continue
            }
            try await take(step)
            counts[step.fault, default: 0] += 1
        }
        try await finish()
    }

    private func take(_ step: FaultStep) async throws {
        // Again and again: a quick machine may be done before anybody looks.
        try await eventually(within: 120, "training is under way") {
            try await keepBusy()
            return try await site.sql(
                """
                select count(*) > 0 from ls.task_progress() where state = 'leased' and progress > 0
                """
            ) == "t"
        }
        try await Task.sleep(for: .milliseconds(step.pauseMs))
        let leased = try await site.sql(
            "select string_agg(task_id::text, ',') from ls.task where state = 'leased'")
        say("step \(step.number): \(step.fault.rawValue), victim \(step.victim), leased \(leased)")
        let moment = ContinuousClock.now
        try await inject(step)
        for index in site.coordinators.indices where !site.isRunning(coordinator: index) {
            Issue.record("\(site.coordinators[index].name) ended by itself; \(step), seed \(seed)")
            try await site.startCoordinator(index)
        }
        for index in site.workers.indices where !site.isRunning(worker: index) {
            Issue.record("\(site.workers[index].name) ended by itself; \(step), seed \(seed)")
            try site.startWorker(index)
        }
        // Whatever was under way ends, one way or the other, without anybody's help.
        if !leased.isEmpty {
            try await eventually(within: 120, "what was leased at step \(step.number) ends") {
                let ending = try await site.psql(
                    "select count(*) from ls.task where ended_at is null and task_id in (\(leased))"
                )
                return ending.output == "0\n"
            }
        }
        try await check("step \(step.number), \(step.fault.rawValue)")
        say("step \(step.number): recovered after \(seconds(since: moment)) s")
    }

    /// Enough to do that a fault finds everybody at work.
    func keepBusy() async throws {
        let openCount = Int(
            try await site.sql("select count(*) from ls.task where ended_at is null"))
        guard openCount ?? 0 < 6 else { return }
        for _ in 0..<2 {
            for ranker in Self.rankers { try await askForTraining(ranker) }
        }
        _ = try await site.sql(
            """
            select ls.request_evaluation(max(version_id), p_configuration =>
                '{"candidate_count": 5, "groups_per_query": 10, "seed": \(askedCount)}')
            from ls.version_lineage group by ranker
            """)
    }

    /// - Returns: The task's id.
    @discardableResult
    func askForTraining(_ ranker: String) async throws -> String {
        askedCount += 1
        return try await site.sql(
            "select ls.request_training('\(ranker)', p_seed => \(askedCount))")
    }

    private func finish() async throws {
        try await eventually(within: 300, "everything asked for ends") {
            try await site.sql("select count(*) from ls.task where ended_at is null") == "0"
        }
        try await check("the end")
        func expectNone(_ what: String, _ query: String) async throws {
            let found = try await site.sql(
                "select coalesce(string_agg(x::text, ', '), '') from (\(query)) x")
            #expect(found == "", "\(what); \(name), seed \(seed)")
        }
        try await expectNone(
            "tasks are dead",
            "select task_id, kind, ended_because from ls.task where state = 'dead'")
        try await expectNone(
            "tasks are cancelled that nobody cancelled",
            """
            select task_id from ls.task where state = 'cancelled' and task_id <> all \
            ('{\(cancelledTasks.joined(separator: ","))}')
            """
        )
        try await expectNone(
            "leases are left", "select task_id, number from ls.attempt where state = 'open'")
        // Two workers at once on one task: what no state shows afterwards, the times do.
        try await expectNone(
            "attempts overlap",
            """
            select a.task_id, a.number from ls.attempt a join ls.attempt b
                on b.task_id = a.task_id and b.number = a.number + 1 where b.leased_at < a.ended_at
            """)
        let trainings = try await site.sql(
            """
            select count(*) from ls.task where kind = 'train' and (state = 'done' or state = \
            'cancelled')
            """
        )
        #expect(trainings == "\(askedCount)", "every training asked for was done; seed \(seed)")
        try await checkDecisions(expectNone)
        try await printScore()
    }

    // MARK: Decisions

    /// The gate asks of a version only that it is not half of all queries worse than the champion;
    /// the first champion of each ranker is a person's.
    private func forcePromotions() async throws {
        // Figures that are measured again are decided on again.
        _ = try await site.sql("select ls.set_check_policy(0, false, 'chaos')")
        for ranker in Self.rankers {
            _ = try await site.sql(
                "select ls.set_promotion_policy('\(ranker)', 'not_worse', 0.5)")
            try await askForTraining(ranker)
            try await eventually(within: 120, "\(ranker)@1 is decided on") {
                try await site.sql(
                    """
                    select count(*) from ls.promotion_status
                    where ranker = '\(ranker)' and version = 1
                    """) == "1"
            }
            _ = try await site.sql(
                """
                select ls.promote(version_id, 'chaos') from ls.version_lineage
                where version = '\(ranker)@1'
                """)
        }
    }

    /// Each version was decided on, and promoted at most once; each move of the gate has its
    /// decision. That no decision says more than its evidence is `ls.broken_rules`.
    private func checkDecisions(
        _ expectNone: (_ what: String, _ query: String) async throws -> Void
    ) async throws {
        try await eventually(within: 120, "no version waits for a decision") {
            try await site.sql("select count(*) from ls.promotion_wait") == "0"
        }
        try await expectNone(
            "versions were not decided on",
            """
            select version from ls.version_lineage v where not exists (
                select from ls.promotion_decision d where d.version_id = v.version_id)
            """)
        try await expectNone(
            "versions were decided on twice",
            """
            select version, count(*) from ls.promotion_decision join ls.version_lineage
                using (version_id) where promoted or \(forcesPromotions)
            group by version having count(*) > 1
            """)
        try await expectNone(
            "the gate moved without a decision, or decided and did not move",
            """
            select coalesce(d.version_id, m.to_version_id)
            from (select version_id, count(*) as n from ls.promotion_decision
                    where promoted group by version_id) d
                full join (select to_version_id, count(*) as n from ls.alias_history
                    where alias = 'champion' and moved_by = 'promotion gate'
                    group by to_version_id) m on m.to_version_id = d.version_id
            where d.n is distinct from m.n
            """)
        try await expectNone(
            "a champion is not the last that was promoted",
            """
            select a.version_id from ls.ranker_alias a where a.alias = 'champion'
                and a.version_id is distinct from (select h.to_version_id from ls.alias_history h
                    where h.ranker_id = a.ranker_id and h.alias = 'champion'
                    order by h.alias_history_id desc limit 1)
            """)
        let counts = try await site.sql(
            """
            select count(*) || ' decisions, ' || count(*) filter (where promoted) || ' promotions'
            from ls.promotion_decision
            """)
        say(counts)
        if forcesPromotions {
            #expect(
                try await site.sql(
                    "select count(*) > 10 from ls.promotion_decision where promoted") == "t",
                "the gate promoted: \(counts)")
        }
    }

    // MARK: Looking

    /// The rules hold and nothing that was accepted is lost.
    func check(_ moment: String) async throws {
        var seen = ""
        try await eventually(within: 60, "the ledger answers (\(moment))") {
            // The second statement's commit is acknowledged by the standby, so what the first one
            // saw is there, too: from here on it may not be lost.
            let ending = try await site.psql(
                AcceptedResults.query, "select pg_logical_emit_message(true, 'chaos', 'seen')")
            seen = ending.output
            return ending.status == 0
        }
        let lost = accepted.see(seen)
        #expect(lost == [], "accepted results were lost (\(moment)); \(name), seed \(seed)")
        let broken = try await site.sql("select ls.broken_rules(true)")
        try #require(broken == "", "rules are broken (\(moment)); \(name), seed \(seed)")
    }

    func say(_ what: String) {
        print("chaos \(name) seed \(seed) at \(seconds(since: began)) s: \(what)")
        fflush(nil)
    }

    private func seconds(since moment: ContinuousClock.Instant) -> String {
        let (seconds, attoseconds) = (ContinuousClock.now - moment).components
        return "\(seconds).\(attoseconds / 100_000_000_000_000_000)"
    }

    private func printScore() async throws {
        let figures = try await site.sql(
            """
            select format('%s tasks completed (%s trainings, %s evaluations), %s cancelled, %s \
            dead, %s versions',
                count(*) filter (where state = 'done'), count(*) filter (where state = 'done' and \
            kind = 'train'),
                count(*) filter (where state = 'done' and kind = 'evaluate'), count(*) filter \
            (where state = 'cancelled'),
                count(*) filter (where state = 'dead'), (select count(*) from ls.ranker_version)) \
            from ls.task
            """)
        let attempts = try await site.sql(
            """
            select string_agg(format('%s %s', n, state), ', ' order by n desc)
            from (select state, count(*) as n from ls.attempt group by state) s
            """)
        var lines = [
            """
            score of \(name), seed \(seed): \(counts.values.reduce(0, +)) faults in \
            \(seconds(since: began)) s
            """,
            "  \(figures)", "  attempts: \(attempts)",
            """
              results accepted and still there: \(accepted.facts.count) \
            (\(accepted.count(of: "task")) tasks, \(accepted.count(of: "version")) versions, \
            \(accepted.count(of: "evaluation")) evaluations, \
            \(accepted.count(of: "decision")) decisions, \(accepted.count(of: "move")) alias moves)
            """,
            "  broken rules: 0",
        ]
        for (fault, count) in counts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            lines.append("  \(count) x \(fault.rawValue)")
        }
        for (fault, obstacle) in obstacles.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            lines.append("  0 x \(fault.rawValue): \(obstacle)")
        }
        print(lines.map { "chaos| \($0)" }.joined(separator: "\n"))
        fflush(nil)
    }

    private func registerDemo() async throws {
        func must(_ arguments: String...) async throws {
            let ending = try await site.lscoord(arguments)
            try #require(ending.status == 0, "\(arguments): \(ending)")
        }
        try await must("register", "base-model", Self.baseModel, "--hidden-size", "384")
        for subject in Self.subjects {
            try await must("register", "domain", "math/\(subject)")
            try await must(
                "register", "ranker", "--base-model", Self.baseModel, "--domain", "math/\(subject)",
                "--kind", "listwise", "--training",
                forcesPromotions ? Self.shortTraining : Self.training)
            for split in ["train", "test"] {
                try await must("features", "import", Programs.demo(subject, split))
            }
        }
    }
}
