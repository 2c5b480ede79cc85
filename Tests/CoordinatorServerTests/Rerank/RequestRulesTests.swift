// The rules of a request are the same whichever way it takes: each bad request goes the short way,
// through the router and over gRPC, and is refused with the same code and the same sentence.
import Concurrency
import Coordination
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import HTTPTypes
import Hummingbird
import HummingbirdCore
import LanguageSystem
import NIOCore
import NIOEmbedded
import NIOHTTP1
import PKI
import RerankWire
import SwiftProtobuf
import Testing

@testable import CoordinatorServer

/// A request in no particular form.
private struct Asked: Sendable {
    static let traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    var fields: [(name: String, value: String)]
    var model: String? = "tiny"
    var domain: String?
    var topN: Int?
    var fallbacks: [String] = []
    var hiddenSize = RerankSite.width
    var number: UInt16 = 0x3c00
    var isChunked = false
    var logprobs: [Double]?
    var tokenCounts: [Int]?
    var answers: [String?]?
    var finishReasons: [String?]?
    var signals: [String: [Double]] = [:]
    var aggregate: String?

    init(_ key: String) {
        fields = [
            ("authorization", "Bearer \(key)"), ("content-type", "application/json"),
            ("x-request-id", "my.request-1"), ("traceparent", Self.traceParent),
        ]
    }

    mutating func set(_ name: String, _ values: String...) {
        fields.removeAll { $0.name == name }
        fields += values.map { (name, $0) }
    }

    private var features: Data {
        [UInt16](repeating: number, count: 3 * hiddenSize).withUnsafeBytes { Data($0) }
    }

    var json: [UInt8] {
        get throws {
            var body: [String: Any] = [
                "user": "ada", "fallbacks": fallbacks,
                "features": [
                    "dtype": "float16", "shape": [3, hiddenSize],
                    "data": features.base64EncodedString(),
                ] as [String: Any],
            ]
            body["model"] = model
            body["domain"] = domain
            body["top_n"] = topN
            body["logprobs"] = logprobs
            body["token_counts"] = tokenCounts
            body["answers"] = answers.map { $0.map { $0 ?? NSNull() as Any } }
            body["finish_reason"] = finishReasons.map { $0.map { $0 ?? NSNull() as Any } }
            if !signals.isEmpty { body["signals"] = signals }
            body["aggregate"] = aggregate
            return Array(try JSONSerialization.data(withJSONObject: body))
        }
    }

    var message: Languagesystem_V1_RerankRequest {
        .with {
            $0.user = "ada"
            $0.fallbacks = fallbacks
            if let model { $0.model = model }
            if let domain { $0.domain = domain }
            if let topN { $0.topN = UInt32(topN) }
            $0.features.dtype = .float16
            $0.features.candidateCount = 2
            $0.features.hiddenSize = UInt32(hiddenSize)
            $0.features.data = features
            $0.logprobs = logprobs ?? []
            $0.tokenCounts = (tokenCounts ?? []).map(Int64.init)
            $0.answers = (answers ?? []).map { answer in
                .with { if let answer { $0.text = answer } }
            }
            $0.finishReason = (finishReasons ?? []).map { $0 ?? "" }
            $0.signals = signals.mapValues { values in .with { $0.values = values } }
            if let aggregate { $0.aggregate = aggregate }
        }
    }

    /// What is not HTTP's own.
    var metadata: Metadata {
        var metadata: Metadata = [:]
        for (name, value) in fields where name != "content-type" {
            metadata.addString(value, forKey: name)
        }
        return metadata
    }
}

/// What came back: `code` is nil when the request was answered.
private struct Answered: Equatable {
    var code: String?
    var message: String?
    let id: String?
    let traceParent: String?
}

private enum Way: CaseIterable { case shortcut, router, grpc }

private struct BadRequest: Sendable, CustomTestStringConvertible {
    let name: String
    let code: ErrorCode
    /// gRPC has neither media types nor encodings of HTTP, and bounds its messages itself.
    var ways = Way.allCases
    let change: @Sendable (inout Asked) -> Void

