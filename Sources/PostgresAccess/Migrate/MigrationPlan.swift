// What must be done to bring a database to the schema that this program knows, or why it cannot.
// Pure: what is applied and what is known go in, a plan or an error comes out.
import LanguageSystem

struct MigrationPlan: Equatable {
    /// A row of schema_migration.
    struct Applied: Equatable {
        let version: Int
        let name: String
        let checksum: String
    }

    let pending: [Migration]
    let appliesFiles: Bool

    var isEmpty: Bool { pending.isEmpty && !appliesFiles }

    /// - Parameters:
    ///   - applied: The applied migrations, in ascending order of versions.
    ///   - appliedFilesChecksum: The checksum of the function files when they were last applied.
    init(
        known: [Migration], filesChecksum: String, applied: [Applied],
        appliedFilesChecksum: String?
    ) throws(LanguageSystemError) {
        if let newest = applied.last, newest.version > known.count {
            throw .schemaIsNewer(found: newest.version, known: known.count)
        }
        for (index, (row, migration)) in zip(applied, known).enumerated() {
            guard row.version == index + 1 else {
                throw .migrationIsMissing(index + 1, found: row.version)
            }
            guard row.checksum == migration.checksum else {
                throw .migrationDiffers(migration, appliedName: row.name)
            }
        }
        pending = Array(known.dropFirst(applied.count))
        appliesFiles = !pending.isEmpty || appliedFilesChecksum != filesChecksum
    }
}

extension LanguageSystemError {
    static func schemaIsNewer(found: Int, known: Int) -> Self {
        Self(
            .schemaMismatch,
            "the database schema is version \(found), this program knows 1 to \(known)",
            hint: "run the newer program, or restore the database as it was before")
    }

    static func schemaIsOlder(found: Int, known: Int) -> Self {
        Self(
            .schemaMismatch,
            found == 0
                ? "the database has no schema yet, this program needs version \(known)"
                : "the database schema is version \(found), this program needs \(known)",
            hint: "migrate it first: lscoord migrate")
    }

    static func schemaFilesDiffer() -> Self {
        Self(
            .schemaMismatch,
            "the database's functions and views are those of another release than this program",
            hint: "migrate it first: lscoord migrate")
    }

    static func migrationIsMissing(_ version: Int, found: Int) -> Self {
        Self(
            .schemaMismatch,
            "the database's list of migrations has a gap: version \(found) where \(version) "
                + "was expected")
    }

    static func migrationDiffers(_ migration: Migration, appliedName: String) -> Self {
        Self(
            .schemaMismatch,
            "migration \(migration.version) (\(appliedName)) was applied with another text than "
                + "this program has (\(migration.name))",
            hint: "a released migration is never changed: run the program that applied it")
    }

    /// The error for a migration that waited for a lock until its deadline. It names the last
    /// session that blocked it.
    static func migrationWaited(
        _ duration: Duration, _ holders: [String], _ error: PostgresError? = nil
    ) -> Self {
        Self(
            .busy,
            """
            cannot migrate within \(duration.inSeconds): \(Migrator.reason(holders)); nothing was \
            changed
            """,
            hint:
                "migrate when it has ended, or end it: select pg_terminate_backend(pid)",
            cause: error?.description)
    }

    static func schemaIsOthers(_ objects: [String], _ schema: String) -> Self {
        Self(
            .schemaMismatch,
            """
            cannot make schema \(schema) in this database: there is one already, with \
            \(listed(objects))
            """,
            hint:
                "use another database, or move these elsewhere first: alter … set schema, or drop")
    }

    static func wouldReplaceOthers(_ objects: [String], _ schema: String) -> Self {
        Self(
            .schemaMismatch,
            """
            cannot bring schema \(schema) to this release: it has something of its own by the name \
            of what others made there: \(listed(objects))
            """,
            hint: "nothing was changed: give these another name or schema, and migrate again")
    }

    /// Lists at most twenty names, and the number of the others.
    static func listed(_ words: [String], separator: String = ", ") -> String {
        words.sorted().prefix(20).joined(separator: separator)
            + (words.count > 20 ? "\(separator)and \(words.count - 20) more" : "")
    }

    static func encodingIsNotUTF8(_ encoding: String) -> Self {
        Self(
            .invalidSettings,
            "cannot use this database: its encoding is \(encoding), names need UTF8",
            hint: "create database language_system encoding 'UTF8' template template0")
    }

    /// Who may not change the schema is told so; anything else is a fault of ours.
    static func migrationFailed(_ what: String, _ error: PostgresError) -> Self {
        Self(
            error.sqlState == "42501" ? .identityRefused : .internal,
            "\(what) failed and nothing of it was kept: \(error.message)",
            hint: error.hint, cause: error.description)
    }
}
