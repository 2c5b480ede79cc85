// The JSON of POST /v1/rerank: the shape of Cohere, Jina and vLLM, plus `user`, `domain` and
// `features`. Read here, checked here; what a route or a score is belongs to Coordination.
import Coordination
import Foundation
import LanguageSystem
import Ledger
import RankerMath

/// The body of a rerank request.
struct RerankBody: Decodable {
    struct Features: Decodable {
        /// float16, bfloat16 or float32; little-endian.
        let dtype: String
        /// [K + 1, D]; row 0 is the instruction.
        let shape: [Int]
        /// Base64 of shape[0] * shape[1] numbers.
        let data: String
    }

    /// A document as Cohere sends it: a string, or an object with `text`.
    struct Document: Decodable {
        let text: String

        private enum CodingKeys: String, CodingKey { case text }

        init(from decoder: any Decoder) throws {
            if let text = try? decoder.singleValueContainer().decode(String.self) {
                self.text = text
            } else {
                text = try decoder.container(keyedBy: CodingKeys.self).decode(
                    String.self, forKey: .text)
            }
        }
    }

    let model: String
    let user: String?
    let domain: String?
    let query: String?
    let documents: [Document]?
    let topN: Int?
    let returnDocuments: Bool?
    let rawScores: Bool?
    let features: Features

    private enum CodingKeys: String, CodingKey {
        case model, user, domain, query, documents, features
        case topN = "top_n"
        case returnDocuments = "return_documents"
        case rawScores = "raw_scores"
    }

    static func parse(_ bytes: Data) throws(CoordinatorError) -> RerankBody {
        do {
            return try JSONDecoder().decode(RerankBody.self, from: bytes)
        } catch let DecodingError.keyNotFound(key, context) {
            throw .malformedRerank("'\((context.codingPath + [key]).dotted)' is missing")
        } catch let DecodingError.typeMismatch(type, context) {
            throw .malformedRerank("'\(context.codingPath.dotted)' is not a \(type)")
        } catch let DecodingError.valueNotFound(type, context) {
            throw .malformedRerank("'\(context.codingPath.dotted)' is null, expected a \(type)")
        } catch {
            throw .malformedRerank("it is not a JSON object")
        }
    }

    /// - Throws: `invalidArgument` when the parts do not fit each other.
    func request() throws(CoordinatorError) -> RerankRequest {
        guard features.shape.count == 2 else {
            throw .malformedRerank(
                "features.shape has \(features.shape.count) numbers, expected 2: [K + 1, D]")
        }
        let (rowCount, width) = (features.shape[0], features.shape[1])
        guard let dtype = FeatureType(jsonName: features.dtype) else {
            throw .malformedRerank(
                "features.dtype is '\(features.dtype.printable(40))', expected float16, bfloat16 or float32"
            )
        }
        guard (3...RerankRequest.candidateCountMax + 1).contains(rowCount),
            (1...65_536).contains(width)
        else {
            throw .malformedRerank(
                "features.shape is [\(rowCount), \(width)], expected 3 to \(RerankRequest.candidateCountMax + 1) rows (the instruction, then 2 to \(RerankRequest.candidateCountMax) candidates) of 1 to 65536 numbers"
            )
        }
        guard let data = Data(base64Encoded: features.data) else {
            throw .malformedRerank("features.data is not base64")
        }
        let expected = rowCount * width * dtype.byteCount
        guard data.count == expected else {
            throw .malformedRerank(
                "features.data holds \(data.count) bytes, expected \(expected) for [\(rowCount), \(width)] \(features.dtype)"
            )
        }
        if let documents, documents.count != rowCount - 1 {
            throw .malformedRerank(
                "found \(documents.count) documents for \(rowCount - 1) candidates' features")
        }
        if let topN, topN < 1 { throw .malformedRerank("top_n is \(topN), expected at least 1") }
        return RerankRequest(
            model: model, user: user,
            domain: try domain.map { name throws(CoordinatorError) in try DomainName(name) },
            features: [UInt8](data), dtype: dtype, candidateCount: rowCount - 1, hiddenSize: width)
    }
}

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

    init(id: String, _ reply: RerankReply, to body: RerankBody) {
        self.id = id
        model = reply.servedModel
        let raw = body.rawScores ?? false
        results = reply.ranking.prefix(body.topN ?? .max).map { place in
            Result(
                index: place.candidateIndex,
                relevance_score: Double(raw ? place.score : place.relevance),
                document: (body.returnDocuments ?? false)
                    ? body.documents.map { Result.Document(text: $0[place.candidateIndex].text) }
                    : nil)
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

extension FeatureType {
    /// The names the rest of the world uses for them.
    init?(jsonName: String) {
        switch jsonName {
        case "float16": self = .float16
        case "bfloat16": self = .bfloat16
        case "float32": self = .float32
        default: return nil
        }
    }
}

extension Duration {
    var milliseconds: Double {
        Double(components.seconds) * 1e3 + Double(components.attoseconds) / 1e15
    }
}

extension [any CodingKey] {
    var dotted: String { map(\.stringValue).joined(separator: ".") }
}

extension CoordinatorError {
    static func malformedRerank(_ found: String) -> Self {
        Self(.invalidArgument, "cannot read the rerank request: \(found)")
    }
}
