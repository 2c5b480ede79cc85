// The schema as a program brings it: complete, once, from many at the same time, never backwards.
import Foundation
import LanguageSystem
import Ledger
import LedgerSchema
import PostgresAccess
import PostgresTesting
import Testing

@Suite struct `Ledger schema` {
    /// Paths from sql/.
    private func files(_ folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(
            atPath: TestLedger.sqlFolder.appending(path: folder).path
        ).filter { $0.hasSuffix(".sql") }.map { "\(folder)/\($0)" }.sorted()
    }

    private func name(_ path: String) -> String {
        String(path.split(separator: "/").last?.dropLast(4) ?? "")
    }

    @Test func `the schema lists every file of sql, each once`() throws {
        #expect(LedgerSchema.migrations.map(\.name) == (try files("migrations")).map(name))
        #expect(
            (LedgerSchema.functionsAndViews + [LedgerSchema.privileges]).map(\.name).sorted()
                == (try files("functions") + files("views")).map(name).sorted())
    }

    @Test func `the schema is listed as its files are now`() throws {
        let script = Process()
        script.executableURL = TestLedger.sqlFolder.appending(path: "../deploy/develop/list-schema")
        let output = Pipe()
        script.standardOutput = output
        try script.run()
        let listed = String(
            decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        script.waitUntilExit()
        #expect(script.terminationStatus == 0)
        let written = try String(
            contentsOf: TestLedger.sqlFolder.appending(path: "Schema.swift"), encoding: .utf8)
        #expect(listed == written, "run deploy/develop/regenerate schema")
    }

    /// So that whoever knows a function's name finds its file, whatever its area is called.
    @Test func `the schema has a file for each function and view, named after it, in its area`()
        throws
    {
        let noFunctions = ["describe_columns", "grant_privileges"]
        let made = /create or replace (?:function|procedure|view) ls\.(\w+)/
        for path in try files("functions") + files("views") where !noFunctions.contains(name(path))
        {
            let text = try String(
                contentsOf: TestLedger.sqlFolder.appending(path: path), encoding: .utf8)
            let statements = text.split(separator: "\n").filter { !$0.hasPrefix("--") }
                .compactMap { $0.firstMatch(of: made).map { String($0.1) } }
            #expect(Set(statements) == [name(path)], "\(path)")
            #expect(
                path.split(separator: "/").count == (path.hasPrefix("views") ? 2 : 3), "\(path)")
        }
    }

    @Test func `the schema embeds the files as they are`() throws {
        for file in LedgerSchema.migrations {
            let url = TestLedger.sqlFolder.appending(path: "migrations/\(file.name).sql")
            #expect(try Data(contentsOf: url) == Data(file.bytes))
        }
    }

    @Test func `the schema numbers its migrations by their names`() {
        for (index, file) in LedgerSchema.migrations.enumerated() {
            let number = String(10000 + index + 1).dropFirst()
            #expect(file.name.hasPrefix("v\(number)_"))
        }
    }

    @Test func `the schema is migrated once, and again is nothing`() async throws {
        try await ThrowAwayDatabase.with { database in
            let migrator = LedgerStore.migrator(logger: TestLedger.quiet)
            await #expect(throws: LanguageSystemError.self) {
                try await migrator.check(database.pool)
            }
            let first = try await migrator.migrate(database.pool)
            #expect(first.from == 0 && first.appliedFiles)
            let second = try await migrator.migrate(database.pool)
            #expect(second.from == LedgerSchema.migrations.count && !second.appliedFiles)
            try await migrator.check(database.pool)
        }
    }

    @Test func `the schema is migrated by twenty at once`() async throws {
        try await ThrowAwayDatabase.with(connectionCountMax: 20) { database in
            let reports = try await withThrowingTaskGroup(of: Migrator.Report.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await LedgerStore.migrator(logger: TestLedger.quiet)
                            .migrate(database.pool)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(reports.count { $0.from == 0 } == 1)
            #expect(reports.count { $0.appliedFiles } == 1)
        }
    }

    /// From each released schema on: what was stored is there afterwards, and the new tables with
    /// it.
    @Test(arguments: 1..<LedgerSchema.migrations.count)
    func `the schema is brought forward from an older release with its rows`(version: Int)
        async throws
    {
        let older = LedgerSchema.migrations.prefix(version).enumerated().map { index, file in
            Migration(version: index + 1, name: file.name, sql: file.bytes)
        }
        try await ThrowAwayDatabase.with { database in
            try await Migrator(migrations: older, functions: [], logger: TestLedger.quiet)
                .migrate(database.pool)
            try await database.pool.withConnection { connection in
                try connection.executeScript(
                    """
                    insert into ls.base_model (name, hidden_size) values ('tiny', 4);
                    insert into ls.domain (name) values ('code');
                    insert into ls.ranker (name, base_model_id, domain_id, kind, configuration, \
                    training)
                        values ('old', 1, 1, 'listwise', '{}', '{"seed": 7}');
                    insert into ls.task (kind, ranker_id, configuration, request_key, requested_by)
                        values ('train', 1, '{"seed": 7}', 'key', 'ada');
                    insert into ls.worker (name, public_key_sha256) values ('w', sha256(''));
                    insert into ls.feature_set (base_model_id, domain_id, split, digest, byte_count,
                            label_kind, query_count, response_count, imported_by, ready_at)
                        select 1, 1, s, sha256(s::bytea), 1, 'binary', 1, 1, 'ada', now()
                        from unnest(array['train', 'test']) s;
                    -- Somebody replicates it all: then rows without a key cannot be changed.
                    set client_min_messages = error;
                    create publication everything for all tables;
                    """)
            }
            let report = try await LedgerStore.migrator(logger: TestLedger.quiet)
                .migrate(database.pool)
            #expect(report.from == version && report.to == LedgerSchema.migrations.count)
            let store = LedgerStore(pool: database.pool)
            let open = try await store.taskProgress()
            #expect(open.map(\.ranker) == ["old"] && open.first?.state == .waiting)
            try await database.pool.execute(
                "select ls.request_sweep('old', '[{\"epochs\": 1}, {\"epochs\": 2}]')")
            #expect(try await store.taskProgress().count == 3)
        }
    }

    /// Roles belong to the cluster: databases migrated at the same time create the same ones.
    @Test func `the schema is migrated in several databases at once`() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    try await ThrowAwayDatabase.with { database in
                        _ = try await LedgerStore.migrator(logger: TestLedger.quiet)
                            .migrate(database.pool)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `the schema applies its functions over an older release's`() async throws {
        try await TestLedger.with { ledger in
            let pool = ledger.database.pool
            try await pool.withConnection { connection in
                // An older release: another argument list, another view, a function since removed.
                try connection.executeScript(
                    """
                    drop view ls.ranker_status;
                    create view ls.ranker_status as select 1 as gone;
                    create function ls.promote(p_version bigint) returns text language sql
                        as 'select ''old''';
                    create function ls.forgotten() returns int language sql as 'select 1';
                    update ls.schema_files set checksum = 'older';
                    delete from ls.schema_object;
                    """)
            }
            let report = try await LedgerStore.migrator(logger: TestLedger.quiet).migrate(pool)
            #expect(report.appliedFiles)
            #expect(try await ledger.store.rankers(named: ["old"]) == [])
            #expect(try await ledger.count("pg_proc where proname = 'forgotten'") == 0)
            #expect(try await ledger.count("pg_proc where proname = 'promote'") == 1)
        }
    }

    @Test func `the schema knows the same task states as Swift`() async throws {
        try await TestLedger.with { ledger in
            let rows = try await ledger.database.pool.execute(
                """
                select from_state as state from ls.task_transition
                union select to_state from ls.task_transition
                """)
            let states = try rows.map { try $0.decode(TaskState.self, "state") }
            #expect(Set(states) == Set(TaskState.allCases))
        }
    }

    @Test func `the schema allows the steps between task states that Ledger.md lists`() async throws
    {
        let page = try String(
            contentsOf: TestLedger.sqlFolder.appending(
                path: "../Sources/Ledger/Ledger.docc/Ledger.md"),
            encoding: .utf8)
        let states = Set(TaskState.allCases.map(\.rawValue))
        let listed = page.split(separator: "\n").compactMap { line -> String? in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3, states.contains(cells[0]), states.contains(cells[1]) else {
                return nil
            }
            return "\(cells[0]) -> \(cells[1])"
        }
        try await TestLedger.with { ledger in
            let rows = try await ledger.database.pool.execute(
                "select from_state || ' -> ' || to_state as step from ls.task_transition")
            let steps = try rows.map { try $0.decode(String.self, "step") }
            #expect(listed.sorted() == steps.sorted())
        }
    }

    @Test func `the schema raises only SQLSTATEs that Swift knows`() throws {
        let pattern = /'(LS\d\d\d)'/
        for file in LedgerSchema.functionsAndViews {
            let text = String(decoding: file.bytes, as: UTF8.self)
            for match in text.matches(of: pattern) {
                #expect(ErrorCode(sqlState: String(match.1)) != nil, "\(match.1) in \(file.name)")
            }
        }
    }
}
