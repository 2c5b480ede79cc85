import Foundation
public import LanguageSystem
import PostgresTesting
import Testing

@testable public import PostgresAccess

extension RankerKind: PostgresEncodable, PostgresDecodable {}

@Suite struct `Values` {
    /// Sends a value as `type` and reads it back.
    private func roundTrip<T: PostgresEncodable & PostgresDecodable & Equatable & Sendable>(
        _ value: T, _ type: String, _ connection: Connection,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let row = try connection.execute("select $1::\(type) as value", value).one()
        #expect(try row.decode(T.self, "value") == value, sourceLocation: location)
    }

    @Test func `values come back as they were sent`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.withConnection { connection in
                for value in [true, false] { try roundTrip(value, "boolean", connection) }
                for value in [Int16.min, 0, .max] { try roundTrip(value, "smallint", connection) }
                for value in [Int32.min, 0, .max] { try roundTrip(value, "integer", connection) }
                for value in [Int64.min, -1, .max] { try roundTrip(value, "bigint", connection) }
                for value in [0, -0.5, .leastNonzeroMagnitude, .infinity] as [Double] {
                    try roundTrip(value, "double precision", connection)
                }
                for value in [0, 1.5, .greatestFiniteMagnitude] as [Float] {
                    try roundTrip(value, "real", connection)
                }
                for value in [
                    "", "ä \u{1F30D} 'quoted' \\ $1", String(repeating: "x", count: 1 << 20),
                ] {
                    try roundTrip(value, "text", connection)
                }
                try roundTrip(UUID(), "uuid", connection)
                try roundTrip(Date(timeIntervalSinceReferenceDate: 0.25), "timestamptz", connection)
                try roundTrip(Date(timeIntervalSince1970: -1e9), "timestamptz", connection)
                try roundTrip(Duration.milliseconds(-1500), "interval", connection)
                try roundTrip(Digest(bytes: Array(0..<32))!, "bytea", connection)
                try roundTrip(RankerVersionID(7), "bigint", connection)
                try roundTrip(RankerKind.listwise, "text", connection)
            }
        }
    }

    @Test func `bytes come back, and empty is not null`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.withConnection { connection in
                for value in [[], [0], Array(repeating: 0xFF, count: 3 << 20)] as [[UInt8]] {
                    try roundTrip(value, "bytea", connection)
                }
                let row = try connection.execute(
                    "select $1::bytea is null as empty, $2::bytea is null as missing",
                    [UInt8](), nil
                ).one()
                #expect(try row.decode(Bool.self, "empty") == false)
                #expect(try row.decode(Bool.self, "missing") == true)
                let bytes = try connection.execute("select 'abc'::bytea as b").one()
                #expect(try bytes.withBytes("b") { Array($0) } == Array("abc".utf8))
            }
        }
    }

    @Test func `arrays come back, with nulls and empty ones`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.withConnection { connection in
                try roundTrip([Int64.min, 0, 5], "bigint[]", connection)
                try roundTrip([1, nil, 3] as [Int32?], "integer[]", connection)
                try roundTrip([] as [String], "text[]", connection)
                try roundTrip(["a", "", "b,\"{}"], "text[]", connection)
                try roundTrip([[1, 2], []] as [[UInt8]], "bytea[]", connection)
                try roundTrip([1.5, -2] as [Float], "real[]", connection)
                try roundTrip([true, false], "boolean[]", connection)
                try roundTrip([UUID(), UUID()], "uuid[]", connection)
                try roundTrip(["{\"a\": 1}"], "jsonb[]", connection)
                try roundTrip([Digest(bytes: Array(0..<32))!], "bytea[]", connection)
                let nested = try connection.execute("select array[[1,2],[3,4]] as a").one()
                #expect(throws: PostgresError.self) { try nested.decode([Int].self, "a") }
            }
        }
    }

    @Test func `null is nil where nil can be, and an error where not`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.withConnection { connection in
                let row = try connection.execute("select $1::int8 as value", nil).one()
                #expect(try row.decode(Int64?.self, "value") == nil)
                let error = #expect(throws: PostgresError.self) {
                    try row.decode(Int64.self, "value")
                }
                #expect(error?.message.contains("\"value\"") == true)
                #expect(error?.message.contains("NULL") == true)
            }
        }
    }

    @Test func `text goes wherever a text form exists`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.withConnection { connection in
                try connection.executeScript("create type mood as enum ('glad', 'sad')")
                let row = try connection.execute(
                    """
                    select $1::jsonb as j, $2::mood as m, $3::numeric::text as n, $4::json as k,
                        $5::interval as i
                    """, "{\"a\": [1, 2]}", "glad", "12.50", "[]", "1 day 2 hours"
                ).one()
                #expect(try row.decode(String.self, "j") == "{\"a\": [1, 2]}")
                #expect(try row.decode(String.self, "m") == "glad")
                #expect(try row.decode(String.self, "n") == "12.50")
                #expect(try row.decode(String.self, "k") == "[]")
                #expect(try row.decode(Duration.self, "i") == .seconds(26 * 3600))
            }
        }
    }

    @Test func `integers fit the parameter's width or are refused`() async throws {
        try await ThrowAwayDatabase.with { database in
            try await database.pool.withConnection { connection in
                let row = try connection.execute("select $1::smallint as n", 7).one()
                #expect(try row.decode(Int.self, "n") == 7)
                let error = #expect(throws: PostgresError.self) {
                    try connection.execute("select $1::smallint", 40_000)
                }
                #expect(error?.message == "parameter $1: 40000 is out of range for smallint")
                #expect(throws: PostgresError.self) {
                    try connection.execute("select 70000 as n").one().decode(Int16.self, "n")
                }
            }
        }
    }

    @Test(arguments: [
        ("select 1::int8 as n", "String"), ("select 'a' as n", "Int64"),
        ("select 1.5::numeric as n", "Double"), ("select now()::timestamp as n", "Date"),
        ("select row(1, 'a') as n", "String"), ("select 'x'::bytea as n", "[Int64]"),
        ("select '1 month'::interval as n", "Duration"),
        ("select 'infinity'::timestamptz as n", "Date"),
    ])
    func `a column of another type is an error with its name`(sql: String, type: String)
        async throws
    {
        try await ThrowAwayDatabase.with { database in
            let row = try await database.pool.execute(sql).one()
            let error = #expect(throws: PostgresError.self) {
                switch type {
                case "String": _ = try row.decode(String.self, "n")
                case "Int64": _ = try row.decode(Int64.self, "n")
                case "Double": _ = try row.decode(Double.self, "n")
                case "Date": _ = try row.decode(Date.self, "n")
                case "Duration": _ = try row.decode(Duration.self, "n")
                default: _ = try row.decode([Int64].self, "n")
                }
            }
            #expect(error?.kind == .usage)
            #expect(error?.message.hasPrefix("cannot read column \"n\": ") == true)
        }
    }

    @Test func `an unknown column, a missing row and a wrong count are errors`() async throws {
        try await ThrowAwayDatabase.with { database in
            let rows = try await database.pool.execute(
                "select 1 as a, 2 as b from generate_series(1, 2)")
            let error = #expect(throws: PostgresError.self) { try rows[0].decode(Int.self, "c") }
            #expect(error?.message == "there is no column \"c\": the columns are a, b")
            #expect(throws: PostgresError.self) { try rows.one() }
            #expect(throws: PostgresError.self) { try rows.oneOrNone() }
            #expect(throws: PostgresError.self) { try rows[0].decode(Int.self, at: 2) }
            let failure = await postgresError { try await database.pool.execute("select $1::int4") }
            #expect(failure?.message == "the statement has 1 parameters, 0 were given")
        }
    }

    @Test func `a String with a zero byte is refused`() async throws {
        try await ThrowAwayDatabase.with { database in
            let error = await postgresError {
                try await database.pool.execute("select $1::text", "a\0b")
            }
            #expect(error?.kind == .unsendable)
            #expect(error?.coordinatorError.code == .invalidArgument)
        }
    }
}
