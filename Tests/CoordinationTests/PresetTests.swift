// What a ranker gets when nobody says otherwise exists twice: for Swift, and for an admin in SQL.
// They are one.
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Rankers
import Testing

@Suite struct `Presets in SQL` {
    @Test(arguments: RankerKind.allCases)
    func `presets in SQL are those in Swift`(kind: RankerKind) async throws {
        let ranker = RankerConfiguration.preset(kind: kind, hiddenSize: 384).json
        let training = TrainingConfiguration.preset(kind: kind).json
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            try await database.pool.execute("select ls.register_base_model('wide', 384)")
            // As text: it is the text that makes two trainings the same.
            let found = try await database.pool.execute(
                """
                select ls.default_ranker_configuration('wide', $1)::text = $2::jsonb::text
                    and ls.default_training_configuration($1)::text = $3::jsonb::text as same
                """, kind, ranker, training)
            #expect(try found.one().decode(Bool.self, "same"))
        }
    }

    @Test(arguments: RankerKind.allCases)
    func `presets in SQL register the ranker that lscoord registers`(kind: RankerKind) async throws
    {
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            try await database.pool.execute("select ls.register_base_model('wide', 384)")
            let bySQL = try await database.pool.execute(
                "select ranker_id from ls.register_ranker('wide', $1)", kind
            ).one().decode(RankerID.self)
            let byProgram = try await LedgerStore(pool: database.pool).registerRanker(
                baseModel: "wide", kind: kind,
                configuration: RankerConfiguration.preset(kind: kind, hiddenSize: 384).json,
                training: TrainingConfiguration.preset(kind: kind).json)
            #expect(byProgram.id == bySQL)
        }
    }
}
