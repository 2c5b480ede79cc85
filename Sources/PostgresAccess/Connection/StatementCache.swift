// Which statements the server has prepared on one connection. A value: the connection does the
// talking, this says under which name, and which one to give back when there are too many.

/// A prepared statement, with the parameter types that the server inferred.
struct PreparedStatement: Sendable, Equatable {
    let name: String
    let parameterTypes: [PostgresType]
    let columnTypes: [PostgresType]
}

struct StatementCache {
    private struct Entry {
        let statement: PreparedStatement
        var lastUse: Int
    }

    let countMax: Int
    private var entries: [String: Entry] = [:]
    private var useCount = 0
    private var nameCount = 0
    /// A pooler may hand us a session in which another program's statements are still prepared.
    private let prefix = "s\(String(UInt32.random(in: .min ... .max), radix: 16))_"

    init(countMax: Int) {
        precondition(countMax >= 1, "a statement cache holds at least one statement")
        self.countMax = countMax
    }

    var count: Int { entries.count }

    mutating func find(_ sql: String) -> PreparedStatement? {
        useCount += 1
        guard let index = entries.index(forKey: sql) else { return nil }
        entries.values[index].lastUse = useCount
        return entries.values[index].statement
    }

    /// Makes a name that was not used before on this connection.
    mutating func newName() -> String {
        nameCount += 1
        return "\(prefix)\(nameCount)"
    }

    /// Keeps the statement; `makeRoom` comes first.
    mutating func insert(_ statement: PreparedStatement, for sql: String) {
        entries[sql] = Entry(statement: statement, lastUse: useCount)
    }

    /// Removes and returns the least recently used statement, if the cache is full.
    mutating func makeRoom() -> PreparedStatement? {
        guard entries.count >= countMax,
            let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
        else { return nil }
        entries.removeValue(forKey: oldest.key)
        return oldest.value.statement
    }

    mutating func remove(_ sql: String) -> PreparedStatement? {
        entries.removeValue(forKey: sql)?.statement
    }
}
