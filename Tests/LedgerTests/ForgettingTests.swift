// A user who is forgotten leaves nothing: no text of the whole database names them, and what is
// recorded at this very moment goes, too.
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite struct `Forgetting a user` {
    /// Each begins with letters that nothing else in a dump has.
    @Test(arguments: ["zquill", #"zq "a\b', $1 %"#, "zqüñ-李.x", "zq/(.*)|x~"])
    func `forgetting a user leaves the name nowhere in a dump of the whole database`(user: String)
        async throws
    {
        try await TestLedger.with { ledger in
            let pool = ledger.database.pool
            try await ledger.fill(with: user)
            let texts = try await pool.execute("select * from ls.free_texts()").map {
                (try $0.decode(String.self, "relation"), try $0.decode(String.self, "column_name"))
            }
            try #require(texts.count > 30)
            for (relation, column) in texts {
                let count: Int = try await pool.execute(
                    """
                    select count(*) from ls.\(relation) where position('zq' in \(column)::text) > 0
                    """
                ).one().decode()
                #expect(count > 0, "the test writes the name into \(relation).\(column)")
            }
            let before = try await dump(ledger.database.connectionInfo)
            #expect(before.count { $0.contains("zq") } > 20)

            let deleted = try await ledger.store.forgetUser(
                user, because: "asked by \(user)", by: user)
            #expect(deleted.last?.what == "mentions" && deleted.last?.count ?? 0 > 20)
            // As text, and as the bytes of a text.
            let after = try await dump(ledger.database.connectionInfo)
            let named = after.filter { $0.contains("zq") || $0.contains(#"\x7a71"#) }
            #expect(named == [])
            // Nobody else lost anything.
            #expect(try await ledger.count("ls.ranker where user_name = 'ben'") == 1)
            #expect(
                try await ledger.count("ls.api_key where users = '{ben}' and revoked_at is null")
                    == 1)
        }
    }

    @Test func `forgetting a user waits for a decision that is being recorded, and deletes it`()
        async throws
    {
        try await TestLedger.with { ledger in
            let version = try await ledger.servedVersion()
            let forgotten = try await ledger.answer(
                whileUncommitted: { try $0.record(version, of: "ada") }
            ) { try await $0.forgetAda("decisions") }
            #expect(forgotten == 1)
            #expect(try await ledger.count("ls.decision") == 0)
        }
    }

    @Test func `a forgetting that is not committed keeps a decision waiting, and it is not kept`()
        async throws
    {
        try await TestLedger.with { ledger in
            let version = try await ledger.servedVersion()
            let decisions = ["ada", "ben"].map { Decision.test(version, of: $0) }
            let kept = try await ledger.answer(whileUncommitted: { try $0.forgetAda() }) {
                try await $0.store.recordDecisions(decisions)
            }
            #expect(kept == 1)
            #expect(try await ledger.count("ls.decision where user_name = 'ben'") == 1)
        }
    }

    @Test func `forgetting a user keeps weights that somebody else adds at this very moment`()
        async throws
    {
        try await TestLedger.with { ledger in
            try await ledger.weightsOfAdaAndAnother()
            let forgotten = try await ledger.answer(
                whileUncommitted: {
                    try $0.execute("select fixture.version('code.listwise', 'same')")
                }
            ) { try await $0.forgetAda("weights") }
            #expect(forgotten == 0)
            #expect(try await ledger.count("ls.ranker_weights where bytes is not null") == 1)
            #expect(try await ledger.brokenRules() == [])
        }
    }

    @Test func `a forgetting that is not committed keeps weights waiting, and then they are new`()
        async throws
    {
        try await TestLedger.with { ledger in
            try await ledger.weightsOfAdaAndAnother()
            let refusal = try await ledger.answer(whileUncommitted: { try $0.forgetAda() }) {
                await $0.refusal(of: "select fixture.version('code.listwise', 'same')")
            }
            #expect(refusal == nil)
            #expect(try await ledger.count("ls.ranker_weights where bytes is not null") == 1)
            #expect(try await ledger.brokenRules() == [])
        }
    }

    /// Whoever names what is ada's at that moment is not told of a foreign key. Nil: it is made
    /// anew.
    @Test(
        arguments: [
            ("select ls.add_version('hers', sha256('x'), 'x')", "LS012"),
            (
                """
                select ls.add_version('code.listwise', sha256('x'), 'x', p_parent_version_id => 1)
                """,
                "LS013"
            ),
            ("select ls.request_training('hers', array[1])", "LS012"),
            (
                "select ls.request_training('code.listwise', array[1], p_initial_version_id => 1)",
                "LS013"
            ),
            ("select ls.request_training('code.listwise', array[2])", "LS014"),
            ("select ls.request_evaluation(1, array[1])", "LS013"),
            ("select ls.request_sweep('hers', '[{\"epochs\": 2}]')", "LS012"),
            ("select ls.set_alias(1, 'challenger', 'x')", "LS013"),
            ("select ls.consider_promotion(1)", "LS013"),
            ("select ls.add_note('hers', 'x')", "LS012"),
            ("select ls.set_tag('hers@1', 'a', 'b')", "LS012"),
            ("select fixture.ranker('code', p_user => 'ada', p_name => 'hers')", nil),
            ("select fixture.feature_set('code', 'train', 'hers', p_user => 'ada')", nil),
        ] as [(String, String?)])
    func `a forgetting that is not committed keeps who names it waiting, then refuses`(
        call: String, code: String?
    ) async throws {
        try await TestLedger.with { ledger in
            try await ledger.featureSet("code", .train)
            try await ledger.database.pool.execute(
                "select fixture.feature_set('code', 'train', 'hers', p_user => 'ada')")
            try await ledger.featureSet("code", .test)
            try await ledger.weightsOfAdaAndAnother()
            let refusal = try await ledger.answer(whileUncommitted: { try $0.forgetAda() }) {
                await $0.refusal(of: call)
            }
            #expect(refusal == code)
            #expect(try await ledger.brokenRules() == [])
        }
    }

    /// pg_dump's lines: every row of every table as a statement. Newer versions put a random key of
    /// 63 letters into `\restrict` and `\unrestrict`, which may hold any letters: left out.
    private func dump(_ connectionInfo: String) async throws -> [Substring] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "pg_dump", "--data-only", "--inserts", "-n", "ls", "-d", connectionInfo,
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        let bytes: Data = try await withCheckedThrowingContinuation { continuation in
            // A thread of its own: reading blocks until pg_dump ends.
            Thread.detachNewThread {
                do {
                    try process.run()
                    let bytes = try pipe.fileHandleForReading.readToEnd() ?? Data()
                    process.waitUntilExit()
                    continuation.resume(returning: bytes)
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
        try #require(process.terminationStatus == 0)
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter {
            !$0.hasPrefix(#"\restrict "#) && !$0.hasPrefix(#"\unrestrict "#)
        }
        try #require(lines.count { $0.hasPrefix("INSERT") } > 20)
        return lines
    }
}

extension TestLedger {
    /// A row in every table, with the user's name in every text that people or programs write.
    fileprivate func fill(with user: String) async throws {
        let quoted = "'\(user.replacingOccurrences(of: "'", with: "''"))'"
        try await database.pool.withConnection { connection in
            try connection.executeScript(
                """
                select fixture.worker(n) from unnest(array['w', 'v']) n;
                insert into ls.certificate_authority (certificate_pem, public_key_sha256) values \
                ('pem', sha256('key'));
                select fixture.feature_set('code', s) from unnest(array['train', 'test']) s;
                select fixture.feature_set('code', 'train', 'q', p_user => \(quoted));
                select fixture.ranker('code'), fixture.ranker('code', p_user => 'ben', p_name => \
                'bens'), fixture.ranker('code', p_user => \(quoted), p_name => 'hers');
                select ls.request_training(n) from unnest(array['code.listwise', 'hers']) n;
                select fixture.train(1, 'w1');
                select fixture.train(1, 'w2');
                select fixture.evaluate(1, 0.5);
                select ls.request_sweep('code.listwise', '[{"epochs": 2}]');
                select ls.fail_attempt(1, token, 'x', 'y', true) from ls.lease_tasks(1, '{train}', \
                1, 60);
                select ls.request_training('bens', p_seed => 5);
                select ls.cancel_task(ls.request_training('bens', p_seed => 6), 'x');
                update ls.task set ended_at = ended_at - interval '2 hours' where state = \
                'cancelled';
                select ls.housekeep();
                select ls.cancel_task(ls.request_training('bens', p_seed => 7), 'x');
                select ls.add_note('code.listwise@1', 'x', 'y'), ls.set_tag('code.listwise', 'a', \
                'b');
                select ls.create_api_key('hers', array[\(quoted)]), ls.create_api_key('shared', \
                array['ben', \(quoted)]), ls.create_api_key('x');
                select ls.revoke_api_key('x', 'y');
                select ls.set_promotion_policy('bens', 'manual', p_by => 'x');
                select ls.set_canary('tiny', decode(to_hex(octet_length(h)), 'hex')
                    || decode(repeat('00', 7), 'hex') || convert_to(h, 'UTF8')
                    || decode(repeat('003c', 4), 'hex'), 'x')
                from (values ('{"__metadata__":{"format":"canary/1","hidden_size":"4"},"rows":\
                {"dtype":"F16","shape":[4],"data_offsets":[0,8]}}')) c (h);
                select ls.create_join_token('home', '1 hour', 'me', jsonb_build_object('user', \
                \(quoted)));
                select ls.create_join_token('else', '1 hour', 'me', jsonb_build_object('user', \
                \(quoted) || ',ben', 'note', 'x'));
                select ls.add_route_rule('one', 'pin', 'code.listwise@1', 1, \(quoted)), \
                ls.add_route_rule('two', 'pin', 'code.listwise@1'), ls.add_route_rule('three', \
                'pin', 'hers@1');
                insert into ls.home_weights (digest, worker_id, byte_count, lost_at, lost_because) \
                select digest, 2, 9, now(), 'x' from ls.ranker_version where version_id = 1;
                insert into ls.evaluation_check (version_id, feature_set_id, configuration, \
                worker_id, reason, holds, report, decided_at, verdict, because, found)
                select version_id, feature_set_id, configuration, worker_id, 'sample', false, \
                report, now(), 'confirmed', 'x', '{}' from ls.evaluation limit 1;
                insert into ls.refusal (task_id, worker_id, reason) select task_id, 2, 'x' from \
                ls.attempt where state = 'failed' limit 1;
                insert into ls.promotion_decision (version_id, promoted, reason) values (1, false, \
                'x');
                insert into ls.task_trial (task_id, worker_id, unknown_to_version) select task_id, \
                2, 'x' from ls.attempt where state = 'failed' limit 1;
                insert into ls.event_day (actor, action, day, count, first_at, last_at) values \
                ('x', 'y', '2020-01-01', 1, now(), now());
                select ls.worker_connected(1, 'c', 'x', 1, '{train}');
                update ls.worker set quarantined_at = now(), quarantined_because = 'x', \
                paused_until = now(), paused_because = 'x', labels = jsonb_build_object('user', \
                \(quoted), 'x', 'y') where name = 'w';
                select ls.revoke_worker('v', 'x');
                select ls.record_decisions(jsonb_build_array(d || jsonb_build_object('user', \
                \(quoted)), d), array['\\x00', '\\x00']::bytea[])
                from jsonb_build_object('request_id', 'r', 'role', 'serve', 'model', 'tiny', \
                'domain', 'x', 'rule', 'x', 'version_id', 1, 'reason', 'global', 'is_fallback', \
                false,
                    'arithmetic', 'float32', 'hidden_size', 4, 'dtype', 'F32', 'scores', \
                '[1]'::jsonb) d;
                -- Into every text, past the guards.
                set session_replication_role = replica;
                do $$
                declare
                    v record;
                begin
                    for v in select f.relation, f.column_name, format_type(a.atttypid, null) as \
                type from ls.free_texts() f
                        join pg_attribute a on a.attrelid = ('ls.' || f.relation)::regclass and \
                a.attname = f.column_name
                    loop
                        execute format(case v.type
                            when 'jsonb' then 'update ls.%1$I set %2$I = case jsonb_typeof(%2$I) \
                when ''array'' then %2$I || jsonb_build_array($1) else %2$I || \
                jsonb_build_object(''of'', $1) end'
                            else 'update ls.%1$I set %2$I = left(%2$I, 100) || '' ('' || $1 || \
                '')''' end, v.relation, v.column_name)
                        using \(quoted);
                    end loop;
                end
                $$;
                set session_replication_role = origin;
                """)
        }
    }

    /// - Returns: How many of these were deleted.
    fileprivate func forgetAda(_ what: String) async throws -> Int? {
        try await store.forgetUser("ada", because: "asked").first { $0.what == what }?.count
    }

    /// A ranker of ada's with a version, and one of nobody's that has none yet.
    fileprivate func weightsOfAdaAndAnother() async throws {
        try await ranker("code")
        try await database.pool.withConnection { connection in
            try connection.executeScript(
                """
                select fixture.ranker('code', p_user => 'ada', p_name => 'hers');
                select fixture.version('hers', 'same');
                """)
        }
    }

    fileprivate func servedVersion() async throws -> RankerVersionID {
        try await featureSet("code", .train)
        try await ranker("code")
        return try await champion(of: "code.listwise")
    }
}

extension Decision {
    fileprivate static func test(_ version: RankerVersionID, of user: String) -> Decision {
        Decision(
            requestID: "r", role: .serve, model: "tiny", user: user, domain: nil,
            versionID: version, reason: .global, rule: nil, isFallback: false, workerID: nil,
            arithmetic: "float32", hiddenSize: 4, dtype: "F32", features: [0], scores: [1])
    }
}

extension Connection {
    fileprivate func forgetAda() throws {
        try execute("select ls.forget_user('ada', 'asked')")
    }

    fileprivate func record(_ version: RankerVersionID, of user: String) throws {
        try execute(
            """
            select ls.record_decisions(jsonb_build_array(jsonb_build_object('request_id', 'r', \
            'role', 'serve',
                'model', 'tiny', 'user', $2::text, 'version_id', $1::bigint, 'reason', 'global', \
            'is_fallback', false,
                'arithmetic', 'float32', 'hidden_size', 4, 'dtype', 'F32', 'scores', \
            '[1]'::jsonb)), array['x']::bytea[])
            """, version, user)
    }
}
