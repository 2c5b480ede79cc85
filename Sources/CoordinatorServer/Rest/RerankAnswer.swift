// What a rerank is answered with: the body of Cohere, Jina and vLLM with `meta` of ours, and the same said in
// headers, for whoever logs at the edge.
import Coordination
import Foundation
import HTTPTypes
import Hummingbird
import LanguageSystem
import Ledger

/// The body of a rerank reply.
struct RerankReplyBody: Encodable {
    struct Result: Encodable {
        struct Document: Encodable { let text: String }
        let index: Int
        let relevance_score: Double
        let document: Document?
    }

    struct Meta: Encodable {
        struct Timings: Encodable {
            let route_ms: Double
            let load_ms: Double
            let queue_ms: Double
            let compute_ms: Double
        }
        let ranker: String?
        let version: Int?
        let digest: String?
        let kind: String?
        /// Why this ranker: a RouteReason.
        let reason: String
        /// True when what was asked for had no ranker of its own.
        let fallback: Bool
        /// What fell back on what, for people.
        let explanation: String
        let `where`: String
        let timings: Timings
    }

    let id: String
    let model: String
    let results: [Result]
    let meta: Meta

    init(id: String, _ reply: RerankReply, as presentation: RerankPresentation) {
        self.id = id
        model = reply.servedModel
        results = reply.ranking.prefix(presentation.topN ?? .max).map { place in
            Result(
                index: place.candidateIndex,
                relevance_score: Double(
                    presentation.givesRawScores ? place.score : place.relevance),
                document: presentation.documents.map {
                    Result.Document(text: $0[place.candidateIndex])
                })
        }
        meta = Meta(
            ranker: reply.route?.rankerName, version: reply.route?.versionNumber,
            digest: reply.route?.digest.description, kind: reply.route?.kind.rawValue,
            reason: reply.reason.rawValue, fallback: reply.isFallback,
            explanation: reply.explanation,
            where: "central",
            timings: Meta.Timings(
                route_ms: reply.timings.route.milliseconds,
                load_ms: reply.timings.load.milliseconds,
                queue_ms: reply.timings.queue.milliseconds,
                compute_ms: reply.timings.compute.milliseconds))
    }
}

extension HTTPFields {
    /// Who served and how long it took; milliseconds.
    mutating func append(_ reply: RerankReply) {
        self[.ranker] = (reply.route?.rankerName ?? "none").headerValue
        if let route = reply.route {
            self[.version] = "\(route.versionNumber)"
            self[.digest] = route.digest.description
        }
        self[.reason] = reply.reason.rawValue
        self[.fallback] = "\(reply.isFallback)"
        self[.where] = "central"
        self[.queueTime] = reply.timings.queue.milliseconds.description
        self[.computeTime] = reply.timings.compute.milliseconds.description
    }
}

extension HTTPField.Name {
    static let ranker = Self("x-ls-ranker")!
    static let version = Self("x-ls-version")!
    static let digest = Self("x-ls-digest")!
    static let reason = Self("x-ls-reason")!
    static let fallback = Self("x-ls-fallback")!
    static let `where` = Self("x-ls-where")!
    static let queueTime = Self("x-queue-time")!
    static let computeTime = Self("x-compute-time")!
}

extension String {
    /// As itself when it is plain ASCII, percent-encoded otherwise.
    var headerValue: String {
        if utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "%") }) {
            return self
        }
        return addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? "-"
    }
}

extension Duration {
    /// To a thousandth.
    var milliseconds: Double {
        let microseconds = Double(components.seconds) * 1e6 + Double(components.attoseconds) / 1e12
        return microseconds.rounded() / 1e3
    }
}
