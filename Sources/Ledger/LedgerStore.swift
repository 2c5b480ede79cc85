// The ledger's one door: each SQL function of schema `ls` is one method here (LedgerStore+….swift),
// rows in, values out, and every error a CoordinatorError. Nothing is decided here: an admin in
// psql who calls the same function gets the same answer and the same guarantees.
public import LanguageSystem
public import PostgresAccess

/// What the database remembers, and the only way to change it.
public struct LedgerStore: Sendable {
    let pool: ConnectionPool
    let schema: SchemaGuard?

    /// - Parameter schema: For a program that runs for long: notices that another release migrated
    ///   the database.
    public init(pool: ConnectionPool, schema: SchemaGuard? = nil) {
        self.pool = pool
        self.schema = schema
    }

    /// Why nothing is asked of the database: it was migrated by another release.
    public var refusal: CoordinatorError? { schema?.refusal }

    /// Whether `error` is that refusal and nothing else: the log has it already, once, and who asks
    /// again and again does not repeat it.
    public func isLogged(_ error: any Error) -> Bool {
        guard let refusal else { return false }
        return error as? CoordinatorError == refusal
    }

    /// One statement, which is its own transaction.
    ///
    /// Two transactions that got in each other's way are rolled back whole, so the statement is
    /// simply run again; so is one whose user was forgotten meanwhile, to be refused properly. A
    /// lost connection is not: whether the statement happened is unknown, and only the caller knows
    /// that asking again is safe (every method says so where it is).
    func call<T: Sendable>(
        _ sql: String, _ parameters: (any PostgresEncodable)?...,
        read: @escaping @Sendable (Rows) throws -> T
    ) async throws(CoordinatorError) -> T {
        try await call(sql, parameters, within: nil, for: .service, read: read)
    }

    /// A list for somebody to look at: it has two seconds, and takes no connection that work waits
    /// for.
    ///
    /// - Throws: `deadlineExceeded`, `busy` beside what `call` throws.
    func list<T: Sendable>(
        _ sql: String, _ parameters: (any PostgresEncodable)?...,
        read: @escaping @Sendable (Rows) throws -> T
    ) async throws(CoordinatorError) -> T {
        try await call(sql, parameters, within: .seconds(2), for: .listing, read: read)
    }

    private func call<T: Sendable>(
        _ sql: String, _ parameters: [(any PostgresEncodable)?], within deadline: Duration?,
        for purpose: PoolPurpose, read: @escaping @Sendable (Rows) throws -> T
    ) async throws(CoordinatorError) -> T {
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
                let error = CoordinatorError(database: error)
                // Another release's functions: whether it is that is known at once, and to all.
                if error.code == .schemaMismatch, schema != nil {
                    try await ping(within: .seconds(5))
                }
                throw error
            }
        }
    }
}
