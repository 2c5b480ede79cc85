// Feature files and canaries over HTTP: through the router, with a database behind it. What breaks
// off, is damaged or not allowed leaves nothing behind.
import Concurrency
import Coordination
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import LanguageSystem
import Ledger
import NIOCore
import NIOEmbedded
import Rankers
import Testing

@testable import CoordinatorServer

@Suite(.timeLimit(.minutes(10))) struct `Feature files over HTTPS` {
    @Test func `a file is stored once, under the digest of its bytes`() async throws {
        try await FeatureSurface.with { surface in
            let file = SmallFile().bytes
            let first = try await surface.post(file)
            try #require(first.status == 201, "\(first)")
            #expect(first.object["duplicate"] as? Bool == false)
            let digest = try FeatureSet(safetensors: file).digest
            #expect(first.object["digest"] as? String == digest.description)
            #expect(first.object["base_model"] as? String == "tiny")
            #expect(first.object["domain"] as? String == "math/algebra")
            #expect(first.object["split"] as? String == "train")
            #expect(first.object["user"] is NSNull)
            #expect(first.object["queries"] as? Int == 2)
            #expect(first.object["responses"] as? Int == 5)

            let again = try await surface.post(file)
            #expect(again.status == 200 && again.object["duplicate"] as? Bool == true)
            #expect(again.object["id"] as? Int == first.object["id"] as? Int)

            let stored = try await surface.ledger.featureSets()
            #expect(stored.count == 1 && stored.first?.digest == digest)
            #expect(try await surface.ledger.readBlob(digest, from: 0).bytes == file)
            #expect(try surface.isClean())
        }
    }

    @Test func `a file of several pieces is stored byte for byte`() async throws {
        try await FeatureSurface.with { surface in
            var file = SmallFile()
            file.queryCount = 60_000
            let bytes = file.bytes
            #expect(bytes.count > 3 << 20)
            let answer = try await surface.post(bytes, pieceByteCount: 40_000)
            try #require(answer.status == 201, "\(answer)")
            let digest = try FeatureSet(safetensors: bytes).digest
            var read: [UInt8] = []
            while read.count < bytes.count {
                read += try await surface.ledger.readBlob(digest, from: Int64(read.count)).bytes
            }
            #expect(read == bytes)
        }
    }

    @Test func `a file is the user's that the request, the file or the key names`() async throws {
        try await FeatureSurface.with { surface in
            var file = SmallFile()
            let ofRequest = try await surface.post(file.bytes, "?user=ada%20l")
            #expect(ofRequest.object["user"] as? String == "ada l", "\(ofRequest)")
            file.metadata["user"] = "ben"
            let ofFile = try await surface.post(file.bytes)
            #expect(ofFile.object["user"] as? String == "ben", "\(ofFile)")
            let key = try await surface.key(KeyScope(users: ["eve"]))
            file.metadata["user"] = nil
            file.metadata["made_by"] = "eve"
            let ofKey = try await surface.post(file.bytes, key: key)
            #expect(ofKey.object["user"] as? String == "eve", "\(ofKey)")
        }
    }

    @Test(arguments: BadFile.all)
    fileprivate func `a file that may not come is refused in one sentence, and nothing is left`(
        _ bad: BadFile
    ) async throws {
        try await FeatureSurface.with { surface in
            var sent = BadFile.Sent()
            bad.change(&sent)
            let key = try await surface.key(sent.scope, sent.permissions)
            let answer = try await surface.post(
                sent.bytes ?? sent.file.bytes, sent.query, key: sent.isWithKey ? key : nil,
                fields: sent.fields)
            #expect(answer.status == bad.code.httpStatus, "\(answer)")
            #expect(answer.code == bad.code.rawValue)
            #expect(answer.message == bad.message ?? answer.message)
            #expect(answer.message.hasPrefix("cannot "))
            #expect(try surface.isClean())
            #expect(try await surface.ledger.featureSets().isEmpty)
        }
    }

    @Test func `the same bytes are not stored as another user's`() async throws {
        try await FeatureSurface.with { surface in
            let file = SmallFile().bytes
            #expect(try await surface.post(file).status == 201)
            let answer = try await surface.post(file, "?user=ada")
            #expect(answer.status == 409 && answer.code == "alreadyExists", "\(answer)")
        }
    }

    @Test func `a body that breaks off leaves nothing`() async throws {
        try await FeatureSurface.with { surface in
            let answer = try await surface.post(SmallFile().bytes, breakingOffAfter: 300)
            #expect(answer.code == "cancelled", "\(answer)")
            #expect(try await surface.ledger.featureSets().isEmpty)
            #expect(try surface.isClean())
            #expect(try await surface.post(SmallFile().bytes).status == 201)
        }
    }

    @Test func `a body that ends early is a file that is cut short, wherever it ends`()
        async throws
    {
        try await FeatureSurface.with { surface in
            let file = SmallFile().bytes
            for count in stride(from: 0, to: file.count, by: 37) {
                let answer = try await surface.post(Array(file.prefix(count)))
                #expect(answer.status == 422, "\(count): \(answer)")
                #expect(answer.message.hasPrefix("cannot read the feature file: "))
            }
            #expect(try await surface.ledger.featureSets().isEmpty)
        }
    }

    @Test func `no damage to a file is an error of ours`() async throws {
        try await FeatureSurface.with { surface in
            var generator = Xorshift(state: 19)
            let file = SmallFile().bytes
            let headerEnd = 8 + Int(file[0]) + 256 * Int(file[1])
            for _ in 0..<400 {
                var bytes = file
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    // Headers are where one can be hostile.
                    let end = Bool.random(using: &generator) ? headerEnd : bytes.count
                    switch Int.random(in: 0..<3, using: &generator) {
                    case 0:
                        bytes[Int.random(in: 0..<end, using: &generator)] ^=
                            1 << UInt8.random(in: 0..<8, using: &generator)
                    case 1:
                        bytes[Int.random(in: 0..<end, using: &generator)] =
                            Array("09\"{}[]:,\\ -eE\0".utf8).randomElement(using: &generator)!
                    default:
                        bytes[Int.random(in: 8..<headerEnd, using: &generator)] =
                            UInt8.random(in: 0x20...0x7e, using: &generator)
                    }
                }
                let answer = try await surface.post(bytes)
                #expect(answer.status < 500, "\(answer) of \(bytes)")
                #expect(
                    [200, 201, 400, 404, 409, 422].contains(answer.status), "\(answer)")
            }
        }
    }

    @Test(arguments: [
        ("layer", "99999999999999999999"), ("layer", "99999999999"), ("layer", "-1"),
        ("layer_fraction", "nan"), ("layer_fraction", "inf"), ("layer_fraction", "1e999"),
        ("layer_fraction", "-0.5"), ("base_model", "a\0b"), ("base_model", ""),
        ("base_model", String(repeating: "x", count: 100_000)), ("user", "a\u{1}b"),
        ("user", ""), ("pooling", "a\0b"),
    ])
    func `no word of a file's metadata is an error of ours`(_ key: String, _ value: String)
        async throws
    {
        try await FeatureSurface.with { surface in
            var file = SmallFile()
            file.metadata[key] = value
            let answer = try await surface.post(file.bytes)
            #expect(answer.status < 500, "\(answer)")
            #expect(answer.status == 201 || answer.message.utf8.count < 700)
        }
    }

    @Test func `what has no place, no disk or no time is said so before the body is read`()
        async throws
    {
        try await FeatureSurface.with { surface in
            let file = SmallFile().bytes
            let (waiting, ended) = (Locked(0), Locked(false))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        try await surface.admission.admitUpload {
                            waiting.withLock { $0 += 1 }
                            while !ended.withLock({ $0 }) { await Task.yield() }
                        }
                    }
                }
                while waiting.withLock({ $0 }) < 2 { await Task.yield() }
                let busy = try await surface.post(file)
                #expect(busy.status == 429 && busy.code == "busy", "\(busy)")
                ended.withLock { $0 = true }
                try await group.waitForAll()
            }
            let gone = try await surface.post(file, directory: "/nowhere")
            #expect(gone.status == 503 && gone.code == "unavailable", "\(gone)")
            surface.admission.beginLeaving()
            let leaving = try await surface.post(file)
            #expect(leaving.status == 503 && leaving.code == "unavailable", "\(leaving)")
            #expect(surface.admission.uploadCount == 0)
        }
    }

    @Test func `features that have to be copied into memory are bounded`() async throws {
        try await FeatureSurface.with { surface in
            let bytes = SmallFile().bytes
            // One space more in the header: nothing behind it is aligned.
            let length = Int(bytes[0]) + 256 * Int(bytes[1])
            let moved =
                withUnsafeBytes(of: UInt64(length + 1).littleEndian) { Array($0) }
                + bytes[8..<8 + length] + [0x20] + bytes[(8 + length)...]
            let path = surface.directory + "/moved.safetensors"
            try Data(moved).write(to: URL(fileURLWithPath: path))
            let featureByteCount = 2 * (2 + 5) * RerankSite.width
            let key = try await surface.site.apiKeys.key(surface.unboundKey)
            let error = await #expect(throws: LanguageSystemError.self) {
                try await FeatureIntake(
                    ledger: surface.ledger, copiedByteCountMax: featureByteCount - 1
                ).store(path, user: nil, by: key)
            }
            #expect(error?.code == .invalidFeatures)
            let stored = try await FeatureIntake(
                ledger: surface.ledger, copiedByteCountMax: featureByteCount
            ).store(path, user: nil, by: key)
            #expect(!stored.isDuplicate)
        }
    }

    @Test func `files that come at the same time with the same bytes are one set`() async throws {
        try await FeatureSurface.with { surface in
            let file = SmallFile().bytes
            async let one = surface.post(file)
            async let two = surface.post(file)
            let answers = try await [one, two]
            #expect(Set(answers.map(\.status)) == [200, 201], "\(answers)")
            #expect(try await surface.ledger.featureSets().count == 1)
        }
    }
}

