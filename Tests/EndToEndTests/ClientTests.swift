// The HTTPS surface as its users meet it: Cohere's Python client, curl, and a fuzzer that knows
// nothing of us but the OpenAPI description that the server gives it.
import Foundation
import LanguageSystem
import RankerMath
import Rankers
import Testing

/// What deploy/install-test-clients installed.
private enum PublicClients {
    static let directory = Programs.repository.appendingPathComponent(".build/test-clients/bin")
    static var areThere: Bool {
        FileManager.default.isExecutableFile(
            atPath: directory.appendingPathComponent("schemathesis").path)
    }

    static func path(_ name: String) -> String { directory.appendingPathComponent(name).path }
}

/// A coordinator with a ranker of made-up weights for a base model of width 8: ada's own, and
/// everyone's.
private struct ClientSite {
    static let width = 8
    static let candidates = 2
    static let numbers = (0..<(candidates + 1) * width).map { Float16(($0 * 7) % 11 - 5) / 8 }

    let installation: Installation
    let scores: [Float]

    var key: String { installation.apiKey ?? "" }

    static func with(_ body: (ClientSite) async throws -> Void) async throws {
        try await Installation.with { installation in
            let weights = RankerWeights(
                fresh: .preset(kind: .pointwise, hiddenSize: width), seed: 7)
            let bytes = weights.safetensors().map {
                String($0 >> 4, radix: 16) + String($0 & 15, radix: 16)
            }.joined()
            let script = installation.home.appendingPathComponent("register.sql")
            try """
            select ls.register_base_model('llama-8b', \(width), p_layer => 19);
            select ls.register_domain('math');
            select ls.register_domain('math/algebra');
            with w as (select decode('\(bytes)', 'hex') as b), r as (
                select name from ls.register_ranker('llama-8b', 'pointwise', p_user => 'ada')
                union all select name from ls.register_ranker('llama-8b', 'pointwise'))
            select ls.promote(ls.add_version(r.name, sha256(w.b), w.b, '{}'), 'a test') from w, r;
            """.write(to: script, atomically: true, encoding: .utf8)
            let ending = try await installation.lscoord(
                "psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-f", script.path)
            try #require(ending.status == 0, "\(ending)")
            let scores = try numbers.withUnsafeBytes {
                try RankerScorer(weights, precision: .bfloat16).score(
                    features: $0, dtype: .float16, candidateCount: candidates)
            }
            try await body(ClientSite(installation: installation, scores: scores))
        }
    }

    /// What a JSON body says of the features, and of who asks.
    var features: String {
        let data = Self.numbers.withUnsafeBytes { Data($0) }.base64EncodedString()
        return
            #""user": "ada", "features": {"dtype": "float16", "shape": [3, 8], "data": "\#(data)"}"#
    }

