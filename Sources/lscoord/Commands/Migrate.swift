import ArgumentParser
import LanguageSystem
import Ledger
import PostgresAccess
import ProgramLog

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database's schema to the version this program knows.",
        discussion: """
            Forward only, safe to repeat and to run from several places at once. The embedded cluster
            is migrated by serve itself; your own database, only by this command.

            Example:
              lscoord migrate --database postgres://admin@db.internal/language_system
            """)

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let logger = ProgramLog.bootstrap(
            label: "lscoord", format: settings.logFormat, level: settings.logLevel)
        try await Database.withPool(settings) { pool in
            let report = try await LedgerStore.migrator(logger: logger).migrate(pool)
            let schema = report.from == report.to ? "was" : "is now, from version \(report.from),"
            print(
                "the schema \(schema) at version \(report.to)"
                    + (report.appliedFiles ? "; functions and views applied" : ""))
        }
    }
}