    init(
        _ name: String, _ code: ErrorCode, _ ways: [Way] = Way.allCases,
        _ change: @escaping @Sendable (inout Asked) -> Void
    ) {
        (self.name, self.code, self.ways, self.change) = (name, code, ways, change)
    }

    var testDescription: String { name }

    static let http: [Way] = [.shortcut, .router]
    static let all = [
        BadRequest("no key", .keyRefused) { $0.set("authorization") },
        BadRequest("a key of another scheme", .keyRefused) {
            $0.set("authorization", "Basic bHNrX2E6Yg==")
        },
        BadRequest("a key that is too long", .keyRefused) {
            $0.set("authorization", "Bearer lsk_a_\(String(repeating: "0", count: 600))")
        },
        BadRequest("a key that nobody knows", .keyRefused) {
            $0.set("authorization", "Bearer lsk_nobody_0123456789abcdef0123456789abcdef")
        },
        BadRequest("two keys", .keyRefused) {
            $0.fields.append(("authorization", $0.fields[0].value))
        },
        BadRequest("a media type of something else", .wrongMediaType, http) {
            $0.set("content-type", "text/plain")
        },
        BadRequest("two media types", .wrongMediaType, http) {
            $0.set("content-type", "application/json", "application/json")
        },
        BadRequest("a compressed body", .wrongMediaType, http) {
            $0.set("content-encoding", "gzip")
        },
        BadRequest("a body that is compressed on its way", .invalidArgument, http) {
            $0.isChunked = true
            $0.set("transfer-encoding", "gzip, chunked")
        },
        BadRequest("a body that is announced too large", .tooLarge, http) { $0.hiddenSize = 600 },
        BadRequest("a body that grows too large", .tooLarge, http) {
            $0.isChunked = true
            $0.hiddenSize = 600
            $0.set("transfer-encoding", "chunked")
        },
        BadRequest("no model", .invalidArgument) { $0.model = nil },
        BadRequest("too many fallbacks", .invalidArgument) {
            $0.fallbacks = (0..<9).map { "other-\($0)" }
        },
        BadRequest("a domain that is none", .invalidArgument) { $0.domain = "Math//x" },
        BadRequest("none of the candidates", .invalidArgument) { $0.topN = 0 },
        BadRequest("a model that is not there", .unknownBaseModel) { $0.model = "nothing" },
        BadRequest("features of another model", .contractMismatch) { $0.hiddenSize = 9 },
        BadRequest("too few log-probabilities", .invalidArgument) { $0.logprobs = [-1] },
        BadRequest("a log-probability beyond all bounds", .invalidArgument) {
            $0.logprobs = [-1, -1e300]
        },
        BadRequest("too many token counts", .invalidArgument) { $0.tokenCounts = [1, 2, 3] },
        BadRequest("a token count below none", .invalidArgument) { $0.tokenCounts = [1, -2] },
        BadRequest("an answer for one alone", .invalidArgument) { $0.answers = ["1/2"] },
        BadRequest("too many ends", .invalidArgument) { $0.finishReasons = ["stop", nil, nil] },
        BadRequest("a named number for one alone", .invalidArgument) {
            $0.signals = ["a": [1, 2], "b": [1]]
        },
        BadRequest("a named number of no name", .invalidArgument) { $0.signals = ["A b": [1, 2]] },
        BadRequest("too many named numbers", .invalidArgument) { asked in
            for number in 0..<9 { asked.signals["n\(number)"] = [1, 2] }
        },
        BadRequest("an aggregate of no name", .invalidArgument) { $0.aggregate = "most" },
        BadRequest("a vote on nothing", .invalidArgument) { $0.aggregate = "weighted_vote" },
        BadRequest("features that are not finite", .invalidFeatures) { $0.number = 0x7e00 },
    ]
}

/// A site with all three ways to it.
private struct Crossing: Sendable {
    let site: RerankSite
    let grpc: Languagesystem_V1_RerankService.Client<HTTP2ClientTransport.Posix>
    let responder: RouterResponder<ServingContext>