@Suite(.timeLimit(.minutes(10))) struct `Canaries over HTTPS` {
    private static func canary(_ text: String = "4") -> [UInt8] {
        var writer = SafetensorsWriter(metadata: [
            "format": "canary/1", "hidden_size": "\(RerankSite.width)", "text": text,
        ])
        writer.add("rows", .f16, [1, RerankSite.width], [Float16](repeating: 1, count: 8))
        return writer.bytes()
    }

    @Test func `a canary is read by whoever may use the base model, once`() async throws {
        try await FeatureSurface.with { surface in
            let bytes = Self.canary()
            let digest = try await surface.ledger.setCanary(of: "tiny", bytes)
            let key = try await surface.key(KeyScope(baseModels: ["tiny"]), [])
            let answer = try await surface.get("/v1/base-models/tiny/canary", key: key)
            #expect(answer.status == 200 && answer.bytes == bytes)
            #expect(answer.headers[.eTag] == "\"\(digest)\"")
            #expect(answer.headers[.contentType] == "application/octet-stream")

            for tags in ["\"\(digest)\"", "W/\"\(digest)\"", "\"x\", \"\(digest)\""] {
                let known = try await surface.get(
                    "/v1/base-models/tiny/canary", key: key, fields: [(.ifNoneMatch, tags)])
                #expect(known.status == 304 && known.bytes.isEmpty, "\(tags)")
                #expect(known.headers[.eTag] == "\"\(digest)\"")
            }
            let other = Self.canary("5")
            try await surface.ledger.setCanary(of: "tiny", other)
            let changed = try await surface.get(
                "/v1/base-models/tiny/canary", key: key, fields: [(.ifNoneMatch, "\"\(digest)\"")])
            #expect(changed.status == 200 && changed.bytes == other)
        }
    }

    @Test func `a base model of another key's is answered as one that is not there`() async throws {
        try await FeatureSurface.with { surface in
            try await surface.ledger.setCanary(of: "tiny", Self.canary())
            let key = try await surface.key(KeyScope(baseModels: ["nano", "other"]), [])
            let hidden = try await surface.get("/v1/base-models/tiny/canary", key: key)
            let missing = try await surface.get("/v1/base-models/nano/canary", key: key)
            #expect(hidden.status == 404 && hidden.code == "unknownBaseModel", "\(hidden)")
            #expect(missing.status == 404 && missing.code == "unknownBaseModel", "\(missing)")
            #expect(hidden.message.replacing("tiny", with: "nano") == missing.message)
            #expect(try await surface.get("/v1/base-models/tiny/canary", key: nil).status == 401)
        }
    }

    @Test func `a base model without a canary says so`() async throws {
        try await FeatureSurface.with { surface in
            let answer = try await surface.get("/v1/base-models/tiny/canary")
            #expect(answer.status == 404 && answer.code == "unknownCanary", "\(answer)")
        }
    }

    @Test(arguments: [
        ("meta/tiny", "meta/tiny"), ("meta/tiny", "meta%2Ftiny"), ("a+b c", "a+b%20c"),
        ("canary", "canary"), ("größe", "gr%C3%B6%C3%9Fe"),
    ])
    func `a base model is named in the path as URLs write it`(_ name: String, _ written: String)
        async throws
    {
        try await FeatureSurface.with { surface in
            try await surface.ledger.registerBaseModel(name, hiddenSize: RerankSite.width)
            try await surface.ledger.setCanary(of: name, Self.canary())
            let answer = try await surface.get("/v1/base-models/\(written)/canary")
            #expect(answer.status == 200, "\(answer)")
        }
    }

    @Test(arguments: [
        "%", "%zz", "%00", "a%00b", "%ff", String(repeating: "x", count: 5_000), "%0a",
    ])
    func `a name that cannot be one is that of no base model`(_ written: String) async throws {
        try await FeatureSurface.with { surface in
            let answer = try await surface.get("/v1/base-models/\(written)/canary")
            #expect(answer.status == 404 && answer.code == "unknownBaseModel", "\(answer)")
        }
    }

    @Test(arguments: ["/v1/base-models/tiny", "/v1/base-models//canary", "/v1/base-models/a/b"])
    func `other paths beneath a base model are not there`(_ path: String) async throws {
        try await FeatureSurface.with { surface in
            let answer = try await surface.get(path)
            #expect(answer.code == "unknownPath", "\(answer)")
        }
    }

    @Test func `a canary is only read here`() async throws {
        try await FeatureSurface.with { surface in
            let answer = try await surface.post([], "", path: "/v1/base-models/tiny/canary")
            #expect(answer.status == 405 && answer.headers[.allow] == "GET", "\(answer)")
        }
    }
}

