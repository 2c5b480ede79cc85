// Looks JSON through before Foundation's decoder reads it, for what that lets pass or does
// not say: of a key that stands twice it takes the first, of a number that no double holds it says
// that the body is no JSON, a trailing comma it reads, and it notes 24 bytes for each value, were
// it one digit long and in a field that nobody reads. Strings are left to the decoder.
package import Foundation

package struct JSONScan {
    /// Says what is wrong, in words, and with which field.
    package struct Refusal: Error, Equatable {
        package var code = ErrorCode.invalidArgument
        package var field: String?
        package let found: String

        package init(
            code: ErrorCode = .invalidArgument, field: String? = nil, found: String
        ) {
            self.code = code
            self.field = field
            self.found = found
        }
    }

    private enum Step {
        case key(String)
        case place(Int)
    }

    /// As deep as Foundation's decoder goes.
    static let depthMax = 512

    /// 64 requests of 1,000 documents as objects have fewer. At 48 bytes each while the decoder's
    /// notes grow, that is 12 MiB for any body, and one and a half times its bytes for a large one.
    package static func valueCountMax(ofByteCount byteCount: Int) -> Int {
        (1 << 18) + byteCount / 32
    }

    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")

    private let bytes: UnsafeRawBufferPointer
    private let valueCountMax: Int
    private var position = 0
    private var valueCount = 0
    /// Where the value stands that is scanned.
    private var path: [Step] = []

    private init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        valueCountMax = Self.valueCountMax(ofByteCount: bytes.count)
    }

    /// - Throws: For a key that stands twice in an object, a number that no double holds, more
    ///   values than may be, and what is not JSON.
    package static func check(_ json: some ContiguousBytes) throws(Refusal) {
        let checked = json.withUnsafeBytes { bytes in
            Result<Void, Refusal> { () throws(Refusal) in
                var scan = Self(bytes)
                // Some programs put a byte order mark first, and the decoder takes it.
                if bytes.starts(with: [0xef, 0xbb, 0xbf]) { scan.position = 3 }
                try scan.value()
                guard scan.next() == nil else { throw scan.notJSON("the end") }
            }
        }
        try checked.get()
    }

    private mutating func value() throws(Refusal) {
        switch next() {
        case UInt8(ascii: "{"): try object()
        case UInt8(ascii: "["): try array()
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "-"): try number()
        case let byte? where Self.digits.contains(byte): try number()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: throw notJSON("a value")
        }
        try count()
    }

    private mutating func object() throws(Refusal) {
        try enter()
        var keys: Set<String> = []
        if !skip(UInt8(ascii: "}")) {
            repeat {
                guard next() == UInt8(ascii: "\"") else { throw notJSON("a key") }
                let key = try text(of: string())
                try count()
                path.append(.key(key))
                guard keys.insert(key).inserted else {
                    throw Refusal(
                        field: dotted,
                        found: "found the key '\(dotted.printable(80))' twice, expected it once")
                }
                guard skip(UInt8(ascii: ":")) else { throw notJSON("a colon") }
                try value()
                path.removeLast()
            } while skip(UInt8(ascii: ","))
            guard skip(UInt8(ascii: "}")) else { throw notJSON("a comma or a closing brace") }
        }
    }

    private mutating func array() throws(Refusal) {
        try enter()
        if !skip(UInt8(ascii: "]")) {
            var place = 0
            repeat {
                path.append(.place(place))
                try value()
                path.removeLast()
                place += 1
            } while skip(UInt8(ascii: ","))
            guard skip(UInt8(ascii: "]")) else { throw notJSON("a comma or a closing bracket") }
        }
    }

    private mutating func enter() throws(Refusal) {
        position += 1
        guard path.count < Self.depthMax else {
            throw Refusal(found: "found more than \(Self.depthMax) levels, one within the other")
        }
    }

    private mutating func count() throws(Refusal) {
        valueCount += 1
        guard valueCount <= valueCountMax else {
            throw Refusal(
                code: .tooLarge,
                found:
                    "found more than \(valueCountMax) values, "
                    + "expected at most so many in \(bytes.count) bytes"
            )
        }
    }

    /// - Returns: What stands between the quotes, as it is written.
    private mutating func string() throws(Refusal) -> Range<Int> {
        let start = position + 1
        var end = start
        while true {
            guard let base = bytes.baseAddress,
                let quote = memchr(base + end, Int32(UInt8(ascii: "\"")), bytes.count - end)
            else {
                position = bytes.count
                throw notJSON("a closing quote")
            }
            end = base.distance(to: UnsafeRawPointer(quote))
            // One that an odd number of backslashes stand before is part of the string.
            let escapes = bytes[start..<end].reversed().prefix { $0 == UInt8(ascii: "\\") }.count
            guard escapes % 2 == 1 else { break }
            end += 1
        }
        position = end + 1
        return start..<end
    }

    /// What a key says: the same one may be written with escapes and without.
    private func text(of range: Range<Int>) throws(Refusal) -> String {
        let written = bytes[range]
        if !written.contains(UInt8(ascii: "\\")) {
            if let text = String(validating: written, as: UTF8.self) { return text }
        } else if let text = try? JSONDecoder().decode(
            String.self, from: Data(bytes[range.lowerBound - 1...range.upperBound]))
        {
            return text
        }
        throw Refusal(
            found:
                "it is not JSON: the key at byte \(range.lowerBound) is no string in UTF-8")
    }

    private mutating func number() throws(Refusal) {
        let start = position
        if peek == UInt8(ascii: "-") { position += 1 }
        if peek == UInt8(ascii: "0") {
            position += 1
        } else {
            try digits()
        }
        if peek == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if let byte = peek, byte | 0x20 == UInt8(ascii: "e") {
            position += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        // Nothing shorter is too large.
        guard position - start > 4 else { return }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard Double(text)?.isFinite == true else {
            throw Refusal(
                field: dotted,
                found:
                    "\(quoted) is \(text.printable(40)), expected a number that a double holds")
        }
    }

    private mutating func digits() throws(Refusal) {
        let start = position
        while let byte = peek, Self.digits.contains(byte) {
            position += 1
        }
        guard position > start else { throw notJSON("a digit") }
    }

    private mutating func word(_ word: StaticString) throws(Refusal) {
        let end = position + word.utf8CodeUnitCount
        let isThere = word.withUTF8Buffer {
            end <= bytes.count && bytes[position..<end].elementsEqual($0)
        }
        guard isThere else { throw notJSON("a value") }
        position = end
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// What comes after white space.
    private mutating func next() -> UInt8? {
        while let byte = peek {
            switch byte {
            case 0x20, 0x0a, 0x0d, 0x09: position += 1
            default: return byte
            }
        }
        return nil
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard next() == byte else { return false }
        position += 1
        return true
    }

    private func notJSON(_ expected: String) -> Refusal {
        let found =
            switch peek {
            case nil: "its end"
            case let byte? where (0x21...0x7e).contains(byte):
                "'\(Character(UnicodeScalar(byte)))'"
            case let byte?: "the byte 0x\(String(byte, radix: 16))"
            }
        return Refusal(
            found: "it is not JSON: found \(found) at byte \(position), expected \(expected)")
    }

    private var dotted: String {
        path.reduce("") { path, step in
            switch step {
            case .place(let place): "\(path)[\(place)]"
            case .key(let key): path.isEmpty ? key : "\(path).\(key)"
            }
        }
    }

    private var quoted: String { path.isEmpty ? "the body" : "'\(dotted.printable(80))'" }
}
