// What the serving tests ask for: a tiny base model, rankers with weights of their own, and one
// query whose features are the same in each run.
import Foundation
import LanguageSystem
import NIOCore
import NIOHTTP1
import NIOSSL
import RankerMath
import Rankers
import Testing
import struct Crypto.SHA256

enum Served {
    static let baseModel = "tiny"
    static let hiddenSize = 64
    static let candidateCount = 6

    static let configuration = RankerConfiguration.preset(kind: .pointwise, hiddenSize: hiddenSize)

    /// [K + 1, D] of float32; the instruction, then the responses.
    static let features: [UInt8] = {
        var generator = Generator(seed: 11)
        return (0..<(candidateCount + 1) * hiddenSize).flatMap { _ in
            withUnsafeBytes(of: Float(generator.normal()).bitPattern.littleEndian) { Array($0) }
        }
    }()

    static func body(
        _ model: String = baseModel, user: String? = nil, domain: String? = nil,
        more: [String: Any] = [:]
    ) -> ByteBuffer {
        var object: [String: Any] = [
            "model": model, "raw_scores": true,
            "features": [
                "dtype": "float32", "shape": [candidateCount + 1, hiddenSize],
                "data": Data(features).base64EncodedString(),
            ] as [String: Any],
        ]
        object["user"] = user
        object["domain"] = domain
        object.merge(more) { $1 }
        // Texts, numbers and lists alone: it cannot fail.
        return ByteBuffer(bytes: try! JSONSerialization.data(withJSONObject: object))
    }

    /// The same as safetensors; the rest belongs into the query string.
    static let binaryBody: ByteBuffer = {
        var writer = SafetensorsWriter(metadata: [:])
        let rowByteCount = 4 * hiddenSize
        writer.add("instruction", .f32, [hiddenSize], bytes: Array(features[..<rowByteCount]))
        writer.add(
            "responses", .f32, [candidateCount, hiddenSize], bytes: Array(features[rowByteCount...])
        )
        return ByteBuffer(bytes: writer.bytes())
    }()

    /// SQL that registers a ranker, unless it is there, brings in weights that a seed decides, and
    /// makes them its champion: without a test set the promotion gate never does.
    static func adding(
        _ name: String, seed: UInt64, user: String? = nil, domain: String? = nil,
        baseModel: String = baseModel
    ) -> String {
        let weights = RankerWeights(fresh: configuration, seed: seed).safetensors()
        let digest = SHA256.hash(data: weights).map { String(format: "%02x", $0) }.joined()
        let bytes = weights.map { String(format: "%02x", $0) }.joined()
        func text(_ value: String?) -> String { value.map { "'\($0)'" } ?? "null" }
        return """
            select ls.register_base_model('\(baseModel)', \(hiddenSize));
            \(domain.map { "select ls.register_domain('\($0)');" } ?? "")
            select ls.register_ranker('\(baseModel)', 'pointwise', '\(configuration.json)', null,
                \(text(user)), \(text(domain)), '\(name)');
            select ls.promote(
                ls.add_version('\(name)', '\\x\(digest)', '\\x\(bytes)'), 'a test of serving');

            """
    }
}

extension FaultSite {
    func connect(_ index: Int = 0) async throws -> ServedConnection {
        ServedConnection(
            try await .open(
                port: coordinators[index].restPort, trusting: KeptConnection.trust(authorityPath)),
            key: try await key())
    }

    /// Moves the champion to a version that is there.
    func promote(_ ranker: String, to number: Int) async throws {
        _ = try await sql(
            """
            select ls.set_alias(version_id, 'champion', 'test') from ls.version_lineage
            where ranker = '\(ranker)' and number = \(number)
            """)
    }
}

/// A kept connection whose requests carry a key.
struct ServedConnection: Sendable {
    let kept: KeptConnection
    let key: String

    init(_ kept: KeptConnection, key: String) {
        self.kept = kept
        self.key = key
    }

    func with(key: String) -> ServedConnection { ServedConnection(kept, key: key) }

    func rerank(
        _ model: String = Served.baseModel, user: String? = nil, domain: String? = nil,
        id: String? = nil, keep: Bool = false, more: [String: Any] = [:]
    ) async throws -> KeptConnection.Answer {
        try await post(
            "/v1/rerank", Served.body(model, user: user, domain: domain, more: more), id: id,
            keep: keep)
    }

    func post(_ path: String, _ body: ByteBuffer, id: String? = nil, keep: Bool = false)
        async throws -> KeptConnection.Answer
    {
        var headers = [("content-type", "application/json"), ("authorization", "Bearer \(key)")]
        if let id { headers.append(("x-request-id", id)) }
        if keep { headers.append(("x-ls-keep", "true")) }
        return try await kept.ask(.POST, path, headers, body: body)
    }

    func get(_ path: String) async throws -> KeptConnection.Answer {
        try await kept.ask(.GET, path, [("authorization", "Bearer \(key)")])
    }

    func close() async { await kept.close() }
}

/// Tests of serving with real programs. They stop and kill what they started, and run one after the
/// other.
@Suite(.serialized, .timeLimit(.minutes(20))) struct Serving {}