    /// Status, headers (names in lower case) and body of an answer.
    func curl(_ path: String, key: String?, _ arguments: [String]) async throws -> (
        status: Int, headers: [String: String], json: [String: Any], text: String
    ) {
        let said = installation.home.appendingPathComponent("headers-\(UUID().uuidString)")
        let ending = try await run(
            "/usr/bin/curl",
            [
                "-sS", "--max-time", "20", "--cacert", installation.authorityPath, "-D", said.path,
                "-w", "\n%{http_code}",
            ] + (key.map { ["-H", "authorization: Bearer \($0)"] } ?? []) + arguments + [
                installation.url + path
            ])
        try #require(ending.status == 0, "\(ending)")
        let lines = ending.output.split(separator: "\n", omittingEmptySubsequences: false)
        let text = lines.dropLast().joined(separator: "\n")
        var headers: [String: String] = [:]
        for line in try String(contentsOf: said, encoding: .utf8).split(whereSeparator: \.isNewline)
        {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        return (
            try #require(Int(lines.last ?? "")), headers,
            (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) ?? [:],
            text
        )
    }

    func file(_ name: String, _ bytes: some DataProtocol) throws -> String {
        let path = installation.home.appendingPathComponent(name)
        try Data(bytes).write(to: path)
        return path.path
    }

    static func relevance(_ score: Float) -> Double { Double((1 + score) / 2) }
}

@Suite(.serialized, .timeLimit(.minutes(20))) struct `Public clients` {
    @Test func `curl gets the ranker's scores for JSON and for safetensors`() async throws {
        try await ClientSite.with { site in
            let json = try site.file(
                "body.json", Data(#"{"model": "llama-8b", \#(site.features)}"#.utf8))
            var writer = SafetensorsWriter(metadata: ["layer": "19"])
            let width = ClientSite.width
            writer.add("instruction", .f16, [width], Array(ClientSite.numbers[..<width]))
            writer.add(
                "responses", .f16, [ClientSite.candidates, width],
                Array(ClientSite.numbers[width...]))
            let tensors = try site.file("body.safetensors", writer.bytes())
            for arguments in [
                ["-H", "content-type: application/json", "--data-binary", "@\(json)"],
                [
                    "-H", "content-type: application/vnd.safetensors", "--data-binary",
                    "@\(tensors)",
                ],
            ] {
                let answer = try await site.curl(
                    "/v1/rerank?model=llama-8b&user=ada", key: site.key, arguments)
                #expect(
                    answer.status == 200 && answer.headers["content-type"] == "application/json",
                    "\(answer)")
                let results = try #require(answer.json["results"] as? [[String: Any]])
                for result in results {
                    let index = try #require(result["index"] as? Int)
                    let score = try #require(result["relevance_score"] as? Double)
                    #expect(abs(score - ClientSite.relevance(site.scores[index])) < 1e-6)
                }
                #expect(results.count == ClientSite.candidates)
            }
            try await refusals(site, tensors)
            try await batch(site)
        }
    }

    /// One that cannot be read does not take the others along.
    private func batch(_ site: ClientSite) async throws {
        let good = #"{"model": "llama-8b", \#(site.features)}"#
        let body = try site.file(
            "batch.json", Data(#"{"requests": [\#(good), {"model": 1}, \#(good)]}"#.utf8))
        let answer = try await site.curl(
            "/v1/rerank/batch", key: site.key,
            ["-H", "content-type: application/json", "--data-binary", "@\(body)"])
        let responses = try #require(answer.json["responses"] as? [[String: Any]], "\(answer)")
        #expect(answer.status == 200 && responses.count == 3)
        #expect(responses[0]["results"] != nil && responses[2]["results"] != nil)
        let error = responses[1]["error"] as? [String: Any]
        let message = error?["message"] as? String
        #expect(message?.contains("'requests[1].model' is not a string") == true, "\(responses)")
    }

    /// Every wrong input: its status, its code, one sentence.
    private func refusals(_ site: ClientSite, _ tensors: String) async throws {
        func json(_ body: String) throws -> [String] {
            let path = try site.file("wrong-\(UUID().uuidString)", Data(body.utf8))
            return ["-H", "content-type: application/json", "--data-binary", "@\(path)"]
        }
        let binary = [
            "-H", "content-type: application/vnd.safetensors", "--data-binary", "@\(tensors)",
        ]
        let good = #"{"model": "llama-8b", \#(site.features)}"#
        let notANumber = Data([UInt8](repeating: 0xff, count: 48)).base64EncodedString()
        var other = SafetensorsWriter(metadata: ["layer": "18"])
        other.add("instruction", .f16, [8], [Float16](repeating: 1, count: 8))
        other.add("responses", .f16, [2, 8], [Float16](repeating: 1, count: 16))
        let otherLayer = try site.file("layer.safetensors", other.bytes())
        let large = try site.file("large", Data(count: (24 << 20) + 1))
        let cases: [(String, String?, [String], Int, String, String)] = [
            ("/v1/rerank", nil, try json(good), 401, "keyRefused", "API key"),
            ("/v1/rerank", "lsk_a_0123456789abcdef", try json(good), 401, "keyRefused", "API key"),
            ("/v1/rerank", site.key, ["-X", "PUT"], 405, "wrongMethod", "PUT"),
            (
                "/v1/rerank", site.key, ["-H", "content-type: text/plain", "--data", "x"], 415,
                "wrongMediaType", "text/plain"
            ),
            ("/v1/nothing", site.key, try json(good), 404, "unknownPath", "/v1/nothing"),
            ("/v1/rerank", site.key, try json("{"), 400, "invalidArgument", "JSON"),
            (
                "/v1/rerank", site.key,
                try json(good.replacing("\"data\": \"", with: "\"data\": \"?")), 400,
                "invalidArgument", "base64"
            ),
            (
                "/v1/rerank", site.key, try json(good.replacing("[3, 8]", with: "[3, 9]")), 400,
                "invalidArgument", "54"
            ),
            (
                "/v1/rerank", site.key, try json(good.replacing("[3, 8]", with: "[4, 6]")), 409,
                "contractMismatch", "found features of width 6, expected 8"
            ),
            (
                "/v1/rerank", site.key, try json("[]"), 400, "invalidArgument",
                "the body is not an object"
            ),
            (
                "/v1/rerank", site.key,
                try json(good.replacing("\"user\"", with: "\"top_n\": 1.5, \"user\"")), 400,
                "invalidArgument", "'top_n' is 1.5, expected a whole number"
            ),
            (
                "/v1/rerank", site.key, try json(good.replacing("[3, 8]", with: "[\"3\", 8]")),
                400, "invalidArgument", "'features.shape[0]' is not a whole number"
            ),
            (
                "/v1/prefetch", site.key, ["-H", "content-type: text/plain", "--data", "{}"], 415,
                "wrongMediaType", "text/plain"
            ),
            (
                "/v1/prefetch", site.key, try json("{}"), 400, "invalidArgument",
                "cannot read the prefetch request: 'model' is missing"
            ),
            (
                "/v1/rerank", site.key, try json(good.replacing("[3, 8]", with: "[2, 12]")), 400,
                "invalidArgument", "3 to 1001"
            ),
            (
                "/v1/rerank", site.key,
                try json(
                    #"""
                    {"model": "llama-8b", "user": "ada", "features": {"dtype": "float16", \#
                    "shape": [3, 8], "data": "\#(notANumber)"}}
                    """#
                ), 422, "invalidFeatures", "finite"
            ),
            (
                "/v1/rerank", site.key, try json(good.replacing("llama-8b", with: "no-such")), 404,
                "unknownBaseModel", "no-such"
            ),
            ("/v1/rerank?user=ada", site.key, binary, 400, "invalidArgument", "'model' is missing"),
            (
                "/v1/rerank?model=llama-8b&top_n=0", site.key, binary, 400, "invalidArgument",
                "top_n"
            ),
            (
                "/v1/rerank?model=llama-8b", site.key,
                [
                    "-H", "content-type: application/vnd.safetensors", "--data-binary",
                    "@\(otherLayer)",
                ], 409, "contractMismatch", "layer 18, expected 19"
            ),
            (
                "/v1/rerank", site.key, try json(good) + ["-H", "content-encoding: gzip"], 415,
                "wrongMediaType", "content-encoding is 'gzip', expected none"
            ),
            (
                "/v1/rerank/batch", site.key, try json("{}") + ["-H", "content-encoding: br"], 415,
                "wrongMediaType", "content-encoding is 'br'"
            ),
            (
                "/v1/rerank?model=llama-8b", site.key,
                ["-H", "content-type: application/vnd.safetensors", "--data-binary", "@\(large)"],
                413, "tooLarge", "larger"
            ),
        ]
        for (path, key, arguments, status, code, word) in cases {
            let answer = try await site.curl(path, key: key, arguments)
            let error = answer.json["error"] as? [String: Any] ?? [:]
            let message = error["message"] as? String ?? ""
            #expect(answer.status == status, "\(path) \(arguments): \(answer)")
            #expect(error["code"] as? String == code, "\(path): \(answer)")
            #expect(message.contains(word) && !message.contains("\n"), "\(path): \(answer)")
            #expect(answer.headers["content-type"] == "application/json", "\(answer)")
            #expect(answer.headers["x-request-id"] == error["requestId"] as? String, "\(answer)")
            #expect(answer.headers["www-authenticate"] == (status == 401 ? "Bearer" : nil))
            #expect(answer.headers["allow"] == (status == 405 ? "POST" : nil), "\(answer)")
        }
    }

    @Test(.enabled(if: PublicClients.areThere, "deploy/install-test-clients was not run"))
    func `Cohere's client reranks, and understands a refusal`() async throws {
        try await ClientSite.with { site in
            let features = try site.file("features.json", Data("{\(site.features)}".utf8))
            let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("Clients/cohere_rerank.py")
            let ending = try await run(
                PublicClients.path("python"),
                [
                    script.path, site.installation.url, site.installation.authorityPath, site.key,
                    features,
                ])
            try #require(ending.status == 0, "\(ending)")
            let lines = ending.output.split(separator: "\n")
            #expect(lines.count == 2)
            let expected = site.scores.enumerated().sorted { $0.element > $1.element }
            for line in lines {
                let said = try #require(
                    JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                #expect(said["refusal"] as? String == "unknownBaseModel", "\(line)")
                let results = try #require(said["results"] as? [[Double]])
                #expect(results.map { Int($0[0]) } == expected.map(\.offset), "\(line)")
                for (result, score) in zip(results, expected) {
                    #expect(abs(result[1] - ClientSite.relevance(score.element)) < 1e-6)
                }
            }
        }
    }

    @Test(.enabled(if: PublicClients.areThere, "deploy/install-test-clients was not run"))
    func `a fuzzer finds nothing that the OpenAPI description does not say`() async throws {
        try await ClientSite.with { site in
            // Bytes that are not as many as the shape says, or a model that is not there, cannot be
            // said in a schema: that such a request is refused is not held against the server.
            try await fuzz(
                site, site.installation.url + "/openapi.json",
                ["--exclude-checks", "positive_data_acceptance,negative_data_rejection"])
            // What the schema does not allow is refused. But for headers and parameters that are
            // not meant, which HTTP wants to be ignored: this description names none. A batch
            // answers each of its requests by itself.
            let whole = try await site.installation.curl("/openapi.json").output
            var description = try #require(
                JSONSerialization.jsonObject(with: Data(whole.utf8)) as? [String: Any])
            let information = description["info"] as? [String: Any]
            #expect(information?["version"] as? String == ProductVersion.current)
            var paths = try #require(description["paths"] as? [String: [String: [String: Any]]])
            for (path, methods) in paths {
                for (method, operation) in methods {
                    let parameters = operation["parameters"] as? [[String: Any]] ?? []
                    let inPath = parameters.filter { $0["in"] as? String == "path" }
                    paths[path]?[method]?["parameters"] = inPath.isEmpty ? nil : inPath
                }
            }
            paths["/v1/rerank/batch"] = nil
            description["paths"] = paths
            let file = try site.file(
                "openapi.json", try JSONSerialization.data(withJSONObject: description))
            try await fuzz(site, file, ["--checks", "negative_data_rejection,not_a_server_error"])
            #expect(try await site.installation.curl("/readyz").status == 0)
        }
    }

    private func fuzz(_ site: ClientSite, _ schema: String, _ arguments: [String]) async throws {
        // In a file rather than as a header: then it can be left out, to see what happens.
        let settings = try site.file(
            "schemathesis.toml", Data("[auth.openapi.key]\nbearer = \"\(site.key)\"\n".utf8))
        let ending = try await run(
            PublicClients.path("schemathesis"),
            [
                "--config-file", settings, "run", schema, "--url", site.installation.url,
                "--tls-verify", site.installation.authorityPath, "--seed", "11",
                "--max-examples", "30", "--phases", "examples,coverage,fuzzing", "--max-time",
                "30", "--request-timeout", "10", "--suppress-health-check", "all", "--no-color",
            ] + arguments, in: site.installation.home, within: 150)
        #expect(ending.status == 0, "\(ending.output.suffix(8_000))\n\(ending.errors)")
        #expect(ending.output.contains("Tested: 12"), "\(ending.output)")
        print(ending.output.suffix(300))
    }
}
