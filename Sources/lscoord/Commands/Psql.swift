// psql with the right connection: admins ask and act in SQL.
import ArgumentParser
import Foundation
import LanguageSystem
import PostgresAccess

struct Psql: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Open psql on the coordinator's database; psql gets all arguments.",
        discussion: """
            Examples:
              lscoord psql
              lscoord psql -c 'select * from ls.ranker_status'
              lscoord psql -c "select ls.request_training('math/algebra.listwise')"
              lscoord psql -f roles.sql

            A script ends at its first statement that fails, with status 3 (ON_ERROR_STOP). With
            -v ON_ERROR_STOP=0 it continues.

            The database is that of LSCOORD_DATA_DIR or LSCOORD_DATABASE, or of the settings file \
            LSCOORD_CONFIG.
            """)

    @Argument(parsing: .captureForPassthrough, help: "Arguments for psql.")
    var arguments: [String] = []

    func run() async throws {
        if arguments == ["--help"] || arguments == ["-h"] { throw CleanExit.helpRequest(self) }
        let settings = try await Settings.resolve(CommonOptions.parse([]))
        let connection = try ConnectionInfo(Database.connectionInfo(settings))
        // ps shows arguments to everybody, the environment to nobody else.
        if let password = connection["password"] { setenv("PGPASSWORD", password, 1) }
        guard connection["sslpassword"] == nil else {
            throw LanguageSystemError.psqlWithKeyPassword
        }
        setenv("PGAPPNAME", "lscoord psql", 1)
        // Else a script whose statements failed ends with 0. Before theirs: of two the later
        // counts, and so does what ~/.psqlrc says. At the prompt it changes nothing.
        let values = ["psql", "-v", "ON_ERROR_STOP=1", "-d", connection.withoutSecrets] + arguments
        var pointers: [UnsafeMutablePointer<CChar>?] = values.map { strdup($0) }
        pointers.append(nil)
        execvp("psql", pointers)
        throw LanguageSystemError(
            .unavailable, "cannot start psql: \(String(cString: strerror(errno)))",
            hint: "apt-get install postgresql-client")
    }
}

extension LanguageSystemError {
    /// libpq takes it from the connection string alone, and that would be an argument of psql's.
    static let psqlWithKeyPassword = LanguageSystemError(
        .invalidSettings,
        """
        cannot start psql: the database's URL has an sslpassword, which would stand in its arguments
        """,
        hint: "put the connection into ~/.pg_service.conf and run psql service=NAME")
}
