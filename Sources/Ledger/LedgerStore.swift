// The ledger's one door: each SQL function of schema `ls` is one method here (LedgerStore+….swift),
// rows in, values out, and every error a LanguageSystemError. Nothing is decided here: an admin in
// psql who calls the same function gets the same answer and the same guarantees.
public import LanguageSystem
public import PostgresAccess

/// The functions of schema `ls` as Swift methods; the only way in which our programs change the
/// database.
public struct LedgerStore: Sendable {
    let pool: ConnectionPool
    let schema: SchemaGuard?

    /// - Parameter schema: Notices when another release migrates the database; for programs that
    ///   run for long.
    public init(pool: ConnectionPool, schema: SchemaGuard? = nil) {
        self.pool = pool
        self.schema = schema
    }

    /// Why the database is not queried any more: another release migrated it. Nil in normal
    /// operation.
    public var refusal: LanguageSystemError? { schema?.refusal }

    /// Whether `error` is just `refusal`, which the log has already, so that callers need not log
    /// it again.
    public func isLogged(_ error: any Error) -> Bool {
        guard let refusal else { return false }
        return error as? LanguageSystemError == refusal
    }

    /// Runs one statement as its own transaction.
    ///
    /// A statement that failed by a deadlock or a serialization conflict is run again, since its
    /// transaction was rolled back. A statement whose user was forgotten meanwhile is run again to
    /// get the proper refusal. After a lost connection it is not run again: whether it was
    /// committed is unknown, and only the caller knows that repeating is safe.
    func call<T: Sendable>(
        _ sql: String, _ parameters: (any PostgresEncodable)?...,
        read: @escaping @Sendable (Rows) throws -> T
    ) async throws(LanguageSystemError) -> T {
        try await call(sql, parameters, within: nil, for: .service, read: read)
    }

    /// Runs a query for a list that people look at. It may take two seconds, and uses no connection
    /// that other work needs.
    ///
    /// - Throws: `deadlineExceeded` and `busy`, beside the errors of `call`.
    func list<T: Sendable>(
        _ sql: String, _ parameters: (any PostgresEncodable)?...,
        read: @escaping @Sendable (Rows) throws -> T
    ) async throws(LanguageSystemError) -> T {
        try await call(sql, parameters, within: .seconds(2), for: .listing, read: read)
    }

    private func call<T: Sendable>(
        _ sql: String, _ parameters: [(any PostgresEncodable)?], within deadline: Duration?,
        for purpose: PoolPurpose, read: @escaping @Sendable (Rows) throws -> T
    ) async throws(LanguageSystemError) -> T {
        if let refusal { throw refusal }
        var failureCount = 0
        while true {
            do {
                return try await pool.withConnection(deadline: deadline, for: purpose) {
                    connection in
                    try read(connection.execute(sql, parameters: parameters))
                }
            } catch let error as PostgresError
                where error.isSerializationFailure || error.isLostRow
            {
                failureCount += 1
                if failureCount == 4 { throw error.coordinatorError }
            } catch {
                let error = LanguageSystemError(database: error)
                // Another release's functions: whether it is that is known at once, and to all.
                if error.code == .schemaMismatch, schema != nil {
                    try await ping(within: .seconds(5))
                }
                throw error
            }
        }
    }
}
