// Applies the files of functions and views over those of another release. What can be replaced in
// place is, so that grants to it and what others built on it stay. What cannot be (another result,
// other columns) or is gone from the release is dropped, never with `cascade`: if anything but our
// own functions and views uses it, nothing happens at all and the error names both.
import LanguageSystem
import Logging

struct SchemaFiles {
    let schema: String
    let files: [SQLFile]
    let logger: Logger

    /// Applies the files inside the migrator's transaction. An attempt that meets an obstacle is
    /// rolled back whole, and the next attempt drops the obstacle first.
    func apply(_ connection: Connection) throws {
        logger.info("applying functions and views")
        // Functions name each other in any order.
        try connection.executeScript("set local check_function_bodies = off")
        let catalogue = SchemaCatalogue(schema: schema, connection: connection)
        let listed = try catalogue.listed()
        // An older release kept no list: all that was in its schema was its own.
        let found = try catalogue.objects()
        let ours = found.filter { listed?.contains($0.words) ?? true }
        let others = Set(found).subtracting(ours)
        let options = try catalogue.options()
        var doomed: Set<SchemaObject> = []
        while true {
            try connection.executeScript("savepoint files")
            let closure = try withDependents(doomed, among: ours, catalogue)
            let grants = try closure.flatMap { try catalogue.grants(on: $0) }
            try drop(closure, catalogue)
            let left = Set(ours).subtracting(closure)
            switch try attempt(among: left, beside: others, catalogue, connection) {
            case .obstacles(let obstacles):
                try connection.executeScript("rollback to savepoint files")
                doomed.formUnion(obstacles)
            case .made(let objects):
                try connection.executeScript("release savepoint files")
                let replaced = others.subtracting(try catalogue.objects())
                guard replaced.isEmpty else {
                    throw LanguageSystemError.wouldReplaceOthers(replaced.map(\.words), schema)
                }
                for grant in grants where try !catalogue.restore(grant, among: objects) {
                    logger.warning("a right is lost with what it was on: \(grant.words)")
                }
                try keep(options, of: objects, catalogue)
                try catalogue.list(objects)
                let words = Set(objects.map(\.words))
                for object in closure.filter({ !words.contains($0.words) }) {
                    logger.notice("dropped \(object.words), which is not in this release")
                }
                return
            }
        }
    }

    /// Restores options of views, which applying a file removes; options that the file sets stay.
    private func keep(
        _ options: [SchemaOption], of objects: [SchemaObject], _ catalogue: SchemaCatalogue
    ) throws {
        let views = Set(objects.filter(\.isView).map(\.name))
        let said = Set(try catalogue.options().map { [$0.view, $0.name] })
        for option in options
        where views.contains(option.view) && !said.contains([option.view, option.name]) {
            try catalogue.set(option)
        }
    }

    private enum Outcome {
        /// All files were applied and made these objects.
        case made([SchemaObject])
        /// Objects that must be dropped first; never empty.
        case obstacles(Set<SchemaObject>)
    }

    /// Runs every file. An error ends the attempt only when no obstacle explains it, because
    /// correct files can fail beside an older overload or over an older function.
    private func attempt(
        among ours: Set<SchemaObject>, beside others: Set<SchemaObject>,
        _ catalogue: SchemaCatalogue, _ connection: Connection
    ) throws -> Outcome {
        let before = Set(try catalogue.objects())
        var refusals: [(file: SQLFile, error: PostgresError)] = []
        var obstacles: Set<SchemaObject> = []
        for file in files {
            try connection.executeScript("savepoint file")
            do throws(PostgresError) {
                try connection.executeScript(file.sql)
                try connection.executeScript("release savepoint file")
            } catch {
                guard error.kind == .server, !error.isOfLock else { throw error }
                try connection.executeScript("rollback to savepoint file")
                refusals.append((file, error))
                if error.meansCannotReplace {
                    let names = names(in: file)
                    obstacles.formUnion(ours.filter { names.contains($0.name) })
                }
            }
        }
        let objects = try catalogue.objects()
        let refusedNames = refusals.reduce(into: Set<String>()) { $0.formUnion(names(in: $1.file)) }
        // What no file touched is gone from the release.
        obstacles.formUnion(
            ours.intersection(objects).filter { !refusedNames.contains($0.name) })
        if !obstacles.isEmpty { return .obstacles(obstacles) }
        if let (file, error) = refusals.first {
            let names = names(in: file)
            let namesakes = others.filter { names.contains($0.name) }
            if error.meansCannotReplace, !namesakes.isEmpty {
                throw LanguageSystemError.wouldReplaceOthers(namesakes.map(\.words), schema)
            }
            throw LanguageSystemError.migrationFailed(file.name, error)
        }
        return .made(objects.filter { !before.contains($0) })
    }

    /// The functions, procedures and views that a file makes.
    private func names(in file: SQLFile) -> Set<String> {
        let pattern = /(?i:create\s+or\s+replace\s+(?:function|procedure|view))\s+\w+\.(\w+)/
        return Set(file.sql.matches(of: pattern).map { String($0.1) })
    }

    /// These objects, and all of our objects that depend on them.
    ///
    /// - Throws: `schemaMismatch` when objects of others depend on them, with their names.
    private func withDependents(
        _ doomed: Set<SchemaObject>, among ours: [SchemaObject], _ catalogue: SchemaCatalogue
    ) throws -> Set<SchemaObject> {
        let byAddress = Dictionary(ours.map { ($0.address, $0) }) { first, _ in first }
        var closure = doomed
        var edge = doomed
        var strangers: Set<SchemaDependent> = []
        while !edge.isEmpty {
            var next: Set<SchemaObject> = []
            for dependent in try catalogue.dependents(of: edge.map(\.address)) {
                if let object = byAddress[dependent.address] {
                    if closure.insert(object).inserted { next.insert(object) }
                } else {
                    strangers.insert(dependent)
                }
            }
            edge = next
        }
        guard strangers.isEmpty else { throw LanguageSystemError.othersUse(strangers, schema) }
        return closure
    }

    /// Drops the objects, at each step those that nothing depends on any more.
    private func drop(_ objects: Set<SchemaObject>, _ catalogue: SchemaCatalogue) throws {
        var left = objects
        while !left.isEmpty {
            let addresses = Set(left.map(\.address))
            let free = try left.filter { object in
                try !catalogue.dependents(of: [object.address]).contains {
                    addresses.contains($0.address) && $0.address != object.address
                }
            }
            // Two that stand on each other: PostgreSQL says which.
            for object in free.isEmpty ? left : free { try catalogue.drop(object) }
            left.subtract(free.isEmpty ? left : free)
        }
    }
}

extension PostgresError {
    /// Whether the error means that `create or replace` is impossible: another result type,
    /// parameter name or default, changed columns, or another kind of object.
    fileprivate var meansCannotReplace: Bool {
        ["42P13", "42P16", "42809"].contains(sqlState)
    }
}

extension LanguageSystemError {
    static func othersUse(_ dependents: Set<SchemaDependent>, _ schema: String) -> Self {
        let words = dependents.map { "\($0.words) uses \($0.uses)" }
        return Self(
            .schemaMismatch,
            "cannot bring schema \(schema) to this release: it changes or drops what others use: "
                + listed(words, separator: "; "),
            hint: "nothing was changed: drop these, migrate again, and make them anew")
    }
}
