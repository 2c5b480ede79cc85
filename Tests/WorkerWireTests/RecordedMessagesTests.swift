// Programs of before and of now work together. What was recorded in `Recorded` was said by a
// program of before: it is still read as the same value, and the same value is still said in the
// same bytes. The values are written out here, so that a mapping cannot change on both of its sides
// at once.
import Foundation
import LanguageSystem
import RerankWire
import SwiftProtobuf
import Testing
import WorkerWire

/// One kind of message, as it was sent.
struct Recording: Sendable, CustomTestStringConvertible {
    let name: String
    /// The message's name in its protocol.
    let message: String
    /// What is sent today.
    let bytes: @Sendable () throws -> [UInt8]
    /// Whether these bytes mean today what they meant then.
    let isRead: @Sendable ([UInt8]) throws -> Bool
    /// Every field that is said, in the text format.
    let text: @Sendable ([UInt8]) throws -> String

    var testDescription: String { name }

    init<M: SwiftProtobuf.Message, Value: Equatable & Sendable>(
        _ name: String, _ value: @autoclosure @escaping @Sendable () throws -> Value,
        as encode: @escaping @Sendable (Value) -> M,
        read: @escaping @Sendable (M) throws -> Value
    ) {
        self.name = name
        message = String(M.protoMessageName.split(separator: ".").last ?? "")
        bytes = { try encode(try value()).serializedBytes() }
        isRead = { try read(try M(serializedBytes: $0)) == value() }
        text = { try M(serializedBytes: $0).textFormatString() }
    }

    /// A message that has no value of its own.
    init<M: SwiftProtobuf.Message & Equatable & Sendable>(
        _ name: String, _ fill: @escaping @Sendable (inout M) throws -> Void
    ) {
        self.init(
            name,
            try {
                var message = M()
                try fill(&message)
                return message
            }(), as: { $0 }, read: { $0 })
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Recorded")
    static let isRecordingAsked = ProcessInfo.processInfo.environment["LS_REGENERATE"] != nil

    /// The bytes of before. With LS_REGENERATE set, what is missing is recorded; nothing is
    /// overwritten.
    func recorded() throws -> [UInt8] {
        let file = Self.folder.appending(path: "\(name).bin")
        if Self.isRecordingAsked, !FileManager.default.fileExists(atPath: file.path) {
            try Data(try bytes()).write(to: file)
        }
        return [UInt8](try Data(contentsOf: file))
    }
}

@Suite struct `Recorded messages` {
    static let all = workers + coordinators + peers + callers

    @Test(arguments: all)
    func `recorded messages mean what they meant`(recording: Recording) throws {
        let recorded = try recording.recorded()
        #expect(try recording.isRead(recorded))
        #expect(try recording.bytes() == recorded)
    }

    @Test(.disabled(if: Recording.isRecordingAsked, "they are being recorded"))
    func `recorded messages are all that is in the folder`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Recording.folder.path)
            .filter { $0.hasSuffix(".bin") }
        #expect(Set(files) == Set(Self.all.map { "\($0.name).bin" }))
    }

    @Test(arguments: ["WorkerWire/worker.proto", "RerankWire/rerank.proto"])
    func `recorded messages are of protocols that were only added to`(path: String) throws {
        let source = `Recorded messages`.sources.appending(path: path)
        let file = Recording.folder.appending(path: source.lastPathComponent)
        if Recording.isRecordingAsked, !FileManager.default.fileExists(atPath: file.path) {
            try FileManager.default.copyItem(at: source, to: file)
        }
        let before = try ProtocolDescription(try String(contentsOf: file, encoding: .utf8))
        let now = try ProtocolDescription(try String(contentsOf: source, encoding: .utf8))
        try #require(before.messages.count > 10)
        #expect(now.differences(from: before) == [])
    }

    /// Each field of each message that programs send is in a recording, so a new one asks for its
    /// own.
    @Test func `recorded messages say every field of both protocols`() throws {
        var missing: Set<String> = []
        var messages: [String: [Int: ProtocolDescription.Field]] = [:]
        for path in ["WorkerWire/worker.proto", "RerankWire/rerank.proto"] {
            let file = `Recorded messages`.sources.appending(path: path)
            let description = try ProtocolDescription(try String(contentsOf: file, encoding: .utf8))
            messages.merge(description.messages) { first, _ in first }
        }
        for (name, fields) in messages {
            missing.formUnion(fields.values.map { "\(name).\($0.name)" })
        }
        for recording in Self.all {
            var path = [recording.message]
            for line in try recording.text(try recording.recorded()).split(separator: "\n") {
                let word = String(line.prefix { $0 != ":" && $0 != "{" }.filter { $0 != " " })
                if word == "}" {
                    path.removeLast()
                    continue
                }
                let message = try #require(path.last)
                let field = try #require(
                    messages[message]?.values.first { $0.name == word }, "\(message): \(line)")
                missing.remove("\(message).\(word)")
                if line.hasSuffix("{") { path.append(field.type) }
            }
        }
        #expect(missing.isEmpty)
    }

    static let sources = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")
}

@Suite struct `Changes of a protocol` {
    static let before = """
        syntax = "proto3";
        package p;
        service S { rpc Ask(A) returns (stream B); }
        enum E { NONE = 0; SOME = 1; }
        message A {  // said first
          string name = 1;
          repeated bytes digests = 2;
          optional int32 layer = 3;
          oneof kind { B b = 4; E e = 5; }
        }
        message B {}
        """

    @Test(arguments: [
        ("string name = 1;", "string name = 1; bool added = 6;"),
        ("NONE = 0;", "NONE = 0; MORE = 2;"),
        ("message B {}", "message B { bool added = 1; }"), ("// said first", "// said second"),
        ("rpc Ask(A)", "rpc Tell(A) returns (B); rpc Ask(A)"),
    ])
    func `changes that add to a protocol go unnoticed by programs of before`(
        old: String, new: String
    ) throws {
        let now = try ProtocolDescription(Self.before.replacingOccurrences(of: old, with: new))
        #expect(now.differences(from: try ProtocolDescription(Self.before)) == [])
    }

    @Test(arguments: [
        ("string name = 1;", ""), ("string name = 1;", "string name = 6;"),
        ("string name = 1;", "bytes name = 1;"), ("string name = 1;", "string other = 1;"),
        ("string name = 1;", "repeated string name = 1;"),
        ("string name = 1;", "optional string name = 1;"), ("repeated bytes", "bytes"),
        ("optional int32", "int32"), ("oneof kind { B b = 4; E e = 5; }", "B b = 4; E e = 5;"),
        ("SOME = 1;", ""), ("SOME = 1;", "OTHER = 1;"), ("message B {}", ""), ("stream B", "B"),
        ("rpc Ask(A)", "rpc Ask(B)"), ("rpc Ask", "rpc Tell"), ("service S", "service T"),
        ("package p", "package q"),
    ])
    func `changes of a protocol that programs of before would misread are found`(
        old: String, new: String
    ) throws {
        let now = try ProtocolDescription(Self.before.replacingOccurrences(of: old, with: new))
        #expect(now.differences(from: try ProtocolDescription(Self.before)).count >= 1)
    }

    @Test(arguments: [
        "import \"x\";", "message A { map<string B> b = 1; }", "message A { string a = 1; ",
        "message A { string a = one; }", "message A { string a = 1; string b = 1; }",
    ])
    func `changes of a protocol are not looked for in what cannot be read`(text: String) {
        #expect(throws: ProtocolDescription.Unreadable.self) { try ProtocolDescription(text) }
    }
}
