// Swift values to PostgreSQL's binary format, for the type that the server expects at that place
// (it tells us when a statement is prepared). A value that does not fit is refused here, with both
// types in the sentence; nothing is rounded or cut.
public import Foundation
public import LanguageSystem

/// The form of the bytes that `encode` appended.
public enum PostgresFormat: Sendable, Equatable {
    case binary
    /// The type's textual input form. Parameters may use it; arrays and COPY may not.
    case text
    /// Nothing was appended: the value is NULL.
    case null
}

/// A type whose values can be parameters, elements of arrays and fields of COPY.
public protocol PostgresEncodable: Sendable {
    /// Appends the value in the form of `type`.
    func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat

    /// Appends an array of such values; the default is PostgreSQL's one-dimensional array.
    static func encodeArray(_ values: [Self], as type: PostgresType, into buffer: inout [UInt8])
        throws(PostgresError) -> PostgresFormat
}

extension PostgresEncodable {
    public static func encodeArray(
        _ values: [Self], as type: PostgresType, into buffer: inout [UInt8]
    ) throws(PostgresError) -> PostgresFormat {
        guard let element = type.elementType else {
            throw .cannotEncode("[\(Self.self)]", as: type)
        }
        let isEmpty = values.isEmpty
        buffer.appendInteger(Int32(isEmpty ? 0 : 1))  // dimensions
        let hasNullIndex = buffer.count
        buffer.appendInteger(Int32(0))
        buffer.appendInteger(element.oid)
        if isEmpty { return .binary }
        buffer.appendInteger(Int32(values.count))
        buffer.appendInteger(Int32(1))  // the first index
        for value in values {
            if try buffer.appendField(value, as: element) == .null {
                buffer[hasNullIndex + 3] = 1
            }
        }
        return .binary
    }
}

extension PostgresError {
    static func cannotEncode(_ value: String, as type: PostgresType) -> Self {
        .usage(
            "a \(value) cannot be sent as \(type)",
            hint: "write the type into the statement ($1::type), or convert the value first")
    }

    static func outOfRange(_ value: String, for type: PostgresType) -> Self {
        .usage("\(value) is out of range for \(type)")
    }
}

extension [UInt8] {
    mutating func appendInteger(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// Appends a field of an array or of COPY: its length (-1 for NULL) and its bytes.
    mutating func appendField(_ value: some PostgresEncodable, as type: PostgresType)
        throws(PostgresError) -> PostgresFormat
    {
        let start = count
        appendInteger(Int32(-1))
        let format = try value.encode(as: type, into: &self)
        switch format {
        case .null: break
        case .text: throw .cannotEncode("\(Swift.type(of: value))", as: type)
        case .binary:
            guard let length = Int32(exactly: count - start - 4) else {
                throw .usage("a value of \(count - start) bytes is longer than PostgreSQL takes")
            }
            Swift.withUnsafeBytes(of: length.bigEndian) {
                replaceSubrange(start..<start + 4, with: $0)
            }
        }
        return format
    }

    fileprivate mutating func appendText(_ text: String) -> PostgresFormat {
        append(contentsOf: text.utf8)
        return .text
    }
}

// MARK: Truth and numbers

extension Bool: PostgresEncodable {
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        guard type == .bool else { throw .cannotEncode("Bool", as: type) }
        buffer.append(self ? 1 : 0)
        return .binary
    }
}

extension PostgresEncodable where Self: FixedWidthInteger {
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        switch type {
        case .int8: buffer.appendInteger(try narrowed(Int64.self, type))
        case .int4: buffer.appendInteger(try narrowed(Int32.self, type))
        case .int2: buffer.appendInteger(try narrowed(Int16.self, type))
        case .oid: buffer.appendInteger(try narrowed(UInt32.self, type))
        case .numeric: return buffer.appendText(String(self))
        default: throw .cannotEncode("\(Self.self)", as: type)
        }
        return .binary
    }

    private func narrowed<N: FixedWidthInteger>(_: N.Type, _ type: PostgresType)
        throws(PostgresError) -> N
    {
        guard let value = N(exactly: self) else { throw .outOfRange(String(self), for: type) }
        return value
    }
}