    static func with(
        inFlightMax: Int = 64, heldByteCountMax: Int = 1 << 20,
        _ body: @escaping @Sendable (Crossing) async throws -> Void
    ) async throws {
        try await RerankSite.with(inFlightMax: inFlightMax, heldByteCountMax: heldByteCountMax) {
            site in
            let authority = try CertificateAuthority.ephemeral()
            let certificates = try ServerCertificates(
                authority: authority, names: ["localhost", "127.0.0.1"],
                logger: RerankSite.quiet)
            let (ports, opened) = AsyncStream.makeStream(of: Int.self)
            let endpoint = try RerankEndpoint(
                host: "127.0.0.1", port: 0, certificates: certificates,
                settings: RestSettings(host: "", port: 0, tls: try certificates.serverTLS()),
                reranker: site.reranker, apiKeys: site.apiKeys, admission: site.admission,
                logger: RerankSite.quiet, onListening: { opened.yield($0) })
            let router = Router(context: ServingContext.self)
            router.add(middleware: RequestFrame(admission: site.admission))
            site.routes.add(to: router)
            let responder = router.buildResponder()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await endpoint.run() }
                var iterator = ports.makeAsyncIterator()
                guard let port = await iterator.next() else { return }
                let transport = try HTTP2ClientTransport.Posix(
                    target: .dns(host: "localhost", port: port),
                    transportSecurity: .tls {
                        $0.trustRoots = .certificates([
                            .bytes(Array(authority.trustedPEM.utf8), format: .pem)
                        ])
                    })
                try await withGRPCClient(transport: transport) { client in
                    try await body(
                        Crossing(
                            site: site,
                            grpc: Languagesystem_V1_RerankService.Client(wrapping: client),
                            responder: responder))
                }
                group.cancelAll()
                _ = await group.nextResult()
            }
        }
    }

    func answer(_ asked: Asked, _ way: Way) async throws -> Answered {
        switch way {
        case .shortcut: try await shortcut(asked)
        case .router:
            try await router(asked.fields + (asked.isChunked ? [] : [length(asked)]), asked.json)
        case .grpc: try await grpc(asked)
        }
    }

    private func length(_ asked: Asked) throws -> (name: String, value: String) {
        ("content-length", "\(try asked.json.count)")
    }

    private func grpc(_ asked: Asked) async throws -> Answered {
        @Sendable func text(_ metadata: Metadata, _ name: String) -> String? {
            metadata[stringValues: name].first { _ in true }
        }
        do {
            return try await grpc.rerank(asked.message, metadata: asked.metadata) { response in
                let message = try response.message
                return Answered(
                    id: message.id, traceParent: text(response.metadata, "traceparent"))
            }
        } catch let error as RPCError {
            return Answered(
                code: text(error.metadata, "ls-code"), message: error.message,
                id: text(error.metadata, "x-request-id"),
                traceParent: text(error.metadata, "traceparent"))
        }
    }

    private func router(
        _ fields: [(name: String, value: String)], _ body: [UInt8]
    ) async throws -> Answered {
        var headers = HTTPFields()
        for (name, value) in fields {
            headers.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
        }
        let request = Request(
            head: HTTPRequest(
                method: .post, scheme: "https", authority: "a", path: "/v1/rerank",
                headerFields: headers),
            body: RequestBody(buffer: ByteBuffer(bytes: body)))
        let response = try await responder.respond(
            to: request,
            context: ServingContext(
                source: ApplicationRequestContextSource(
                    channel: EmbeddedChannel(), logger: RerankSite.quiet)))
        let collected = Collected()
        try await response.body.write(collected)
        return try Self.answered(
            Array(collected.bytes.withLock { $0 }.readableBytesView),
            id: response.headers[HTTPField.Name("x-request-id")!],
            traceParent: response.headers[HTTPField.Name("traceparent")!])
    }

    private static func answered(
        _ json: [UInt8], id: String?, traceParent: String?
    ) throws -> Answered {
        let object = try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any]
        let error = object?["error"] as? [String: Any]
        return Answered(
            code: error?["code"] as? String, message: error?["message"] as? String, id: id,
            traceParent: traceParent)
    }

    /// As bytes, in the loop's own pieces; what passes is the router's to answer.
    private func shortcut(_ asked: Asked) async throws -> Answered {
        let channel = NIOAsyncTestingChannel()
        let rest = Rest()
        try await channel.testingEventLoop.executeInContext {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false)
            try pipeline.addHandlers(
                RerankShortcut(site.routes, logger: RerankSite.quiet), RestHandler(rest))
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
        let body = try asked.json
        var bytes = Array("POST /v1/rerank HTTP/1.1\r\nhost: a\r\n".utf8)
        for (name, value) in asked.fields { bytes += Array("\(name): \(value)\r\n".utf8) }
        if asked.isChunked {
            bytes += Array("\r\n\(String(body.count, radix: 16))\r\n".utf8) + body
            bytes += Array("\r\n0\r\n\r\n".utf8)
        } else {
            bytes += Array("content-length: \(body.count)\r\n\r\n".utf8) + body
        }
        try await channel.writeInbound(ByteBuffer(bytes: bytes))
        var sent: [UInt8] = []
        while true {
            await channel.testingEventLoop.run()
            if let buffer = try await channel.readOutbound(as: ByteBuffer.self) {
                sent += buffer.readableBytesView
            } else if let passed = rest.request.withLock({ $0 }) {
                #expect(sent.isEmpty, "the request was answered, and passed")
                _ = try? await channel.finish(acceptAlreadyClosed: true)
                return try await router(passed.fields, passed.body)
            } else if sent.isEmpty {
                try await Task.sleep(for: .milliseconds(1))
            } else {
                break
            }
        }
        _ = try? await channel.finish(acceptAlreadyClosed: true)
        let end = try #require(sent.firstRange(of: Array("\r\n\r\n".utf8)))
        let lines = String(decoding: sent[..<end.lowerBound], as: UTF8.self)
            .split(separator: "\r\n")
        func header(_ name: String) -> String? {
            lines.first { $0.hasPrefix("\(name): ") }.map {
                String($0.dropFirst(name.count + 2))
            }
        }
        return try Self.answered(
            Array(sent[end.upperBound...]), id: header("x-request-id"),
            traceParent: header("traceparent"))
    }
}

