public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// D, the number of values in one hidden state of a base model.
    ///
    /// It comes from the SQL function that knows the presets and refuses an unknown name.
    ///
    /// - Throws: `unknownBaseModel`.
    public func hiddenSize(of baseModel: String) async throws(LanguageSystemError) -> Int {
        try await call(
            """
            select (ls.default_ranker_configuration($1, 'listwise') ->> 'hidden_size')::integer
            """, baseModel
        ) { try $0.one().decode() }
    }
}
