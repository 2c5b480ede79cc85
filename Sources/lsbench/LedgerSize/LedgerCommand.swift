// `lsbench ledger`: the same operations on an almost empty database and on one of many years, in
// turns, on private clusters of their own. What grows with the registry shows as a ratio, and as
// rows of big tables that were read in sequence.
import ArgumentParser
import Benchmarking
import Foundation
import LanguageSystem
import Ledger
import Logging
import PostgresAccess

struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Time the ledger's operations at two sizes of the registry.",
        discussion: """
            Makes two databases on a private PostgreSQL cluster: one almost empty, one of the \
            given size. Prints the median microseconds of each operation in both: `again` with the \
            rows in memory (the ratio uses these), `first` for a random user, whose rows may be on \
            disk. It also prints how many rows of big tables a call read in sequence (0: every \
            plan uses its indexes).

            Examples:
              lsbench ledger                                     a million rankers, ten million \
            tasks
              lsbench ledger --rankers 20000 --tasks 100000      some seconds
            """)

    @Option(help: "Rankers of users.") var rankers = 1_000_000
    @Option(help: "Ended tasks.") var tasks = 10_000_000
    @Option(help: "Versions of each of a thousand rankers; all other rankers have two.")
    var versions = 50
    @Option(help: "Calls of each operation.") var calls = 200
    @Option(help: "Directory for the cluster, which needs gigabytes at full size.") var directory:
        String?
    /// The most rows that `status_summary` counts: up to 1,001 of each of five tables.
    private static let countedRowCountMax = 5 * 1_001
    @Flag(help: "End with status 1 when a big table was read in sequence.") var strict = false

    func validate() throws {
        guard (100...100_000_000).contains(rankers), (100...1_000_000_000).contains(tasks),
            (2...1_000).contains(versions), (10...100_000).contains(calls)
        else {
            throw ValidationError(
                """
                expected 100 rankers or more, 100 tasks or more, 2 to 1000 versions and 10 to \
                100000 calls
                """
            )
        }
    }

    func run() async throws {
        let size = LedgerSize(
            userRankerCount: rankers, archivedTaskCount: tasks, versionCount: versions,
            manyVersionedCount: min(1_000, rankers), weightsCount: 3_000)
        let (calls, strict) = (calls, strict)
        let settings = ["max_wal_size": "16GB", "checkpoint_timeout": "30min"]
        try await PrivateCluster.with(directory: directory, settings: settings) { cluster in
            let small = try await cluster.database("small", filledTo: .almostEmpty)
            let large = try await cluster.database("large", filledTo: size)
            print(
                """
                \(size.userRankerCount) rankers of users, \(size.archivedTaskCount) archived \
                tasks: filled in \(text(large.fillSeconds, 0)) s, \
                \(millions(try await large.byteCount())) MB
                """
            )
            let columns = Columns([
                ("operation, median us", 30), ("almost empty", 12), ("full, again", 12),
                ("ratio", 6), ("full, first", 12),
                ("rows read in sequence", 21),
            ])
            var worst = 0.0
            var readInSequence = 0
            for operation in LedgerOperation.all {
                let before = try await large.rowsReadInSequence()
                let times = try await Self.times(of: operation, small, large, calls: calls)
                let read = (try await large.rowsReadInSequence() - before) / (2 * calls)
                worst = max(worst, times.large / times.small)
                // Counting up to a thousand is no scan.
                if !operation.readsWidely && read > Self.countedRowCountMax {
                    readInSequence += read
                }
                columns.row([
                    operation.name, text(times.small * 1e6, 0), text(times.large * 1e6, 0),
                    text(times.large / times.small, 2), text(times.largeFirst * 1e6, 0), "\(read)",
                ])
            }
            print("largest ratio \(text(worst, 2))")
            await small.pool.close()
            await large.pool.close()
            if strict && readInSequence > 0 {
                throw LanguageSystemError(
                    .internal,
                    """
                    cannot call the plans sound: \(readInSequence) rows of big tables were read in \
                    sequence
                    """
                )
            }
        }
    }

    /// The median seconds of one call in each database; the databases alternate after ten calls.
    private static func times(
        of operation: LedgerOperation, _ small: FilledDatabase, _ large: FilledDatabase, calls: Int
    ) async throws -> (small: Double, large: Double, largeFirst: Double) {
        var (inSmall, inLarge, first): ([Double], [Double], [Double]) = ([], [], [])
        for turn in 0..<(calls / 10) {
            let turn = turn * 10..<turn * 10 + 10
            _ = try await small.seconds(of: operation, calls: turn, pass: 0)
            inSmall += try await small.seconds(of: operation, calls: turn, pass: 1)
            first += try await large.seconds(of: operation, calls: turn, pass: 0)
            inLarge += try await large.seconds(of: operation, calls: turn, pass: 1)
        }
        return (median(inSmall), median(inLarge), median(first))
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted[sorted.count / 2]
    }
}

/// A database with the ledger's schema and a registry of a given size.
struct FilledDatabase: Sendable {
    let pool: ConnectionPool
    let userRankerCount: Int
    let fillSeconds: Double

    /// The seconds of each call, one after the other on one connection.
    func seconds(of operation: LedgerOperation, calls: Range<Int>, pass: Int) async throws
        -> [Double]
    {
        let (statement, count) = (operation.statement, userRankerCount)
        return try await pool.withConnection(deadline: .seconds(600)) { connection in
            let clock = ContinuousClock()
            return try calls.map { call in
                let sql = statement(call, pass, count)
                let start = clock.now
                try connection.execute(sql)
                return (clock.now - start).inSeconds
            }
        }
    }

    /// The rows read in sequence so far from tables that grow with the registry.
    func rowsReadInSequence() async throws -> Int {
        try await pool.withConnection { connection in
            // What this session did is counted when it says so.
            try connection.execute("select pg_stat_force_next_flush()")
            try connection.execute("select 1")
            return try connection.execute(
                """
                select coalesce(sum(seq_tup_read), 0)::bigint from pg_stat_user_tables
                where schemaname = 'ls' and (relname in ('ranker', 'ranker_version', \
                'ranker_alias', 'alias_history', 'evaluation',
                    'promotion_decision', 'version_feature_set', 'ranker_weights', 'audit_log') or \
                relname like 'task_archive_2%')
                """
            ).one().decode()
        }
    }

    func byteCount() async throws -> Int {
        try await pool.execute("select pg_database_size(current_database())").one().decode()
    }
}
