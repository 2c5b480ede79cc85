// Query strings as forms, browsers and URL libraries write them: what goes in comes out, and
// nothing is guessed.
import Coordination
import HummingbirdCore
import LanguageSystem
import RankerMath
import Testing

@testable import CoordinatorServer

@Suite struct `Query strings` {
    @Test(arguments: [
        ("user=a+b", ["user": "a b"]), ("user=a%20b", ["user": "a b"]),
        ("user=a%2Bb", ["user": "a+b"]), ("user=a%2bb&x=", ["user": "a+b", "x": ""]),
        ("", [:]), ("&&a=1&&b=2&", ["a": "1", "b": "2"]), ("a", ["a": ""]), ("a=b=c", ["a": "b=c"]),
        ("a=%E2%82%AC", ["a": "€"]), ("a%3Db=c%26d", ["a=b": "c&d"]), ("=x", ["": "x"]),
        ("a=€", ["a": "€"]), ("a=;b=1", ["a": ";b=1"]),
    ])
    func `query strings are read as forms write them`(text: String, expected: [String: String])
        throws
    {
        let query = try QueryString(text)
        #expect(Set(query.names) == Set(expected.keys))
        for (name, value) in expected { #expect(query[name] == value) }
    }

    @Test(arguments: [
        ("user=a&user=b", "'user' twice"), ("user=a&user=a", "'user' twice"),
        ("user=a&us%65r=b", "'user' twice"), ("user=%", "'user'"), ("user=%4", "'user'"),
        ("user=%zz", "'user'"), ("user=%ff", "'user'"), ("user=%c3", "'user'"), ("%ff=a", "name"),
        ("user=%+1", "'user'"),
    ])
    func `what is no query string is refused in a sentence that names the parameter`(
        text: String, says: String
    ) {
        let error = #expect(throws: LanguageSystemError.self) { _ = try QueryString(text) }
        #expect(error?.code == .invalidArgument && error?.message.contains(says) == true)
    }

    @Test(arguments: UInt64(1)...20)
    func `query strings give back whatever a form encoder was given`(seed: UInt64) throws {
        var random = Generator(seed: seed)
        let alphabet = Array("ab+ %&=;/?#é€😀\u{0}\"")
        for _ in 0..<200 {
            var pairs: [String: String] = [:]
            for number in 0..<Int.random(in: 0..<5, using: &random) {
                func word() -> String {
                    String(
                        (0..<Int.random(in: 0..<9, using: &random)).map { _ in
                            alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                        })
                }
                pairs["\(number)\(word())"] = word()
            }
            let text = pairs.map { "\(Self.encoded($0))=\(Self.encoded($1))" }
                .joined(separator: "&")
            let query = try QueryString(text)
            #expect(Set(query.names) == Set(pairs.keys))
            for (name, value) in pairs { #expect(query[name] == value) }
        }
    }

    @Test func `a user of two words is that user`() throws {
        func call(_ query: String) throws(LanguageSystemError) -> RerankCall {
            try RerankCall(
                .safetensors, `Damaged rerank bodies`.safetensors,
                query: "model=m&\(query)")
        }
        #expect(try call("user=a+b").request.user == "a b")
        #expect(try call("user=a%2Bb").request.user == "a+b")
        #expect(
            try call("domain=math%2Falgebra&fallbacks=a+b,c").request.fallbacks == ["a b", "c"])
        let twice = #expect(throws: LanguageSystemError.self) { try call("user=a&user=b") }
        #expect(twice?.message.contains("'user' twice") == true)
    }

    @Test(
        arguments: [
            ("", 100, nil), ("limit=1", 1, nil), ("limit=1000", 1_000, nil),
            ("after=1.2.3.4&limit=5", 5, "1.2.3.4"),
        ] as [(String, Int, String?)])
    func `a query string says which page of models`(text: String, limit: Int, after: String?) throws
    {
        let query = try ModelQuery(QueryString(text))
        #expect(query.limit == limit && query.after == after)
    }

    @Test(arguments: [
        ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=", "limit"), ("limit=1.5", "limit"),
        ("limit=x", "limit"), ("after=", "after"), ("after=%00", "after"), ("page=2", "'page'"),
        ("limit=1&limit=2", "'limit'"),
    ])
    func `a wrong page of models is refused in a sentence that names the parameter`(
        text: String, says: String
    ) {
        let error = #expect(throws: LanguageSystemError.self) { try ModelQuery(QueryString(text)) }
        #expect(error?.code == .invalidArgument && error?.message.contains(says) == true)
    }

    /// application/x-www-form-urlencoded, of bytes.
    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: " "): "+"
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                String(UnicodeScalar(byte))
            default:
                "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }.joined()
    }
}
