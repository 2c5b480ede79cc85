// Whom a migration waits for. Asked on another connection while it waits: afterwards nobody knows
// any more. Decides nothing; Migrator says it and tries again.
import Concurrency
import LanguageSystem

/// What keeps one server process from going on, as of the last look.
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

    /// "process 4711 (psql, user ada, idle in transaction, last query at 2026-11-30 16:40:12+00)".
    var holders: [String] { seen.withLock { $0.holders } }

    /// The same, unless the last sight of them is older than a moment.
    var presentHolders: [String] {
        seen.withLock { $0.at + Self.interval * 8 > .now ? $0.holders : [] }
    }

    /// Whose waiting is looked at from now on.
    func follow(process: Int32) { seen.withLock { $0 = Seen(process: process) } }

    /// Looks until cancelled. Without a second connection nothing is seen, and nothing is wrong.
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

    /// Of other people's sessions PostgreSQL may hide all but the application. What they ask is not
    /// repeated: it may hold anything.
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
