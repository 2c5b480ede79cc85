public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// Whether the database answers.
    ///
    /// - Throws: `unavailable`, `deadlineExceeded`, `busy`.
    public func ping(within deadline: Duration) async throws(CoordinatorError) {
        do {
            try await pool.withConnection(deadline: deadline) { connection in
                _ = try connection.execute("select 1")
            }
        } catch {
            throw CoordinatorError(database: error)
        }
    }
}
