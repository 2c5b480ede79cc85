// Whether the database still has the schema that this program was built for. Another release may
// migrate it while this one runs; from then on its functions may mean something else, so a
// coordinator of before asks for nothing more until it is replaced.
public import LanguageSystem
public import Logging
import PostgresAccess
import Synchronization

/// Notices when another release migrates the database, and then refuses all queries.
public final class SchemaGuard: Sendable {
    private let migrator: Migrator
    private let logger: Logger
    private let state = Mutex<LanguageSystemError?>(nil)

    public init(logger: Logger) {
        migrator = LedgerStore.migrator(logger: logger)
        self.logger = logger
    }

    /// Why the database is not queried; nil while it has this program's schema.
    public var refusal: LanguageSystemError? { state.withLock { $0 } }

    /// Checks the schema again. A database whose schema was restored is used again.
    func look(_ connection: Connection) throws {
        do {
            try migrator.check(connection)
            settle(nil)
        } catch let error as LanguageSystemError where error.code == .schemaMismatch {
            settle(.schemaWasMigrated(error.message))
        }
    }

    private func settle(_ refusal: LanguageSystemError?) {
        let before = state.withLock { state in
            defer { state = refusal }
            return state
        }
        guard before != refusal else { return }
        if let refusal {
            logger.error("\(refusal.message)")
        } else {
            logger.notice("the database has this program's schema again")
        }
    }
}

extension LanguageSystemError {
    /// The code is `unavailable`, not `schemaMismatch`, so that workers and clients go to another
    /// coordinator.
    static func schemaWasMigrated(_ found: String) -> Self {
        Self(
            .unavailable,
            """
            cannot use the database any longer: it was migrated while this coordinator ran: \(found)
            """,
            hint: "start the release that the database was migrated for in its place")
    }
}
