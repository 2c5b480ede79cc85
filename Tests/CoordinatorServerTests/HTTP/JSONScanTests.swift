// What is said of a JSON body before Foundation's decoder reads it: keys that stand twice, numbers
// that fit nowhere, and what is not JSON although that decoder takes it for some.
import Coordination
import Foundation
import HummingbirdCore
import LanguageSystem
import Ledger
import Rankers
import Testing

@testable import CoordinatorServer

@Suite struct `JSON scan` {
    private static let good =
        #"{"model":"m","features":{"dtype":"float32","shape":[3,1],"data":"AAAAAAAAAAAAAAAA"}}"#

    @Test(arguments: [
        (#"{"model":"a","model":"b"}"#, "model"),
        (#"{"features":{"shape":[3],"dtype":"float16","shape":[3]}}"#, "features.shape"),
        (#"{"requests":[{},{"top_n":1,"top_n":1}]}"#, "requests[1].top_n"),
        // The same key in other letters of JSON, and of Unicode.
        (#"{"model":"a","mod\u0065l":"b"}"#, "model"),
        ("{\"caf\u{e9}\":1,\"cafe\u{301}\":2}", "caf\u{e9}"),
    ])
    func `a key that stands twice is refused by its name`(json: String, field: String) throws {
        let refusal = #expect(throws: JSONScan.Refusal.self) {
            try JSONScan.check(Data(json.utf8))
        }
        #expect(refusal?.field == field)
        #expect(refusal?.found == "found the key '\(field)' twice, expected it once")
    }

    @Test func `the same key in two objects stands once in each`() throws {
        try JSONScan.check(Data(#"{"a":{"a":1,"b":{"a":2}},"b":[{"a":1},{"a":1}]}"#.utf8))
    }

    @Test(arguments: ["1e400", "-1e400", String(repeating: "9", count: 400), "123e9999999999"])
    func `a number that no double holds is named`(number: String) throws {
        for (path, before, json) in [
            ("top_n", "\"model\"", "\"top_n\":\(number),"),
            (
                "features.contract.layer_fraction", "\"dtype\"",
                "\"contract\":{\"layer_fraction\":\(number)},"
            ),
        ] {
            let body = Self.good.replacing(before, with: json + before)
            let error = #expect(throws: LanguageSystemError.self) {
                try RerankBody.parse(Data(body.utf8))
            }
            #expect(error?.field == path && error?.code == .invalidArgument)
            let found = number.printable(40)
            #expect(
                error?.message
                    == "cannot read the rerank request: '\(path)' is \(found), "
                    + "expected a number that a double holds"
            )
        }
    }

    @Test(arguments: [
        ("9223372036854775808", "a whole number from \(Int.min) to \(Int.max)"),
        ("-1e30", "a whole number from \(Int.min) to \(Int.max)"), ("1.5", "a whole number"),
    ])
    func `a number that is no count is said`(number: String, expected: String) throws {
        let body = Self.good.replacing("{\"model\"", with: #"{"top_n":\#(number),"model""#)
        let error = #expect(throws: LanguageSystemError.self) {
            try RerankBody.parse(Data(body.utf8))
        }
        #expect(error?.field == "top_n")
        #expect(error?.message.contains("'top_n' is ") == true)
        #expect(error?.message.hasSuffix(", expected \(expected)") == true, "\(error as Any)")
    }

    @Test func `a count is read to its last digit`() throws {
        let body = Self.good.replacing("{\"model\"", with: #"{"top_n":9007199254740993,"model""#)
        #expect(try RerankBody.parse(Data(body.utf8)).topN?.value == 9_007_199_254_740_993)
    }

    @Test(arguments: [
        ("[1,]", "found ']' at byte 3, expected a value"),
        (#"{"a":1,}"#, "found '}' at byte 7, expected a key"),
        ("[1 2]", "found '2' at byte 3, expected a comma or a closing bracket"),
        (#"{"a" 1}"#, "found '1' at byte 5, expected a colon"),
        ("[01]", "found '1' at byte 2, expected a comma or a closing bracket"),
        ("[1.]", "found ']' at byte 3, expected a digit"),
        ("[+1]", "found '+' at byte 1, expected a value"),
        ("[nul]", "found 'n' at byte 1, expected a value"),
        ("{} {}", "found '{' at byte 3, expected the end"),
        ("", "found its end at byte 0, expected a value"),
        (#"["a\"]"#, "found its end at byte 6, expected a closing quote"),
        ("[\u{c}1]", "found the byte 0xc at byte 1, expected a value"),
    ])
    func `what is not JSON is said with its place`(json: String, found: String) {
        let refusal = #expect(throws: JSONScan.Refusal.self) {
            try JSONScan.check(Data(json.utf8))
        }
        #expect(refusal == JSONScan.Refusal(found: "it is not JSON: \(found)"))
    }

    @Test(arguments: [
        "1", "-0.5e-7", "true", "null", " [ ] ", "{ }", #""\\""#, #"["\\\"", "\u00e9"]"#,
        "\u{feff}{}", #"{"":{"":0}}"#, "[[[]],{}]\r\n\t ",
    ])
    func `what is JSON passes`(json: String) throws {
        try JSONScan.check(Data(json.utf8))
    }

    @Test func `a byte order mark is no fault`() throws {
        #expect(try RerankBody.parse(Data("\u{feff}\(Self.good)".utf8)).model == "m")
    }

    @Test func `no more values are read than a body has room to be remembered for`() throws {
        let most = JSONScan.valueCountMax(ofByteCount: 600_000)
        for (count, isRead) in [(most - 1, true), (most, false)] {
            // Wherever they stand, the array itself is one more.
            let json = "[" + String(repeating: "1,", count: count - 1) + "1]"
            let padded = json + String(repeating: " ", count: 600_000 - json.utf8.count)
            if isRead {
                try JSONScan.check(Data(padded.utf8))
            } else {
                let refusal = #expect(throws: JSONScan.Refusal.self) {
                    try JSONScan.check(Data(padded.utf8))
                }
                #expect(refusal?.code == .tooLarge)
            }
        }
    }

    @Test(arguments: [(512, true), (513, false), (1_000_000, false)])
    func `nothing lies deeper than the decoder goes`(depth: Int, isRead: Bool) {
        let json = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        let refusal = Result { try JSONScan.check(Data(json.utf8)) }
        #expect(((try? refusal.get()) != nil) == isRead)
    }

    @Test func `a refusal says the field to programs, too`() throws {
        let error = LanguageSystemError.malformedRerank("top_n is 0", field: "top_n")
        let json = ErrorBody(error, requestID: "r").json
        #expect(
            String(decoding: json.bytes, as: UTF8.self).contains(#""param":"top_n","code""#))
        let unknown = ErrorBody(LanguageSystemError(.unknownRanker, "no"), requestID: "r").json
        #expect(String(decoding: unknown.bytes, as: UTF8.self).contains(#""param":"model""#))
        let none = ErrorBody(.bodyTooLarge(), requestID: "r").json
        #expect(String(decoding: none.bytes, as: UTF8.self).contains(#""param":null,"code""#))
    }

    @Test(arguments: ["nan", "inf", "-inf", "-infinity"])
    func `a fraction in metadata is finite`(text: String) throws {
        let error = #expect(throws: LanguageSystemError.self) {
            try RerankCall(.safetensors, Self.safetensors(text), query: "model=m")
        }
        #expect(error?.code == .invalidArgument && error?.field == "layer_fraction")
        let call = try RerankCall(
            .safetensors, Self.safetensors("0.5"), query: "model=m")
        #expect(call.request.contract.layerFraction == 0.5)
    }

    private static func safetensors(_ fraction: String) -> [UInt8] {
        var writer = SafetensorsWriter(metadata: ["layer_fraction": fraction])
        writer.add("instruction", .f32, [2], [Float(1), 2])
        writer.add("responses", .f32, [2, 2], [Float(1), 2, 3, 4])
        return writer.bytes()
    }
}
