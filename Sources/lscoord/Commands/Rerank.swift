// A small client of POST /v1/rerank, useful by itself: takes a query from a feature file, with the
// signals that the file has of its responses, asks, and prints the order. With --print-request it
// prints the body for curl instead.
public import ArgumentParser
import AsyncHTTPClient
import Foundation
import LanguageSystem
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL
import PKI
import RankerMath
public import Rankers
import TLSDiagnosis

struct Rerank: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask a running coordinator to rerank one query of a feature file.",
        discussion: """
            Examples:
              lscoord rerank --model minilm-l6-math-l5 --user ada --domain math/algebra \\
                  --features deploy/examples/math/algebra/test.safetensors --query 3
              lscoord rerank --model 'math/algebra.listwise@1' --features FILE --query 0 --top 3
              lscoord rerank --model M --features FILE --query 0 --print-request | curl … \
            --data-binary @-
            """)

    @Option(help: "A base model, or RANKER, RANKER:ALIAS or RANKER@NUMBER.")
    var model: String
    @Option(help: "The user of the request.")
    var user: String?
    @Option(help: "The request's domain, such as math/algebra.")
    var domain: String?
    @Option(help: ArgumentHelp("The feature file that has the query.", valueName: "file"))
    var features: String
    @Option(help: ArgumentHelp("Number of the query in the file, from 0.", valueName: "n"))
    var query: Int
    @Option(help: ArgumentHelp("Send only the first K candidates.", valueName: "k"))
    var candidates: Int?
    @Option(help: ArgumentHelp("Number of candidates to show, best first.", valueName: "n"))
    var top: Int?
    @Option(
        help: ArgumentHelp(
            "What comes first: best, the best candidate, or weighted_vote, the best answer.",
            valueName: "rule"))
    var aggregate: Aggregate?
    @Option(
        help: ArgumentHelp(
            "File with an API key. Default: LSCOORD_API_KEY in the environment.", valueName: "file")
    )
    var keyFile: String?
    @Option(help: ArgumentHelp("Address of the coordinator's HTTPS port.", valueName: "host:port"))
    var coordinator: String?
    @Option(
        help: ArgumentHelp(
            "Certificate authority to trust. Default: the data directory's.", valueName: "file"))
    var ca: String?
    @Flag(help: "Print the JSON of the reply unchanged.")
    var json = false
    @Flag(help: "Print the request's body and send nothing.")
    var printRequest = false
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let set = try FeatureSet(contentsOf: features)
        let body = try requestBody(set)
        if printRequest {
            print(String(decoding: body, as: UTF8.self))
            return
        }
        let settings = try await Settings.resolve(common)
        let address =
            try coordinator.map { text throws(LanguageSystemError) in
                try HostPort(text, setting: "--coordinator", defaultPort: 8_443)
            } ?? settings.restAddress
        if coordinator != nil, let fault = HostAddress.fault(in: address.host) {
            throw LanguageSystemError.unusableHost(
                address.host, setting: "--coordinator", because: fault)
        }
        let authority = ca ?? settings.dataDirectory + "/ca/ca.pem"
        let (status, reply) = try await post(
            body, to: address, trusting: authority, key: try apiKey())
        guard status == 200 else { throw LanguageSystemError.refusedByServer(status, reply) }
        if json {
            print(String(decoding: reply, as: UTF8.self))
        } else {
            try show(reply, set)
        }
    }

    private func requestBody(_ set: FeatureSet) throws -> Data {
        guard (0..<set.queryCount).contains(query) else {
            throw LanguageSystemError.noSuchQuery(query, in: features, count: set.queryCount)
        }
        let rows = set.offsets[query]..<set.offsets[query + 1]
        let count = min(candidates ?? rows.count, rows.count)
        let bytes = try rowBytes(set, query: query, rows: rows.lowerBound..<rows.lowerBound + count)
        var object: [String: Any] = [
            "model": model,
            "features": [
                "dtype": Self.jsonName(of: set.responseType), "shape": [count + 1, set.hiddenSize],
                "data": bytes.base64EncodedString(),
            ] as [String: Any],
        ]
        if let user { object["user"] = user }
        if let domain { object["domain"] = domain }
        if let top { object["top_n"] = top }
        if let aggregate { object["aggregate"] = aggregate.rawValue }
        for (field, values) in signals(set, rows.prefix(count)) { object[field] = values }
        return try JSONSerialization.data(
            withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
    }

    /// What the file knows of these responses, by the request's fields.
    private func signals(_ set: FeatureSet, _ rows: Range<Int>) -> [String: Any] {
        var fields: [String: Any] = [:]
        fields["logprobs"] = set.logProbabilities.map { $0[rows].map(Double.init) }
        fields["token_counts"] = set.tokenCounts.map { $0[rows].map(Int.init) }
        // Files have a number for each answer and -1 for none.
        fields["answers"] = set.answers.map { all in
            all[rows].map { answer -> Any in answer < 0 ? NSNull() : Int(answer) }
        }
        fields["finish_reason"] = set.finished.map { $0[rows].map { $0 ? "stop" : "length" } }
        if !set.numbers.isEmpty {
            fields["signals"] = set.numbers.mapValues { $0[rows].map(Double.init) }
        }
        return fields
    }

    private static func jsonName(of type: FeatureType) -> String {
        switch type {
        case .float16: "float16"
        case .bfloat16: "bfloat16"
        case .float32: "float32"
        }
    }

    /// The instruction, then the responses, as the file stores them.
    private func rowBytes(_ set: FeatureSet, query: Int, rows: Range<Int>) throws -> Data {
        guard set.instructionType == set.responseType else {
            throw LanguageSystemError(
                .invalidFeatures,
                "cannot rerank from \(features): instructions and responses are of two types")
        }
        return try set.withBytes { bytes in
            let file = try SafetensorsFile(parsing: bytes, name: features, code: .invalidFeatures)
            let rowByteCount = set.hiddenSize * set.responseType.byteCount
            func part(_ tensor: String, _ rows: Range<Int>) -> UnsafeRawBufferPointer {
                // A feature set has both tensors, or it could not have been opened.
                let start = file.tensors[tensor]!.byteRange.lowerBound
                return UnsafeRawBufferPointer(
                    rebasing: bytes[
                        start + rows.lowerBound * rowByteCount..<start + rows.upperBound
                            * rowByteCount])
            }
            return Data(part("instruction", query..<query + 1)) + Data(part("responses", rows))
        }
    }

    private func apiKey() throws -> String {
        if let keyFile {
            guard let text = try? String(contentsOfFile: keyFile, encoding: .utf8) else {
                throw LanguageSystemError.noAPIKey("found no readable file \(keyFile)")
            }
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let written = ProcessInfo.processInfo.environment["LSCOORD_API_KEY"]
        guard let key = written?.trimmingCharacters(in: .whitespacesAndNewlines), !key.isEmpty
        else {
            throw LanguageSystemError.noAPIKey("found neither --key-file nor LSCOORD_API_KEY")
        }
        return key
    }

    private func post(
        _ body: Data, to address: HostPort, trusting authority: String, key: String
    ) async throws -> (UInt, Data) {
        var tls = TLSConfiguration.makeClientConfiguration()
        do {
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
        } catch {
            throw LanguageSystemError.unreadableAuthority(authority)
        }
        // The server's certificate always names localhost, not every loopback address.
        let host = address.host == "127.0.0.1" ? "localhost" : address.host
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls))
        defer { client.shutdown { _ in } }
        do {
            var request = HTTPClientRequest(url: "https://\(host):\(address.port)/v1/rerank")
            request.method = .POST
            request.headers.add(name: "content-type", value: "application/json")
            request.headers.add(name: "authorization", value: "Bearer \(key)")
            request.body = .bytes(ByteBuffer(data: body))
            let response = try await client.execute(request, timeout: .seconds(30))
            let reply = try await response.body.collect(upTo: 16 << 20)
            return (UInt(response.status.code), Data(buffer: reply))
        } catch {
            let failure = LanguageSystemError.unreachable(address, cause: error)
            guard TLSDiagnosis.concerns("\(error)"),
                let roots = try? String(contentsOfFile: authority, encoding: .utf8),
                let fault = await TLSDiagnosis.fault(
                    host: host, port: address.port, trusting: roots,
                    address: address.description, showsCertificate: false)
            else { throw failure }
            throw fault.caused(by: "\(error)")
        }
    }

    private func show(_ reply: Data, _ set: FeatureSet) throws {
        let reply = try JSONDecoder().decode(Reply.self, from: reply)
        print("served by \(reply.model) (\(reply.meta.reason)): \(reply.meta.explanation)")
        if let signals = reply.meta.signals, !signals.isEmpty {
            print("ordered with \(signals.joined(separator: ", "))")
        }
        var table = TextTable(
            ["place", "candidate", "relevance", "label"], rightAligned: [0, 1, 2, 3])
        for (place, result) in reply.results.enumerated() {
            let label = set.labels[set.offsets[query] + result.index]
            table.add([
                "\(place + 1)", "\(result.index)", String(format: "%.4f", result.relevance_score),
                String(format: "%g", label),
            ])
        }
        print(table.text)
    }

    private struct Reply: Decodable {
        struct Result: Decodable {
            let index: Int
            let relevance_score: Double
        }
        struct Meta: Decodable {
            let reason: String
            let explanation: String
            let signals: [String]?
        }
        let model: String
        let results: [Result]
        let meta: Meta
    }
}