/// A feature file of two queries or more.
private struct SmallFile: Sendable {
    var metadata = [
        "format": "features/1", "base_model": "tiny", "hidden_size": "\(RerankSite.width)",
        "domain": "math/algebra", "split": "train", "label_kind": "binary",
    ]
    var queryCount = 2
    var width = RerankSite.width
    var number: Float16 = 0.5

    var bytes: [UInt8] {
        // The first has three responses, each other one two.
        let rowCount = 2 * queryCount + 1
        var writer = SafetensorsWriter(metadata: metadata)
        writer.add(
            "instruction", .f16, [queryCount, width],
            [Float16](repeating: number, count: queryCount * width))
        writer.add(
            "responses", .f16, [rowCount, width],
            [Float16](repeating: number, count: rowCount * width))
        writer.add(
            "offsets", .i64, [queryCount + 1],
            (0...queryCount).map { $0 == 0 ? 0 : Int64(2 * $0 + 1) })
        writer.add(
            "labels", .f32, [rowCount], (0..<rowCount).map { Float($0 % 2) })
        return writer.bytes()
    }
}

private struct BadFile: Sendable, CustomTestStringConvertible {
    struct Sent {
        var file = SmallFile()
        /// What is sent instead of the file.
        var bytes: [UInt8]?
        var query = ""
        var scope = KeyScope()
        var permissions: Set<KeyPermission> = [.features]
        var isWithKey = true
        var fields: [(HTTPField.Name, String)] = []
    }

