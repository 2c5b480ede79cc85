// A strict reader of the JSON in a safetensors header. Foundation's decoder keeps one of two equal
// keys without a word, so a header could mean different things to two readers; this one refuses.
internal import LanguageSystem

/// The values a header may hold. Integers only: no header needs a fraction or a null.
enum HeaderJSON {
    case object([(key: String, value: HeaderJSON)])
    case array([HeaderJSON])
    case string(String)
    case integer(Int)
}

/// Why a header is not acceptable, as the end of a sentence.
struct HeaderRefusal: Error {
    let why: String
}

struct HeaderParser {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    static func parse(_ bytes: UnsafeRawBufferPointer) throws(HeaderRefusal) -> HeaderJSON {
        var parser = HeaderParser(bytes)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else {
            throw parser.refusal("more text than one value")
        }
        return value
    }

    private mutating func value(depth: Int) throws(HeaderRefusal) -> HeaderJSON {
        guard depth < 5 else { throw refusal("values nested too deeply") }
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        default: return .integer(try integer())
        }
    }

    private mutating func object(_ depth: Int) throws(HeaderRefusal) -> HeaderJSON {
        position += 1
        var members: [(key: String, value: HeaderJSON)] = []
        var keys: Set<String> = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object([]) }
        while true {
            skipSpace()
            let key = try string()
            guard keys.insert(key).inserted else {
                throw refusal("the key '\(key.printable())' twice")
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw refusal("no ':' after a key") }
            members.append((key, try value(depth: depth + 1)))
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw refusal("no ',' between members") }
        }
    }

    private mutating func array(_ depth: Int) throws(HeaderRefusal) -> HeaderJSON {
        position += 1
        var elements: [HeaderJSON] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array([]) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw refusal("no ',' between elements") }
        }
    }

    private mutating func integer() throws(HeaderRefusal) -> Int {
        let start = position
        while let digit = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) {
            position += 1
        }
        let digits = bytes[start..<position]
        guard !digits.isEmpty, digits.count == 1 || digits.first != UInt8(ascii: "0"),
            digits.count <= 19, let value = Int(String(decoding: digits, as: UTF8.self))
        else { throw refusal("something that is not a value") }
        return value
    }

    private mutating func string() throws(HeaderRefusal) -> String {
        guard take(UInt8(ascii: "\"")) else { throw refusal("no string where one belongs") }
        let start = position
        while let byte = peek, byte >= 0x20, byte != UInt8(ascii: "\\") {
            position += 1
            if byte == UInt8(ascii: "\"") {
                // The usual one: nothing in it is escaped.
                guard let valid = String(validating: bytes[start..<position - 1], as: UTF8.self)
                else { throw refusal("text that is not UTF-8") }
                return valid
            }
        }
        var text = Array(bytes[start..<position])
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else {
                    throw refusal("text that is not UTF-8")
                }
                return valid
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw refusal("a control character in a string")
            default: text.append(byte)
            }
        }
        throw refusal("a string without an end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(HeaderRefusal) {
        guard let kind = peek else { throw refusal("a string without an end") }
        position += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(kind)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if (0xd800..<0xdc00).contains(code), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
                let low = try codeUnit()
                guard (0xdc00..<0xe000).contains(low) else { throw refusal("half a character") }
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw refusal("half a character") }
            text.append(contentsOf: String(Character(scalar)).utf8)
        default: throw refusal("an unknown escape in a string")
        }
    }

    private mutating func codeUnit() throws(HeaderRefusal) -> UInt32 {
        guard position + 4 <= bytes.count else { throw refusal("a string without an end") }
        let digits = bytes[position..<position + 4]
        position += 4
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw refusal("an unknown escape in a string") }
        return code
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
            position += 1
        }
    }

    private func refusal(_ what: String) -> HeaderRefusal {
        HeaderRefusal(why: "found \(what) at byte \(position) of the header")
    }
}
