public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// D, numbers in one hidden state of a base model.
    ///
    /// - Throws: `unknownBaseModel`.
    public func hiddenSize(of baseModel: String) async throws(CoordinatorError) -> Int {
        let found: Int? = try await call(
            "select hidden_size from ls.base_model_status where name = $1", baseModel
        ) { try $0.oneOrNone()?.decode() }
        guard let found else {
            throw CoordinatorError(
                .unknownBaseModel,
                "cannot find base model '\(baseModel.prefix(200))': it is not registered",
                hint: "lscoord register base-model NAME --hidden-size D")
        }
        return found
    }
}