    let name: String
    let code: ErrorCode
    var message: String?
    let change: @Sendable (inout Sent) -> Void

    init(
        _ name: String, _ code: ErrorCode, _ message: String? = nil,
        _ change: @escaping @Sendable (inout Sent) -> Void
    ) {
        (self.name, self.code, self.message, self.change) = (name, code, message, change)
    }

    var testDescription: String { name }

    static let notThere =
        "cannot import this file: base model 'tiny' is not registered; nothing was imported"
    static let all = [
        BadFile("no key", .keyRefused) { $0.isWithKey = false },
        BadFile(
            "a key of before", .notPermitted,
            "cannot import features: the API key is for reranks alone"
        ) { $0.permissions = [] },
        BadFile("JSON", .wrongMediaType) { $0.fields = [(.contentType, "application/json")] },
        BadFile("a compressed file", .wrongMediaType) { $0.fields = [(.contentEncoding, "gzip")] },
        BadFile(
            "a file that is announced too large", .tooLarge,
            "cannot take the feature file: it has more than the 8 MiB that this server accepts"
        ) { $0.fields = [(.contentLength, "\(FeatureSurface.byteCountMax + 1)")] },
        BadFile(
            "a file that grows too large", .tooLarge,
            "cannot take the feature file: it has more than the 8 MiB that this server accepts"
        ) { $0.bytes = [UInt8](repeating: 0, count: FeatureSurface.byteCountMax + 1) },
        BadFile("an unknown parameter", .invalidArgument) { $0.query = "?domain=x" },
        BadFile("a user twice", .invalidArgument) { $0.query = "?user=a&user=b" },
        BadFile("no user", .invalidArgument) { $0.query = "?user=" },
        BadFile("a user that cannot be one", .invalidArgument) { $0.query = "?user=a%00" },
        BadFile("nothing", .invalidFeatures) { $0.bytes = [] },
        BadFile("no feature file", .invalidFeatures) { $0.bytes = Array("hello, world".utf8) },
        BadFile(
            "a header larger than any feature file's", .invalidFeatures,
            """
            cannot read the feature file: found a header of 2000000 bytes, expected at most 1048568
            """
        ) {
            $0.bytes =
                withUnsafeBytes(of: UInt64(2_000_000).littleEndian) { Array($0) }
                + [UInt8](repeating: 0x20, count: 2_000_000)
        },
        BadFile(
            "a base model that is not registered", .unknownBaseModel,
            "cannot import this file: base model 'nano' is not registered; nothing was imported"
        ) { $0.file.metadata["base_model"] = "nano" },
        BadFile("a base model of another key's", .unknownBaseModel, notThere) {
            $0.scope.baseModels = ["nano"]
        },
        BadFile(
            "a domain that is not registered", .unknownDomain,
            "cannot import this file: domain 'poems' is not registered; nothing was imported"
        ) { $0.file.metadata["domain"] = "poems" },
        BadFile(
            "a domain of another key's", .notPermitted,
            "cannot import for this domain: the API key is for others"
        ) { $0.scope.domains = ["poems/*"] },
        BadFile(
            "another key's user", .notPermitted,
            "cannot import for this user: the API key is for others"
        ) { ($0.scope.users, $0.query) = (["ada"], "?user=ben") },
        BadFile("another key's user, named by the file", .notPermitted) {
            ($0.scope.users, $0.file.metadata["user"]) = (["ada"], "ben")
        },
        BadFile("no user of a key for several", .notPermitted) { $0.scope.users = ["ada", "ben"] },
        BadFile(
            "one user said and another named", .invalidArgument,
            """
            cannot import the feature file as data of user 'ada': it says that it is data of user \
            'ben'
            """
        ) { ($0.query, $0.file.metadata["user"]) = ("?user=ada", "ben") },
        BadFile(
            "another hidden size", .contractMismatch,
            "cannot import features of 'tiny': found hidden size 4, expected 8"
        ) {
            ($0.file.metadata["hidden_size"], $0.file.width) = ("4", 4)
        },
        BadFile(
            "a number that is not finite", .invalidFeatures,
            """
            cannot read the feature file: found a number that is not finite or beyond 1e+15 in row \
            0 of 'instruction'
            """
        ) { $0.file.number = .nan },
    ]
}

