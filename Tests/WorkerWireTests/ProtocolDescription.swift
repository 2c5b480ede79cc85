// A protocol as its .proto file states it, and what programs of before would no longer understand
// of a newer one. Knows as much of the language as our files use, and refuses the rest.
import Foundation

struct ProtocolDescription: Sendable {
    struct Field: Sendable, Equatable {
        let name: String
        let type: String
        let isRepeated: Bool
        /// Whether that it was not said is told from its default; so it is in a oneof.
        let isOptional: Bool
        let oneof: String?
    }

    struct Call: Sendable, Equatable {
        let request: String
        let reply: String
    }

    struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var package = ""
    private(set) var messages: [String: [Int: Field]] = [:]
    private(set) var enums: [String: [Int: String]] = [:]
    /// By the path that is called, `package.Service/Method`.
    private(set) var calls: [String: Call] = [:]

    init(_ text: String) throws(Unreadable) {
        var reader = Reader(text)
        while let word = reader.next() {
            switch word {
            case "syntax": while let next = reader.next(), next != ";" {}
            case "package":
                package = try reader.word()
                try reader.expect(";")
            case "message": try readMessage(&reader)
            case "enum": try readEnum(&reader)
            case "service": try readService(&reader)
            default: throw reader.unreadable(word)
            }
        }
    }

    private mutating func readMessage(_ reader: inout Reader) throws(Unreadable) {
        let message = try reader.word()
        try reader.expect("{")
        var fields: [Int: Field] = [:]
        var oneof: String?
        while true {
            var word = try reader.word()
            if word == "}" {
                if oneof == nil { break }
                oneof = nil
                continue
            }
            if word == "oneof" {
                oneof = try reader.word()
                try reader.expect("{")
                continue
            }
            let label = word
            if ["optional", "repeated"].contains(label) { word = try reader.word() }
            let entry = word == "map" ? try readEntry(&reader) : nil
            let name = try reader.word()
            try reader.expect("=")
            let number = try reader.number()
            try reader.expect(";")
            guard fields[number] == nil else { throw reader.unreadable("\(number) twice") }
            if let entry {
                // A map is sent as a list of its entries.
                word = "\(message).\(name)"
                messages[word] = entry
            }
            fields[number] = Field(
                name: name, type: word, isRepeated: label == "repeated" || entry != nil,
                isOptional: label == "optional" || oneof != nil, oneof: oneof)
        }
        messages[message] = fields
    }

    /// The key and the value of a map, `<Key, Value>`.
    private func readEntry(_ reader: inout Reader) throws(Unreadable) -> [Int: Field] {
        func field(_ name: String, _ type: String) -> Field {
            Field(name: name, type: type, isRepeated: false, isOptional: false, oneof: nil)
        }
        try reader.expect("<")
        let key = try reader.word()
        try reader.expect(",")
        let value = try reader.word()
        try reader.expect(">")
        return [1: field("key", key), 2: field("value", value)]
    }

    private mutating func readEnum(_ reader: inout Reader) throws(Unreadable) {
        let name = try reader.word()
        try reader.expect("{")
        var values: [Int: String] = [:]
        while case let value = try reader.word(), value != "}" {
            try reader.expect("=")
            values[try reader.number()] = value
            try reader.expect(";")
        }
        enums[name] = values
    }

    private mutating func readService(_ reader: inout Reader) throws(Unreadable) {
        let service = try reader.word()
        try reader.expect("{")
        while case let word = try reader.word(), word != "}" {
            guard word == "rpc" else { throw reader.unreadable(word) }
            let method = try reader.word()
            let request = try reader.parenthesised()
            try reader.expect("returns")
            calls["\(package).\(service)/\(method)"] = Call(
                request: request, reply: try reader.parenthesised())
            try reader.expect(";")
        }
    }

    /// What a program that knows `before` would miss or misread in this one. What is new is no
    /// difference.
    func differences(from before: ProtocolDescription) -> [String] {
        var found: [String] = []
        for (name, fields) in before.messages {
            guard let present = messages[name] else {
                found.append("message \(name) is gone")
                continue
            }
            for (number, field) in fields where present[number] != field {
                let now = present[number].map { "\($0)" } ?? "gone"
                found.append("\(name), field \(number): was \(field), is \(now)")
            }
        }
        for (name, values) in before.enums {
            for (number, value) in values where enums[name]?[number] != value {
                found.append("\(name), value \(number): was \(value)")
            }
        }
        for (path, call) in before.calls where calls[path] != call {
            found.append("\(path): was \(call)")
        }
        return found.sorted()
    }
}

extension ProtocolDescription {
    /// Words and signs, one after the other, without comments.
    private struct Reader {
        private var rest: ArraySlice<String>

        init(_ text: String) {
            rest =
                text.replacing(/\/\/[^\n]*/, with: "").matches(of: /[\w.]+|"[^"]*"|[^\s\w]/)
                .map { String($0.0) }[...]
        }

        mutating func next() -> String? { rest.popFirst() }

        mutating func word() throws(Unreadable) -> String {
            guard let word = next() else { throw unreadable("its end") }
            return word
        }

        mutating func expect(_ sign: String) throws(Unreadable) {
            let found = try word()
            guard found == sign else { throw unreadable("'\(found)', expected '\(sign)'") }
        }

        mutating func number() throws(Unreadable) -> Int {
            let found = try word()
            guard let number = Int(found) else { throw unreadable(found) }
            return number
        }

        /// `(stream Type)`, without the parentheses.
        mutating func parenthesised() throws(Unreadable) -> String {
            try expect("(")
            var words: [String] = []
            while case let word = try word(), word != ")" { words.append(word) }
            return words.joined(separator: " ")
        }

        func unreadable(_ what: String) -> Unreadable {
            Unreadable(
                description: "cannot read the protocol: found \(what) before "
                    + rest.prefix(5).joined(separator: " "))
        }
    }
}
