public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// D, numbers in one hidden state of a base model.
    ///
    /// Asked of the function that knows the presets, which refuses an unknown name in its own
    /// words.
    ///
    /// - Throws: `unknownBaseModel`.
    public func hiddenSize(of baseModel: String) async throws(CoordinatorError) -> Int {
        try await call(
            """
            select (ls.default_ranker_configuration($1, 'listwise') ->> 'hidden_size')::integer
            """, baseModel
        ) { try $0.one().decode() }
    }
}