extension Int: PostgresEncodable {}
extension Int16: PostgresEncodable {}
extension Int32: PostgresEncodable {}
extension Int64: PostgresEncodable {}

/// A single byte is an integer; `[UInt8]` is bytea.
extension UInt8: PostgresEncodable {
    public static func encodeArray(
        _ values: [UInt8], as type: PostgresType, into buffer: inout [UInt8]
    ) throws(PostgresError) -> PostgresFormat {
        guard type == .bytea else { throw .cannotEncode("[UInt8]", as: type) }
        buffer.append(contentsOf: values)
        return .binary
    }
}

extension PostgresEncodable where Self: BinaryFloatingPoint & LosslessStringConvertible {
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        switch type {
        case .float8: buffer.appendInteger(Double(self).bitPattern)
        case .float4:
            let single = Float(self)
            // Rounding is what real means; turning a finite number into infinity is not.
            if single.isInfinite && isFinite { throw .outOfRange(String(self), for: type) }
            buffer.appendInteger(single.bitPattern)
        case .numeric: return buffer.appendText(String(self))
        default: throw .cannotEncode("\(Self.self)", as: type)
        }
        return .binary
    }
}

extension Float: PostgresEncodable {}
extension Double: PostgresEncodable {}

// MARK: Text

/// A String can be any type that has a text form: text, jsonb, enums, uuid, numeric, …
extension String: PostgresEncodable {
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        if utf8.contains(0) {
            throw PostgresError(
                .unsendable, "cannot use a text with a zero byte: PostgreSQL's text has none")
        }
        if type == .jsonb { buffer.append(1) }  // jsonb's only version
        buffer.append(contentsOf: utf8)
        return type.isText || type == .jsonb ? .binary : .text
    }
}

// MARK: Identity and time

extension UUID: PostgresEncodable {
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        guard type == .uuid else { throw .cannotEncode("UUID", as: type) }
        withUnsafeBytes(of: uuid) { buffer.append(contentsOf: $0) }
        return .binary
    }
}

extension Date: PostgresEncodable {
    /// PostgreSQL's epoch, 2000-01-01 00:00 UTC, in seconds from Foundation's (2001-01-01).
    static let postgresZero = -31_622_400.0

    /// Encodes the time to the microsecond.
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        guard type == .timestamptz else { throw .cannotEncode("Date", as: type) }
        let seconds = timeIntervalSinceReferenceDate - Self.postgresZero
        // Near the limits PostgreSQL's own check answers; here only what would not fit at all.
        guard seconds.magnitude < 9.2e12 else { throw .outOfRange("\(seconds) s", for: type) }
        buffer.appendInteger(Int64((seconds * 1_000_000).rounded()))
        return .binary
    }
}

extension Duration: PostgresEncodable {
    /// Encodes an interval in microseconds; finer parts are cut off.
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        guard type == .interval else { throw .cannotEncode("Duration", as: type) }
        let (seconds, attoseconds) = components
        guard seconds.magnitude < 9_000_000_000_000 else {
            throw .outOfRange("\(seconds) s", for: type)
        }
        buffer.appendInteger(seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
        buffer.appendInteger(Int32(0))  // days
        buffer.appendInteger(Int32(0))  // months
        return .binary
    }
}

extension Digest: PostgresEncodable {
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        guard type == .bytea else { throw .cannotEncode("Digest", as: type) }
        buffer.append(contentsOf: bytes)
        return .binary
    }
}

// MARK: Made of others

extension Array: PostgresEncodable where Element: PostgresEncodable {
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        try Element.encodeArray(self, as: type, into: &buffer)
    }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        guard let value = self else { return .null }
        return try value.encode(as: type, into: &buffer)
    }
}

/// An enum over String or an identifier over Int64 needs only one line of conformance.
extension PostgresEncodable where Self: RawRepresentable, RawValue: PostgresEncodable {
    public func encode(as type: PostgresType, into buffer: inout [UInt8]) throws(PostgresError)
        -> PostgresFormat
    {
        try rawValue.encode(as: type, into: &buffer)
    }
}

extension Identifier: PostgresEncodable {}
