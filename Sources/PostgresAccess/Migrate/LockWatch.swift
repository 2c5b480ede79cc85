// Whom a migration waits for. Asked on another connection while it waits: afterwards nobody knows
// any more. Decides nothing; Migrator says it and tries again.
import Concurrency
import LanguageSystem

/// The sessions that block one server process, as of the last check.
final class LockWatch: Sendable {
    private struct Seen {
        var process: Int32?
        var holders: [String] = []
        var at = ContinuousClock.now
    }

    private let pool: ConnectionPool
    private let seen = Locked(Seen())

    private static let interval: Duration = .milliseconds(250)

    init(_ pool: ConnectionPool) { self.pool = pool }

    /// The blocking sessions, each as "process 4711 (psql, user ada, idle in transaction, last
    /// query at 2026-11-30 16:40:12+00)".
    var holders: [String] { seen.withLock { $0.holders } }

    /// The blocking sessions, unless the last check is older than a moment.
    var presentHolders: [String] {
        seen.withLock { $0.at + Self.interval * 8 > .now ? $0.holders : [] }
    }

    /// Sets the process whose waiting is checked from now on.
    func follow(process: Int32) { seen.withLock { $0 = Seen(process: process) } }

    /// Checks until cancelled. Without a second connection it reports nothing, which is no error.
    func run() async {
        while (try? await Task.sleep(for: Self.interval)) != nil {
            guard let process = seen.withLock({ $0.process }) else { continue }
            let found = try? await pool.execute(Self.question, Int(process)).map {
                try $0.decode(String.self, "holder")
            }
            guard let found, !found.isEmpty else { continue }
            seen.withLock { seen in
                if seen.process == process { seen = Seen(process: process, holders: found) }
            }
        }
    }

    /// PostgreSQL may hide everything but the application of other users' sessions. Their queries
    /// are not repeated, because they may contain anything.
    private static let question = """
        select distinct case b.pid when 0
            then 'a prepared transaction (select * from pg_prepared_xacts)'
            else concat('process ', b.pid, ' (', concat_ws(', ', nullif(a.application_name, ''),
                'user ' || a.usename, a.state,
                'last query at ' || date_trunc('second', a.query_start)), ')') end as holder
        from unnest(pg_blocking_pids($1::int)) b (pid)
        left join pg_stat_activity a on a.pid = b.pid
        order by 1
        """
}
