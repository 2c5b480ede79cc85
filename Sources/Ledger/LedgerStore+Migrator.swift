// How a database gets the schema that this program knows: what sql/ holds, applied by the migrator.
public import LanguageSystem
import LedgerSchema
public import Logging
public import PostgresAccess

extension LedgerStore {
    /// The migrator that brings a database to this program's schema, or checks that it has it.
    public static func migrator(logger: Logger) -> Migrator {
        Migrator(
            migrations: LedgerSchema.migrations.enumerated().map { index, file in
                Migration(version: index + 1, name: file.name, sql: file.bytes)
            },
            functions: LedgerSchema.functionsAndViews.map { SQLFile(name: $0.name, sql: $0.bytes) },
            privileges: [
                SQLFile(
                    name: LedgerSchema.privileges.name, sql: LedgerSchema.privileges.bytes)
            ],
            logger: logger)
    }

    /// The roles of the four that `grant_privileges` grants to that do not exist in the cluster,
    /// because the migrating role was not allowed to create them.
    public static func missingRoles(_ pool: ConnectionPool) async throws(LanguageSystemError)
        -> [String]
    {
        do {
            return try await pool.execute(
                """
                select r.name from unnest(array['ls_reader', 'ls_operator', 'ls_admin',
                    'ls_service']) with ordinality r (name, place)
                where not exists (select from pg_roles p where p.rolname = r.name) order by place
                """
            ).map { try $0.decode(String.self, "name") }
        } catch {
            throw LanguageSystemError(database: error)
        }
    }
}
