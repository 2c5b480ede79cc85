// PostgreSQL's type numbers (pg_type.oid), which never change for built-in types, and the names
// for them in our sentences. Types made by users (enums, citext, domains over them) have numbers
// from 16384 on; their binary form is text for all that we use.

/// The type of a column or a parameter, by its OID.
public struct PostgresType: Sendable, Hashable, CustomStringConvertible {
    /// The OID of the type in `pg_type`.
    public let oid: UInt32

    public init(oid: UInt32) { self.oid = oid }

    public static let bool = Self(oid: 16)
    public static let bytea = Self(oid: 17)
    public static let name = Self(oid: 19)
    public static let int8 = Self(oid: 20)
    public static let int2 = Self(oid: 21)
    public static let int4 = Self(oid: 23)
    public static let text = Self(oid: 25)
    public static let oid = Self(oid: 26)
    public static let json = Self(oid: 114)
    public static let float4 = Self(oid: 700)
    public static let float8 = Self(oid: 701)
    public static let unknown = Self(oid: 705)
    public static let bpchar = Self(oid: 1042)
    public static let varchar = Self(oid: 1043)
    public static let timestamptz = Self(oid: 1184)
    public static let interval = Self(oid: 1186)
    public static let numeric = Self(oid: 1700)
    public static let void = Self(oid: 2278)
    public static let uuid = Self(oid: 2950)
    public static let jsonb = Self(oid: 3802)

    /// The element type of an array of one of the types above; nil for any other type.
    public var elementType: PostgresType? { Self.elements[oid] }

    /// Whether the binary form is the text itself, in UTF-8.
    var isText: Bool {
        switch self {
        case .text, .varchar, .bpchar, .name, .json, .unknown: true
        default: oid >= Self.firstUserOID
        }
    }

    private static let firstUserOID: UInt32 = 16384

    private static let elements: [UInt32: PostgresType] = [
        1000: .bool, 1001: .bytea, 1003: .name, 1005: .int2, 1007: .int4, 1009: .text,
        1014: .bpchar, 1015: .varchar, 1016: .int8, 1021: .float4, 1022: .float8, 1028: .oid,
        1185: .timestamptz, 1187: .interval, 1231: .numeric, 199: .json, 2951: .uuid,
        3807: .jsonb,
    ]

    private static let names: [UInt32: String] = [
        16: "boolean", 17: "bytea", 19: "name", 20: "bigint", 21: "smallint", 23: "integer",
        25: "text", 26: "oid", 114: "json", 700: "real", 701: "double precision",
        705: "unknown", 1042: "character", 1043: "character varying", 1082: "date",
        1114: "timestamp without time zone", 1184: "timestamp with time zone",
        1186: "interval", 1700: "numeric", 2249: "record", 2278: "void", 2950: "uuid",
        3802: "jsonb",
    ]

    public var description: String {
        if let name = Self.names[oid] { return name }
        if let element = elementType { return "\(element)[]" }
        return "type \(oid)"
    }
}