/// What a router's answer says.
private struct Collected: ResponseBodyWriter {
    let bytes = Locked(ByteBuffer())

    mutating func write(_ buffer: ByteBuffer) async throws {
        bytes.withLock { _ = $0.writeImmutableBuffer(buffer) }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

/// The request that passed the short way.
private final class Rest: Sendable {
    let request = Locked<(fields: [(name: String, value: String)], body: [UInt8])?>(nil)
}

private final class RestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let rest: Rest
    private var fields: [(name: String, value: String)] = []
    private var body: [UInt8] = []

    init(_ rest: Rest) { self.rest = rest }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            fields = head.headers.filter { $0.name != "host" }.map { ($0.name, $0.value) }
        case .body(let bytes): body += bytes.readableBytesView
        case .end: rest.request.withLock { $0 = (fields, body) }
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Rules of a request` {
    @Test(
        arguments: [
            (["100-continue"], true), (["100-Continue", "100-continue"], true),
            (["a, 100-continue"], true),
            (["100-continued"], false), ([], false),
        ] as [([String], Bool)])
    func `a caller waits for 100 Continue however often it says so`(
        values: [String], isExpected: Bool
    ) {
        let head = RequestHead(HTTPHeaders(values.map { ("expect", $0) }))
        #expect(head.expectsContinue == isExpected)
    }

    @Test func `a bad request is refused alike the short way, through the router and over gRPC`()
        async throws
    {
        try await Crossing.with { crossing in
            for way in [Way.router, .shortcut, .grpc] {
                let answered = try await crossing.answer(Asked(crossing.site.key), way)
                #expect(
                    answered == Answered(id: "my.request-1", traceParent: Asked.traceParent),
                    "\(way)")
            }
            for bad in BadRequest.all {
                var asked = Asked(crossing.site.key)
                bad.change(&asked)
                let expected = try await crossing.answer(asked, .router)
                #expect(expected.code == bad.code.rawValue, "\(bad): \(expected)")
                #expect(expected.id == "my.request-1" && expected.message?.isEmpty == false)
                for way in bad.ways where way != .router {
                    #expect(try await crossing.answer(asked, way) == expected, "\(bad), \(way)")
                }
            }
            #expect(crossing.site.admission.inFlightCount == 0)
            #expect(crossing.site.admission.heldByteCount == 0)
        }
    }

    @Test func `what there is no place or no room for is refused alike`() async throws {
        try await Crossing.with(inFlightMax: 1, heldByteCountMax: 50_000) { crossing in
            let admission = crossing.site.admission
            func expectBusy(_ asked: Asked, _ words: String) async throws {
                for way in Way.allCases {
                    let answered = try await crossing.answer(asked, way)
                    #expect(answered.code == "busy", "\(way): \(answered)")
                    #expect(answered.message?.contains(words) == true, "\(way): \(answered)")
                    #expect(answered.id == "my.request-1", "\(way): \(answered)")
                }
            }
            try admission.enter()
            try await expectBusy(Asked(crossing.site.key), "1 requests are under way already")
            admission.leave()
            admission.holdAnswer(50_000)
            var large = Asked(crossing.site.key)
            large.hiddenSize = 300
            try await expectBusy(large, "bodies under way and answers not taken fill")
            admission.release(50_000)
            #expect(admission.inFlightCount == 0 && admission.heldByteCount == 0)
        }
    }

    @Test(
        arguments: [
            ("x-request-id", ["a.b-C_9"], "a.b-C_9"), ("X-Request-ID", ["r"], "r"),
            ("x-request-id", ["a b"], nil), ("x-request-id", [""], nil),
            ("x-request-id", ["r", "r"], nil),
            ("x-request-id", [String(repeating: "r", count: 65)], nil),
            ("traceparent", [Asked.traceParent], Asked.traceParent),
            ("traceparent", [Asked.traceParent.uppercased()], nil),
            ("traceparent", [Asked.traceParent, Asked.traceParent], nil),
            ("x-ls-keep", ["true"], "true"), ("X-LS-Keep", ["true"], "true"),
            ("x-ls-keep", ["yes"], nil), ("x-ls-keep", ["true", "true"], nil),
            ("authorization", ["bEARER lsk_a_b"], "lsk_a_b"),
            ("authorization", ["Bearer a", "Bearer a"], "a, Bearer a"),
            ("authorization", ["Bearer"], nil), ("authorization", ["lsk_a_b"], nil),
            ("expect", ["100-Continue"], "100-continue"), ("expect", ["200-ok"], nil),
            ("content-length", ["17"], "17"), ("content-length", ["x"], "\(Int.max)"),
        ] as [(String, [String], String?)])
    func `each field is read alike from HTTP's two forms and from gRPC's metadata`(
        name: String, values: [String], expected: String?
    ) throws {
        var (headers, fields) = (HTTPHeaders(), HTTPFields())
        var metadata: Metadata = [:]
        for value in values {
            headers.add(name: name, value: value)
            fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
            metadata.addString(value, forKey: name)
        }
        for head in [RequestHead(headers), RequestHead(fields), RequestHead(metadata)] {
            let found: String? =
                switch name.lowercased() {
                case "x-request-id": head.identity.id == values[0] ? values[0] : nil
                case "traceparent": head.identity.traceParent
                case "x-ls-keep": head.keepsDecision ? "true" : nil
                case "authorization": (try? head.apiKey()).map { String($0) }
                case "expect": head.expectsContinue ? "100-continue" : nil
                default: String(head.announcedByteCount)
                }
            #expect(found == expected)
            #expect(!head.identity.id.isEmpty)
        }
    }
}
