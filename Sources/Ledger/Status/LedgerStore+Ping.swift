public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// Checks that the database answers within the deadline.
    ///
    /// - Throws: `unavailable`, `deadlineExceeded`, `busy`.
    public func ping(within deadline: Duration) async throws(LanguageSystemError) {
        do {
            try await pool.withConnection(deadline: deadline) { [schema] connection in
                if let schema {
                    try schema.look(connection)
                } else {
                    _ = try connection.execute("select 1")
                }
            }
        } catch {
            throw LanguageSystemError(database: error)
        }
        if let refusal { throw refusal }
    }
}
