// The page Walkthrough.md, done as it says: its SQL, block by block, in psql, beside a real
// coordinator and two real workers. What the page promises is then asked of the database.
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `The walk-through in SQL` {
    @Test func `the walk-through in SQL leads from an empty database to a transfer matrix`()
        async throws
    {
        let blocks = try Self.blocks()
        try #require(blocks.count > 12)
        try await Installation.with { installation in
            var transcript = ""
            for (index, block) in blocks.enumerated() {
                let ending = try await psql(block, number: index + 1, installation)
                try #require(
                    ending.status == 0, "block \(index + 1):\n\(block)\n\(ending)\n\(transcript)")
                transcript += ending.output
                // Here the page says to start the workers, each with its token.
                let tokens = ending.output.matches(of: /LS1[0-9a-f]{64}::\S+/).map { String($0.0) }
                for (number, token) in tokens.enumerated() {
                    try installation.startWorker("edge-\(number + 1)", token: token)
                }
                if block.contains("ls.create_join_token") && !block.contains("mallory") {
                    #expect(tokens.count == 2)
                    try await bothImportsAreEqual(installation)
                } else {
                    #expect(tokens.isEmpty)
                }
                if block.contains("ON_ERROR_STOP off") {
                    refusals(in: ending)
                } else {
                    #expect(!ending.errors.contains("ERROR:"), "\(ending)")
                }
            }
            try await promises(installation, transcript)
        }
    }

    /// The text between ```sql and ```, in order.
    private static func blocks() throws -> [String] {
        let page = try String(
            contentsOf: Programs.repository.appendingPathComponent(
                "Sources/Ledger/Ledger.docc/Walkthrough.md"), encoding: .utf8)
        return page.components(separatedBy: "```sql\n").dropFirst().map {
            $0.components(separatedBy: "\n```")[0]
        }
    }

    private func psql(_ block: String, number: Int, _ installation: Installation) async throws
        -> Ending
    {
        let file = installation.home.appendingPathComponent("block-\(number).sql")
        try (block + "\n").write(to: file, atomically: true, encoding: .utf8)
        return try await run(
            Programs.path("lscoord"), ["psql", "-X", "-v", "ON_ERROR_STOP=1", "-f", file.path],
            environment: ["LSCOORD_DATA_DIR": installation.dataDirectory],
            in: Programs.repository, within: 240)
    }

    private func promises(_ installation: Installation, _ transcript: String) async throws {
        func expect(
            _ query: String, _ value: String, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            #expect(
                try await installation.sql(query) == value, "\(query)",
                sourceLocation: sourceLocation)
        }
        try await expect(
            """
            select count(distinct ranker) || ' '
                || bool_or(reason ~ 'than the first sample: .* e = ')
            from ls.promotion_status where ranker like 'math/%' and version = 1
            """,
            "7 true")
        try await expect(
            """
            select count(*) || ' ' || count(distinct source_domain) || ' ' || count(distinct \
            target_domain)
            from ls.transfer_matrix
            where accuracy between 0 and 1 and difference is not null and group_count > 0
                and configuration = ls.default_evaluation_configuration()
            """, "49 7 7")
        try await expect(
            """
            select count(*) from ls.math_transfer_matrix where source like 'math/%'
                and num_nulls("PA", "A", "NT", "CP", "G", "IA", "PC") = 0
            """, "7")
        #expect(transcript.contains("first sample") && transcript.contains("oracle"))
        // Rolled back: the first version again, and both moves by hand are on record.
        try await expect(
            "select champion from ls.ranker_status where name = 'math/algebra.listwise'", "1")
        try await expect(
            """
            select is_rollback || ' ' || to_version || ' ' || reason from ls.alias_moves where \
            ranker = 'math/algebra.listwise' limit 1
            """,
            "true 1 the demonstration is over")
        try await expect("select tasks_cancelled from ls.status_summary()", "1")
        // Dead, redriven, dead again, with the worker's words.
        try await expect(
            "select attempts from ls.dead_letter where ranker = 'mistyped'", "2")
        try await expect(
            """
            select count(*) from ls.attempt_history where ranker = 'mistyped' and state = 'failed'
                and error_message like 'cannot read the training configuration: %loss%'
            """, "2")
        #expect(transcript.contains("domain") && !transcript.contains("cannot wait any longer"))
        // The matrix came after its training, and was done with its figures.
        #expect(transcript.contains(/matrix\s*\| blocked\s*\| \{\d+\}/))
        #expect(transcript.contains(/matrix\s*\| done/))
        try await expect("select ranker || version from ls.ranker_note", "math/geometry.listwise2")
        try await expect(
            "select key || value from ls.ranker_tag where version is null", "teamsearch")
        try await expect("select attempt_count_max from ls.task_limits where kind = 'train'", "3")
        // Ada's ranker had a version, and the gate looked at it; it is forgotten.
        #expect(transcript.contains(/~ada\.listwise\s*\|\s*1\s/))
        try await expect("select count(*) from ls.ranker_status where user_name = 'ada'", "0")
        try await expect("select count(*) from ls.broken_rules(true)", "0")
        // Nothing of the large objects stays behind.
        try await expect("select count(*) from pg_largeobject_metadata", "0")
        try await expect(
            "select tasks_blocked + tasks_waiting + tasks_leased from ls.status_summary()", "0")
    }

    /// An operator is told what it may not, and what it misspelt.
    private func refusals(in ending: Ending) {
        let errors = ending.errors.split(separator: "\n").map(String.init)
        let found = errors.filter { $0.contains("ERROR:") }
        #expect(found.count == 4, "\(ending)")
        for (error, words) in zip(
            found,
            [
                "permission denied for function create_join_token",
                "permission denied for table ranker", "permission denied for table task",
                "cannot use ranker 'math/algebra.listwisse': it is not registered",
            ])
        {
            #expect(error.hasSuffix(words), "\(ending)")
        }
        #expect(errors.contains { $0.hasPrefix("HINT:") }, "\(ending)")
    }

    /// A second database, filled by lscoord from the same files: the same digests, bytes and
    /// queries.
    private func bothImportsAreEqual(_ installation: Installation) async throws {
        _ = try await installation.sql("create database twin")
        let socket = installation.dataDirectory + "/cluster/run"
        let host =
            FileManager.default.fileExists(atPath: socket)
            ? socket
            : try await installation.sql(
                "select setting from pg_settings where name = 'unix_socket_directories'")
        let twin = "host='\(host)' port=5432 user=postgres dbname=twin"
        func command(_ arguments: String...) async throws -> String {
            let ending = try await run(
                Programs.path("lscoord"), arguments, environment: ["LSCOORD_DATABASE": twin],
                in: Programs.repository)
            try #require(ending.status == 0, "\(arguments): \(ending)")
            return ending.output
        }
        _ = try await command("migrate")
        _ = try await command(
            "register", "base-model", Installation.baseModel, "--hidden-size", "384")
        let files = try FileManager.default.subpathsOfDirectory(
            atPath: Programs.repository.appendingPathComponent("deploy/examples/math").path)
        for subject in files.compactMap({ $0.firstMatch(of: /(.+)\/train\.safetensors$/)?.1 }) {
            _ = try await command("register", "domain", "math/\(subject)")
        }
        _ = try await command("features", "import", "deploy/examples/math")
        let sets = """
            select s.domain, s.split, s.digest, s.label_kind, s.query_count, s.response_count, \
            s.byte_count,
                (select encode(sha256(string_agg(c.bytes, ''::bytea order by c.chunk_index)), \
            'hex') || count(*)
                    from ls.feature_chunk c where c.feature_set_id = s.feature_set_id),
                (select md5(string_agg(concat_ws('|', q.query_index, q.query_id, q.level, \
            q.first_row,
                        q.candidate_count, q.positive_count), ';' order by q.query_index))
                    from ls.query q where q.feature_set_id = s.feature_set_id)
            from ls.feature_set_status s order by s.domain, s.split
            """
        let bySQL = try await installation.sql(sets)
        #expect(bySQL.split(separator: "\n").count == 14)
        #expect(
            try await command("psql", "-qAt", "-c", sets).trimmingCharacters(in: .newlines) == bySQL
        )
    }
}
