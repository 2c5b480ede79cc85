// How a database gets the schema that this program knows: what sql/ holds, applied by the migrator.
import LanguageSystem
import LedgerSchema
public import Logging
public import PostgresAccess

extension LedgerStore {
    /// Brings a database to this program's schema, or checks that it has it.
    public static func migrator(logger: Logger) -> Migrator {
        Migrator(
            migrations: LedgerSchema.migrations.enumerated().map { index, file in
                Migration(version: index + 1, name: file.name, sql: file.bytes)
            },
            functions: LedgerSchema.functionsAndViews.map { SQLFile(name: $0.name, sql: $0.bytes) },
            logger: logger)
    }
}
