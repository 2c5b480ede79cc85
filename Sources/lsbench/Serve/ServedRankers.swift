// The rankers that answer: one for each user, with weights of its own, registered as anybody would.
import Benchmarking
import Crypto
import Foundation
import LanguageSystem
import Ledger
import NIOCore
import RankerMath
import Rankers

struct ServedRankers: Sendable {
    static let baseModel = "bench"

    let kind: RankerKind
    let hiddenSize: Int
    let count: Int

    static func user(_ number: Int) -> String { "user-\(number)" }
    func name(_ user: Int) -> String { "~\(Self.user(user)).\(kind.rawValue)" }

    func weights(_ user: Int) -> RankerWeights {
        RankerWeights(
            fresh: .preset(kind: kind, hiddenSize: hiddenSize), seed: UInt64(user) + 1)
    }

    /// Registers the missing rankers, four at a time.
    func register(in ledger: LedgerStore) async throws {
        try await ledger.registerBaseModel(Self.baseModel, hiddenSize: hiddenSize)
        let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: hiddenSize).json
        try await withThrowingTaskGroup(of: Void.self) { group in
            for user in 0..<count {
                if user >= 4 { try await group.next() }
                group.addTask {
                    let ranker = try await ledger.registerRanker(
                        baseModel: Self.baseModel, kind: kind, configuration: configuration,
                        training: TrainingConfiguration.preset(kind: kind).json,
                        user: Self.user(user))
                    let bytes = weights(user).safetensors()
                    _ = try await ledger.addVersion(
                        // A SHA-256 has as many bytes as a digest.
                        to: ranker.name, digest: Digest(bytes: SHA256.hash(data: bytes))!,
                        weights: bytes)
                }
            }
            try await group.waitForAll()
        }
    }
}

/// The request: K candidates and an instruction, the same for every user.
struct BenchRequest: Sendable {
    let candidateCount: Int
    let hiddenSize: Int
    /// The features, shape [K + 1, D], in float16.
    let features: [UInt8]

    init(candidateCount: Int, hiddenSize: Int) {
        self.candidateCount = candidateCount
        self.hiddenSize = hiddenSize
        var generator = Generator(seed: 7)
        features = (0..<(candidateCount + 1) * hiddenSize).flatMap { _ in
            let bits = Float16(generator.normal()).bitPattern
            return [UInt8(truncatingIfNeeded: bits), UInt8(bits >> 8)]
        }
    }

    /// The binary form: the features as a safetensors body, everything else in the query string.
    var binary: RequestTemplate {
        var writer = SafetensorsWriter(metadata: [:])
        let rowByteCount = 2 * hiddenSize
        writer.add("instruction", .f16, [1, hiddenSize], bytes: Array(features[..<rowByteCount]))
        writer.add(
            "responses", .f16, [candidateCount, hiddenSize],
            bytes: Array(features[rowByteCount...]))
        return RequestTemplate(
            contentType: "application/vnd.safetensors", body: ByteBuffer(bytes: writer.bytes()),
            target: {
                "/v1/rerank?model=\(ServedRankers.baseModel)&user=\(ServedRankers.user($0))"
            },
            bodyOf: nil)
    }

    var json: RequestTemplate {
        let data = Data(features).base64EncodedString()
        let tail =
            #"""
            ,"features":{"dtype":"float16","shape":[\#(candidateCount + 1),\#
            \#(hiddenSize)],"data":"\#(data)"}}
            """#
        return RequestTemplate(
            contentType: "application/json", body: ByteBuffer(), target: { _ in "/v1/rerank" },
            bodyOf: { user in
                ByteBuffer(
                    string:
                        #"""
                        {"model":"\#(ServedRankers.baseModel)","user":"\#(ServedRankers.user(user))"
                        """#
                            + tail)
            })
    }
}
