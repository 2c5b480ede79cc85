import ArgumentParser
import LanguageSystem
import Ledger
import PostgresAccess
import ProgramSupport

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Migrate the database's schema to this program's version.",
        discussion: """
            Migrations only go forward. The command may be repeated, and run from several places \
            at once. lscoord serve migrates the embedded cluster itself; your own database is \
            migrated only by this command. Each run also grants rights: run it again after you \
            create one of the roles ls_reader, ls_operator, ls_admin or ls_service. Objects that \
            others built on the schema's functions and views are kept. If that is impossible, the \
            command names them and changes nothing.

            Example:
              lscoord migrate --database postgres://admin@db.internal/language_system
            """)

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let logger = ProgramLog.bootstrap(
            label: "lscoord", format: settings.logFormat, level: settings.logLevel)
        let migrator = LedgerStore.migrator(logger: logger)
        try await Database.withPool(settings, patience: migrator.deadline, logger: logger) { pool in
            let report = try await migrator.migrate(pool)
            let schema = report.from == report.to ? "was" : "is now, from version \(report.from),"
            print(
                "the schema \(schema) at version \(report.to)"
                    + (report.appliedFiles ? "; functions and views applied" : ""))
            let missing = try await LedgerStore.missingRoles(pool)
            if !missing.isEmpty {
                print(
                    """
                    no rights were granted to \(missing.joined(separator: ", ")): no such role; \
                    create them, then migrate again
                    """
                )
            }
        }
    }
}
