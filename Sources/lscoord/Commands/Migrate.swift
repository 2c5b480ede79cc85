import ArgumentParser
import LanguageSystem
import Ledger
import PostgresAccess
import ProgramSupport

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database's schema to the version this program knows.",
        discussion: """
            Forward only, safe to repeat and to run from several places at once. The embedded \
            cluster
            is migrated by serve itself; your own database, only by this command. Rights are \
            granted at
            each run: after creating one of the roles ls_reader, ls_operator, ls_admin or \
            ls_service, run
            it again. What others built on the schema's functions and views stays; where that \
            cannot be,
            it is named and nothing is changed.

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
