// What a database schema is made of: migrations, each applied once, and files of functions and
// views, which are applied whole whenever one of them has changed.
import Crypto
import Foundation

/// One step of the schema. It never changes after its release.
public struct Migration: Sendable, Hashable {
    /// The version of the schema after this step; versions begin at 1 and have no gaps.
    public let version: Int
    public let name: String
    public let sql: String

    public init(version: Int, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }

    /// Makes it from an embedded resource.
    public init(version: Int, name: String, sql: [UInt8]) {
        self.init(version: version, name: name, sql: String(decoding: sql, as: UTF8.self))
    }

    /// SHA-256 of the SQL text, in hexadecimal.
    var checksum: String { hexadecimalSHA256([sql]) }
}

/// A file of `create or replace` statements that can be run again and again.
public struct SQLFile: Sendable, Hashable {
    public let name: String
    public let sql: String

    public init(name: String, sql: String) {
        self.name = name
        self.sql = sql
    }

    /// Makes it from an embedded resource.
    public init(name: String, sql: [UInt8]) {
        self.init(name: name, sql: String(decoding: sql, as: UTF8.self))
    }
}

/// SHA-256 of all texts in order, each with its length, so that moving text from one to the next
/// changes the result.
func hexadecimalSHA256(_ texts: [String]) -> String {
    var hash = SHA256()
    for text in texts {
        hash.update(data: Data("\(text.utf8.count):".utf8))
        hash.update(data: Data(text.utf8))
    }
    return hash.finalize().map { byte in
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
    }.joined()
}