extension LanguageSystemError {
    static func noAPIKey(_ found: String) -> Self {
        Self(
            .keyRefused, "cannot ask for a rerank: \(found), expected an API key",
            hint: "lscoord key create --name me --quiet > key, then --key-file key")
    }

    static func noSuchQuery(_ query: Int, in file: String, count: Int) -> Self {
        Self(
            .invalidArgument, "cannot rerank query \(query) of \(file): expected 0 to \(count - 1)")
    }

    static func unreadableAuthority(_ path: String) -> Self {
        Self(
            .invalidSettings,
            "cannot trust the coordinator: found no certificate authority at \(path)",
            hint: "pass --ca FILE, or --data-dir of the coordinator")
    }

    static func unreachable(_ address: HostPort, cause: any Error) -> Self {
        Self(
            .unavailable, "cannot reach a coordinator at https://\(address)",
            hint: "is lscoord serve running there? --coordinator names another", cause: "\(cause)")
    }

    /// The server's own words.
    static func refusedByServer(_ status: UInt, _ reply: Data) -> Self {
        struct Body: Decodable {
            struct Content: Decodable {
                let message: String
                let code: String
                let hint: String?
            }
            let error: Content
        }
        guard let body = try? JSONDecoder().decode(Body.self, from: reply) else {
            return Self(.internal, "cannot rerank: the server answered \(status)")
        }
        return Self(
            ErrorCode(rawValue: body.error.code) ?? .internal, body.error.message,
            hint: body.error.hint)
    }
}

extension Aggregate: ExpressibleByArgument {}
