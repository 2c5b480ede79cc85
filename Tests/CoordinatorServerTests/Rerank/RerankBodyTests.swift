// JSON bodies of which one field is wrong: the refusal names that field; and base64 as programs
// write it.
import Coordination
import Foundation
import HummingbirdCore
import LanguageSystem
import Testing

@testable import CoordinatorServer

@Suite struct `Rerank bodies` {
    private static let data = Data((0..<24).flatMap { [UInt8]([0, 0, $0, 0x3f]) }.prefix(24))

    /// Each field of a body, and what may stand there beside what is wrong.
    private static let fields: [(path: String, valid: Set<String>)] = [
        ("model", ["text"]), ("user", ["text", "null"]), ("domain", ["text", "null"]),
        ("query", ["text", "null"]), ("documents", ["null"]), ("documents[0]", ["text"]),
        ("top_n", ["whole", "null"]), ("return_documents", ["bool", "null"]),
        ("raw_scores", ["bool", "null"]), ("fallbacks", ["null"]), ("fallbacks[0]", ["text"]),
        ("features", []), ("features.dtype", ["text"]), ("features.shape", []),
        ("features.shape[0]", ["whole"]), ("features.data", ["text"]),
        ("features.contract", ["object", "null"]),
        ("features.contract.revision", ["text", "null"]),
        ("features.contract.layer", ["whole", "null"]),
        ("features.contract.layer_fraction", ["whole", "fraction", "null"]),
        ("features.contract.norm", ["text", "null"]),
        ("features.contract.pooling", ["text", "null"]),
        ("features.contract.dtype", ["text", "null"]),
        ("features.contract.template_digest", ["text", "null"]),
        ("logprobs", ["null"]), ("logprobs[0]", ["whole", "fraction"]),
        ("token_counts", ["null"]), ("token_counts[0]", ["whole"]),
        ("answers", ["null"]), ("answers[0]", ["text", "whole", "null"]),
        ("finish_reason", ["null"]), ("finish_reason[0]", ["text", "null"]),
        ("signals", ["null"]), ("signals.a", []), ("signals.a[0]", ["whole", "fraction"]),
        ("aggregate", ["text", "null"]),
    ]
    private static let values: [(kind: String, json: String)] = [
        ("text", #""math""#), ("whole", "3"), ("fraction", "1.5"), ("large", "1e30"),
        ("huge", "123456789012345678901234567890"), ("bool", "true"), ("null", "null"),
        ("array", "[[]]"), ("object", #"{"a": {}}"#),
    ]

    @Test(arguments: fields.map(\.path))
    func `a value of the wrong type is refused by its field's name`(path: String) throws {
        let valid = try #require(Self.fields.first { $0.path == path }).valid
        for (kind, json) in Self.values where !valid.contains(kind) {
            // A large number is a number.
            if kind == "large" || kind == "huge", valid.contains("fraction") { continue }
            for batch in [false, true] {
                let body = Self.body(path, json)
                let error = #expect(throws: LanguageSystemError.self, "\(path): \(json)") {
                    if batch {
                        let batch = #"{"requests": [\#(body)]}"#
                        _ = try BatchBody.parse(Data(batch.utf8)).requests[0].body.get()
                    } else {
                        _ = try RerankBody.parse(Data(body.utf8))
                    }
                }
                #expect(error?.code == .invalidArgument)
                let named = batch ? "'requests[0].\(path)" : "'\(path)"
                #expect(
                    error?.message.contains(named) == true,
                    "\(path): \(json): \(error?.message ?? "-")")
            }
        }
        for (kind, json) in Self.values where valid.contains(kind) {
            #expect(throws: Never.self, "\(path): \(json)") {
                try RerankBody.parse(Data(Self.body(path, json).utf8))
            }
        }
    }

    @Test(arguments: ["model", "features", "features.dtype", "features.shape", "features.data"])
    func `a field that is missing is named`(path: String) {
        let error = #expect(throws: LanguageSystemError.self) {
            try RerankBody.parse(Data(Self.body(path, nil).utf8))
        }
        #expect(error?.message.contains("'\(path)' is missing") == true)
    }

    @Test(arguments: ["\n", "\r\n", " ", "\t", "\n\n"])
    func `base64 may come in lines`(separator: String) throws {
        let whole = Self.data.base64EncodedString()
        for width in [1, 4, 7, 76] {
            let lines = stride(from: 0, to: whole.count, by: width).map { start in
                String(whole.dropFirst(start).prefix(width))
            }
            let wrapped = lines.joined(separator: separator) + separator
            #expect(Data(base64Lines: wrapped) == Self.data)
            let json = String(
                decoding: try JSONEncoder().encode(wrapped), as: UTF8.self)
            let call = try RerankCall(
                .json, Array(Self.body("features.data", json).utf8), query: "")
            #expect(Data(call.request.features) == Self.data)
        }
    }

    @Test(arguments: [
        "AAA", "AAA*", "AA\u{0}A", "AA-_", "=AAA", "A===", "AA\u{a0}AA", "data:;base64,AAAA",
    ])
    func `what is no base64 is refused, in lines or not`(text: String) {
        #expect(Data(base64Lines: text) == nil)
        #expect(Data(base64Lines: "AAAA\n" + text) == nil)
    }

    /// A good body in which `path` holds `json`; nil: is not there.
    private static func body(_ path: String, _ json: String?) -> String {
        var contract = [
            "revision": #""r""#, "layer": "1", "layer_fraction": "0.5", "norm": #""rms""#,
            "pooling": #""last""#, "dtype": #""float16""#, "template_digest": #""00""#,
        ]
        let inContract = "features.contract."
        if path.hasPrefix(inContract) { contract[String(path.dropFirst(inContract.count))] = json }
        var features = [
            "dtype": #""float32""#, "shape": "[3, 2]", "data": "\"\(data.base64EncodedString())\"",
            "contract": object(contract),
        ]
        var fields = [
            "model": #""m""#, "user": #""ada""#, "domain": #""math""#, "query": #""q""#,
            "documents": #"["a", {"text": "b"}]"#, "top_n": "1", "return_documents": "true",
            "raw_scores": "false", "fallbacks": #"["x"]"#, "logprobs": "[-1, -2.5]",
            "token_counts": "[3, 4]", "answers": #"["1/2", 3]"#,
            "finish_reason": #"["stop", null]"#, "signals": #"{"a": [1, 2]}"#,
            "aggregate": #""best""#,
        ]
        switch path {
        case "features.shape[0]": features["shape"] = "[\(json ?? ""), 2]"
        case "documents[0]": fields["documents"] = #"[\#(json ?? ""), "b"]"#
        case "fallbacks[0]": fields["fallbacks"] = "[\(json ?? "")]"
        case "logprobs[0]", "token_counts[0]", "answers[0]", "finish_reason[0]":
            fields[String(path.dropLast(3))] = "[\(json ?? "")]"
        case "signals.a": fields["signals"] = #"{"a": \#(json ?? "")}"#
        case "signals.a[0]": fields["signals"] = #"{"a": [\#(json ?? "")]}"#
        default:
            let inFeatures = "features."
            if path.hasPrefix(inFeatures), !path.hasPrefix(inContract) {
                features[String(path.dropFirst(inFeatures.count))] = json
            }
        }
        fields["features"] = object(features)
        if !path.contains("."), !path.contains("[") { fields[path] = json }
        return object(fields)
    }

    private static func object(_ fields: [String: String]) -> String {
        "{" + fields.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
    }
}
