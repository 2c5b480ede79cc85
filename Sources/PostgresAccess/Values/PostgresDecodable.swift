// PostgreSQL's binary format to Swift values. The column's type must be one that means the Swift
// type without loss; anything else is a sentence with both types, never a wrong number.
public import Foundation
public import LanguageSystem

/// One field of a row, valid only while it is being decoded.
public struct PostgresValue {
    /// The type of the column.
    public let type: PostgresType
    /// The value in binary form; nil for NULL.
    public let bytes: UnsafeRawBufferPointer?
}

/// A type that a column can be decoded to.
public protocol PostgresDecodable {
    static func decode(_ value: PostgresValue) throws(PostgresError) -> Self
    /// Decodes an array of this type; by default PostgreSQL's one-dimensional array.
    static func decodeArray(_ value: PostgresValue) throws(PostgresError) -> [Self]
}

extension PostgresDecodable {
    public static func decodeArray(_ value: PostgresValue) throws(PostgresError) -> [Self] {
        guard let element = value.type.elementType else {
            throw value.mismatch("[\(Self.self)]")
        }
        var reader = try FieldReader(value, as: "[\(Self.self)]")
        let dimensionCount = try reader.integer(Int32.self)
        _ = try reader.integer(Int32.self)  // whether there are nulls
        _ = try reader.integer(UInt32.self)  // the element type again
        if dimensionCount == 0 { return [] }
        guard dimensionCount == 1 else {
            throw .usage("the array has \(dimensionCount) dimensions, expected one")
        }
        let count = try reader.integer(Int32.self)
        _ = try reader.integer(Int32.self)  // the first index
        var values: [Self] = []
        values.reserveCapacity(Int(max(0, min(count, 65536))))
        for _ in 0..<max(0, count) {
            let length = try reader.integer(Int32.self)
            let bytes = length < 0 ? nil : try reader.bytes(Int(length))
            values.append(try Self.decode(PostgresValue(type: element, bytes: bytes)))
        }
        return values
    }
}

extension PostgresValue {
    /// The bytes; for NULL, the error of a type that is not optional.
    func present(as swiftType: Any.Type) throws(PostgresError) -> UnsafeRawBufferPointer {
        guard let bytes else {
            throw .usage(
                "the value is NULL, expected \(swiftType)", hint: "decode \(swiftType)? instead")
        }
        return bytes
    }

    func mismatch(_ swiftType: String) -> PostgresError {
        .usage("the value is \(type), which does not decode to \(swiftType)")
    }

    func integer<N: FixedWidthInteger>(_: N.Type, as swiftType: Any.Type) throws(PostgresError)
        -> N
    {
        let bytes = try present(as: swiftType)
        guard bytes.count == MemoryLayout<N>.size else { throw malformed(swiftType) }
        return N(bigEndian: bytes.loadUnaligned(as: N.self))
    }

    func malformed(_ swiftType: Any.Type) -> PostgresError {
        .usage("the value is not a well-formed \(type) (wanted as \(swiftType))")
    }
}

private struct FieldReader {
    var rest: UnsafeRawBufferPointer
    let value: PostgresValue

    init(_ value: PostgresValue, as swiftType: String) throws(PostgresError) {
        guard let bytes = value.bytes else {
            throw .usage(
                "the value is NULL, expected \(swiftType)", hint: "decode \(swiftType)? instead")
        }
        self.rest = bytes
        self.value = value
    }

    mutating func bytes(_ count: Int) throws(PostgresError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= rest.count else { throw value.malformed([UInt8].self) }
        defer { rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count)) }
        return UnsafeRawBufferPointer(rebasing: rest.prefix(count))
    }

    mutating func integer<N: FixedWidthInteger>(_: N.Type) throws(PostgresError) -> N {
        N(bigEndian: try bytes(MemoryLayout<N>.size).loadUnaligned(as: N.self))
    }
}

// MARK: Truth and numbers

extension Bool: PostgresDecodable {
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> Bool {
        guard value.type == .bool else { throw value.mismatch("Bool") }
        return try value.integer(UInt8.self, as: Bool.self) != 0
    }
}