private struct Answer: CustomStringConvertible {
    let status: Int
    let headers: HTTPFields
    let bytes: [UInt8]

    var object: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]) ?? [:]
    }
    private var error: [String: Any] { object["error"] as? [String: Any] ?? [:] }
    var code: String? { error["code"] as? String }
    var message: String { error["message"] as? String ?? "" }
    var description: String { "\(status) \(String(decoding: bytes, as: UTF8.self))" }
}

/// The two routes behind their router.
private struct FeatureSurface: Sendable {
    static let byteCountMax = 8 << 20

    let site: RerankSite
    let directory: String
    let unboundKey: String

    var ledger: LedgerStore { site.routes.ledger }
    var admission: Admission { site.admission }

    static func with(_ body: @escaping @Sendable (FeatureSurface) async throws -> Void) async throws
    {
        let directory = NSTemporaryDirectory() + "features-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await RerankSite.with { site in
            let ledger = site.routes.ledger
            try await ledger.registerDomain(DomainName("math/algebra"))
            let key = try await ledger.createAPIKey("node", permissions: [.features])
            try await body(FeatureSurface(site: site, directory: directory, unboundKey: key))
        }
    }

    func key(
        _ scope: KeyScope, _ permissions: Set<KeyPermission> = [.features]
    ) async throws -> String {
        try await ledger.createAPIKey("k\(UUID())", scope: scope, permissions: permissions)
    }

    /// Whether nothing of a file is on the disk, and no place is taken.
    func isClean() throws -> Bool {
        try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty
            && admission.uploadCount == 0 && admission.heldByteCount == 0
    }

    func post(
        _ bytes: [UInt8], _ query: String = "", path: String = RestPaths.featureSets,
        fields: [(HTTPField.Name, String)] = [], pieceByteCount: Int = 1_000,
        breakingOffAfter end: Int? = nil, directory: String? = nil
    ) async throws -> Answer {
        try await post(
            bytes, query, path: path, key: unboundKey, fields: fields,
            pieceByteCount: pieceByteCount, breakingOffAfter: end, directory: directory)
    }

    func post(
        _ bytes: [UInt8], _ query: String = "", path: String = RestPaths.featureSets, key: String?,
        fields: [(HTTPField.Name, String)] = [], pieceByteCount: Int = 100_000,
        breakingOffAfter end: Int? = nil, directory: String? = nil
    ) async throws -> Answer {
        let sent = end.map { Array(bytes.prefix($0)) } ?? bytes
        let body = AsyncThrowingStream<ByteBuffer, any Error> { continuation in
            for start in stride(from: 0, to: sent.count, by: pieceByteCount) {
                continuation.yield(
                    ByteBuffer(bytes: sent[start..<min(sent.count, start + pieceByteCount)]))
            }
            continuation.finish(throwing: end.map { _ in ChannelError.inputClosed })
        }
        return try await ask(
            .post, path + query, key, [(.contentType, "application/vnd.safetensors")] + fields,
            RequestBody(asyncSequence: body), directory)
    }

    func get(_ path: String, fields: [(HTTPField.Name, String)] = []) async throws -> Answer {
        try await get(path, key: unboundKey, fields: fields)
    }

    func get(
        _ path: String, key: String?, fields: [(HTTPField.Name, String)] = []
    ) async throws -> Answer {
        try await ask(.get, path, key, fields, RequestBody(buffer: ByteBuffer()), nil)
    }

    private func ask(
        _ method: HTTPRequest.Method, _ path: String, _ key: String?,
        _ fields: [(HTTPField.Name, String)], _ body: RequestBody, _ directory: String?
    ) async throws -> Answer {
        let router = Router(context: ServingContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestFrame(admission: admission))
        FeatureRoutes(
            intake: FeatureIntake(ledger: ledger), apiKeys: site.apiKeys, admission: admission,
            directory: directory ?? self.directory, byteCountMax: Self.byteCountMax
        ).add(to: router)
        CanaryRoute(ledger: ledger, apiKeys: site.apiKeys, admission: admission).add(to: router)
        var headers = HTTPFields()
        for (name, value) in fields { headers[name] = value }
        if let key { headers[.authorization] = "Bearer \(key)" }
        let response = try await router.buildResponder().respond(
            to: Request(
                head: HTTPRequest(
                    method: method, scheme: "https", authority: "a", path: path,
                    headerFields: headers),
                body: body),
            context: ServingContext(
                source: ApplicationRequestContextSource(
                    channel: EmbeddedChannel(), logger: RerankSite.quiet)))
        let collected = Collected()
        try await response.body.write(collected)
        return Answer(
            status: response.status.code, headers: response.headers,
            bytes: collected.bytes.withLock { Array($0.readableBytesView) })
    }
}

private struct Collected: ResponseBodyWriter {
    let bytes = Locked(ByteBuffer())

    mutating func write(_ buffer: ByteBuffer) async throws {
        bytes.withLock { _ = $0.writeImmutableBuffer(buffer) }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

private struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
