// The result of a statement: libpq's own memory, read in place and freed with the last copy of
// `Rows` or `Row`. libpq never changes a finished result, so it may be read on any thread.
import CLibPQ
import Glibc

/// Owns a PGresult.
/// Unchecked: libpq changes no result once it is there; it is only read.
final class ResultMemory: @unchecked Sendable {
    let result: OpaquePointer

    init(_ result: OpaquePointer) { self.result = result }

    deinit { PQclear(result) }

    var columnCount: Int { Int(PQnfields(result)) }

    /// The names of the columns; none for the answer to COPY.
    var columnNames: [String] {
        (0..<PQnfields(result)).map { PQfname(result, $0).map { String(cString: $0) } ?? "" }
    }

    var columnTypes: [PostgresType] {
        (0..<PQnfields(result)).map { PostgresType(oid: PQftype(result, $0)) }
    }

    /// The index of the column with this name; the comparison makes no String.
    func columnIndex(_ name: String) -> Int? {
        name.withCString { name in
            (0..<PQnfields(result)).first { strcmp(PQfname(result, $0), name) == 0 }.map(Int.init)
        }
    }

    func value(row: Int, column: Int) -> PostgresValue {
        let (row, column) = (Int32(row), Int32(column))
        let type = PostgresType(oid: PQftype(result, column))
        guard PQgetisnull(result, row, column) == 0 else {
            return PostgresValue(type: type, bytes: nil)
        }
        let start = PQgetvalue(result, row, column)
        let count = Int(PQgetlength(result, row, column))
        return PostgresValue(type: type, bytes: UnsafeRawBufferPointer(start: start, count: count))
    }
}

/// All rows of one statement, in memory.
public struct Rows: RandomAccessCollection, Sendable {
    let memory: ResultMemory

    public var startIndex: Int { 0 }
    public var endIndex: Int { Int(PQntuples(memory.result)) }

    public subscript(index: Int) -> Row {
        precondition(indices.contains(index), "row \(index) of \(count)")
        return Row(memory: memory, index: index)
    }

    /// The names of the columns, in order.
    public var columnNames: [String] { memory.columnNames }

    /// The number of rows that were inserted, updated, deleted, moved or, by a select, returned.
    public var affectedRowCount: Int { Int(String(cString: PQcmdTuples(memory.result))) ?? 0 }

    /// The only row; any other number of rows is an error.
    public func one() throws(PostgresError) -> Row {
        guard count == 1 else { throw .usage("the statement returned \(count) rows, expected 1") }
        return self[0]
    }

    /// The only row, or nil if there is none; more rows are an error.
    public func oneOrNone() throws(PostgresError) -> Row? {
        guard count <= 1 else {
            throw .usage("the statement returned \(count) rows, expected at most 1")
        }
        return first
    }
}

/// One row, whose fields are decoded when they are read.
public struct Row: Sendable {
    let memory: ResultMemory
    let index: Int

    public func decode<T: PostgresDecodable>(_ type: T.Type, _ column: String)
        throws(PostgresError) -> T
    {
        try decode(type, at: columnIndex(column))
    }

    /// Decodes a column to the type that the context requires.
    public func decode<T: PostgresDecodable>(_ column: String) throws(PostgresError) -> T {
        try decode(T.self, column)
    }

    public func decode<T: PostgresDecodable>(_ type: T.Type = T.self, at column: Int = 0)
        throws(PostgresError) -> T
    {
        try checkColumn(column)
        do {
            // `memory` must outlive the pointer that `value` holds.
            return try withExtendedLifetime(memory) { () throws(PostgresError) -> T in
                try T.decode(memory.value(row: index, column: column))
            }
        } catch {
            throw .usage(
                "cannot read column \"\(memory.columnNames[column])\": \(error.message)",
                hint: error.hint)
        }
    }

    /// Passes the bytes of a bytea to `body` without a copy. The pointer is valid only inside
    /// `body`.
    public func withBytes<T>(_ column: String, _ body: (UnsafeRawBufferPointer) throws -> T)
        throws -> T
    {
        let column = try columnIndex(column)
        return try withExtendedLifetime(memory) {
            let value = memory.value(row: index, column: column)
            guard value.type == .bytea else { throw value.mismatch("bytes") }
            return try body(try value.present(as: [UInt8].self))
        }
    }

    private func columnIndex(_ name: String) throws(PostgresError) -> Int {
        guard let column = memory.columnIndex(name) else {
            throw .usage(
                "there is no column \"\(name)\": the columns are "
                    + memory.columnNames.joined(separator: ", "))
        }
        return column
    }

    private func checkColumn(_ column: Int) throws(PostgresError) {
        guard (0..<memory.columnCount).contains(column) else {
            throw .usage("there is no column \(column): there are \(memory.columnCount)")
        }
    }
}