/// Decodes every integer type; a number that does not fit is an error.
extension PostgresDecodable where Self: FixedWidthInteger {
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> Self {
        let wide: Int64
        switch value.type {
        case .int8: wide = try value.integer(Int64.self, as: Self.self)
        case .int4: wide = Int64(try value.integer(Int32.self, as: Self.self))
        case .int2: wide = Int64(try value.integer(Int16.self, as: Self.self))
        case .oid: wide = Int64(try value.integer(UInt32.self, as: Self.self))
        default: throw value.mismatch("\(Self.self)")
        }
        guard let number = Self(exactly: wide) else {
            throw .usage("\(wide) is out of range for \(Self.self)")
        }
        return number
    }
}

extension Int: PostgresDecodable {}
extension Int16: PostgresDecodable {}
extension Int32: PostgresDecodable {}
extension Int64: PostgresDecodable {}

/// A single byte is an integer; `[UInt8]` is bytea.
extension UInt8: PostgresDecodable {
    public static func decodeArray(_ value: PostgresValue) throws(PostgresError) -> [UInt8] {
        guard value.type == .bytea else { throw value.mismatch("[UInt8]") }
        return Array(try value.present(as: [UInt8].self))
    }
}

extension Float: PostgresDecodable {
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> Float {
        guard value.type == .float4 else { throw value.mismatch("Float") }
        return Float(bitPattern: try value.integer(UInt32.self, as: Float.self))
    }
}

extension Double: PostgresDecodable {
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> Double {
        switch value.type {
        case .float8: Double(bitPattern: try value.integer(UInt64.self, as: Double.self))
        case .float4: Double(try Float.decode(value))
        default: throw value.mismatch("Double")
        }
    }
}

// MARK: Text

/// Decodes every text type, json, jsonb and enums.
extension String: PostgresDecodable {
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> String {
        var bytes = try value.present(as: String.self)
        if value.type == .jsonb {
            guard bytes.first == 1 else { throw value.malformed(String.self) }
            bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        } else if value.type == .void {
            return ""
        } else if !value.type.isText {
            throw value.mismatch("String")
        }
        // A composite type's binary form has zero bytes; text never has.
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
            throw value.malformed(String.self)
        }
        return text
    }
}

// MARK: Identity and time

extension UUID: PostgresDecodable {
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> UUID {
        guard value.type == .uuid else { throw value.mismatch("UUID") }
        let bytes = try value.present(as: UUID.self)
        guard bytes.count == 16 else { throw value.malformed(UUID.self) }
        return UUID(uuid: bytes.loadUnaligned(as: uuid_t.self))
    }
}

extension Date: PostgresDecodable {
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> Date {
        guard value.type == .timestamptz else { throw value.mismatch("Date") }
        let microseconds = try value.integer(Int64.self, as: Date.self)
        guard microseconds != .max, microseconds != .min else {
            throw .usage("the value is an infinite \(value.type), expected a moment")
        }
        return Date(timeIntervalSinceReferenceDate: Double(microseconds) / 1e6 + postgresZero)
    }
}

extension Duration: PostgresDecodable {
    /// Decodes an interval. A day is 24 hours; months are refused, because they have no fixed
    /// length.
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> Duration {
        guard value.type == .interval else { throw value.mismatch("Duration") }
        let bytes = try value.present(as: Duration.self)
        guard bytes.count == 16 else { throw value.malformed(Duration.self) }
        let microseconds = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
        let days = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: Int32.self))
        let months = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 12, as: Int32.self))
        guard months == 0 else {
            throw .usage("the interval has \(months) months, which is no fixed length of time")
        }
        return .seconds(86400 * Int64(days)) + .microseconds(microseconds)
    }
}

extension Digest: PostgresDecodable {
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> Digest {
        guard value.type == .bytea else { throw value.mismatch("Digest") }
        let bytes = try value.present(as: Digest.self)
        guard let digest = Digest(bytes: bytes) else {
            throw .usage("the value has \(bytes.count) bytes, a digest has \(Digest.byteCount)")
        }
        return digest
    }
}

// MARK: Made of others

extension Array: PostgresDecodable where Element: PostgresDecodable {
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> [Element] {
        try Element.decodeArray(value)
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> Wrapped? {
        value.bytes == nil ? nil : try Wrapped.decode(value)
    }
}

extension PostgresDecodable where Self: RawRepresentable, RawValue: PostgresDecodable {
    public static func decode(_ value: PostgresValue) throws(PostgresError) -> Self {
        let raw = try RawValue.decode(value)
        guard let decoded = Self(rawValue: raw) else {
            throw .usage("\"\(raw)\" is not a \(Self.self)")
        }
        return decoded
    }
}

extension Identifier: PostgresDecodable {}
