// The JSON of POST /v1/rerank: the shape of Cohere, Jina and vLLM, plus `user`, `domain`,
// `features` and signals of the candidates. Read here, checked here; what a route or a score is
// belongs to Coordination.
import Coordination
import Foundation
import LanguageSystem
import Ledger
import RankerMath

/// The body of a rerank request.
struct RerankBody: Decodable {
    struct Features: Decodable {
        /// The numbers are float16, bfloat16 or float32, little-endian.
        let dtype: String
        /// The shape is [K + 1, D]; row 0 is the instruction.
        let shape: [WholeNumber]
        /// It holds shape[0] * shape[1] numbers in base64, in one line or in several.
        let data: String
        let contract: Contract?
    }

    /// How the features were taken, as far as the caller knows.
    struct Contract: Decodable {
        let revision: String?
        let layer: WholeNumber?
        let layer_fraction: RealNumber?
        let norm: String?
        let pooling: String?
        let dtype: String?
        let template_digest: String?

        var contract: FeatureContract {
            FeatureContract(
                revision: revision, layer: layer?.value, layerFraction: layer_fraction?.value,
                norm: norm,
                pooling: pooling, dtype: dtype, templateDigest: template_digest)
        }
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
    let topN: WholeNumber?
    let returnDocuments: Bool?
    let rawScores: Bool?
    let fallbacks: [String]?
    let features: Features
    let logprobs: [RealNumber]?
    let tokenCounts: [WholeNumber]?
    let answers: [CandidateAnswer?]?
    let finishReasons: [String?]?
    let signals: [String: [RealNumber]]?
    let aggregate: String?

    private enum CodingKeys: String, CodingKey {
        case model, user, domain, query, documents, features, fallbacks
        case logprobs, answers, signals, aggregate
        case tokenCounts = "token_counts"
        case finishReasons = "finish_reason"
        case topN = "top_n"
        case returnDocuments = "return_documents"
        case rawScores = "raw_scores"
    }

    static func parse(_ bytes: Data) throws(LanguageSystemError) -> RerankBody {
        try decode(RerankBody.self, bytes)
    }

    static func decode<Body: Decodable>(
        _ type: Body.Type, _ bytes: Data, of what: String = "rerank request"
    ) throws(LanguageSystemError) -> Body {
        do {
            try JSONScan.check(bytes)
            return try JSONDecoder().decode(type, from: bytes)
        } catch {
            throw LanguageSystemError(decoding: error, of: what)
        }
    }

    /// - Throws: `invalidArgument` when the parts do not fit each other.
    func call() throws(LanguageSystemError) -> RerankCall {
        guard features.shape.count == 2 else {
            throw .malformedRerank(
                "features.shape has \(features.shape.count) numbers, expected 2: [K + 1, D]",
                field: "features.shape")
        }
        let (rowCount, width) = (features.shape[0].value, features.shape[1].value)
        guard let dtype = FeatureType(jsonName: features.dtype) else {
            throw .malformedRerank(
                "features.dtype is '\(features.dtype.printable(40))', "
                    + "expected float16, bfloat16 or float32",
                field: "features.dtype")
        }
        try RerankCall.checkShape(
            rowCount, width, of: "features.shape", field: "features.shape")
        guard let data = Data(base64Lines: features.data) else {
            throw .malformedRerank("features.data is not base64", field: "features.data")
        }
        let expected = rowCount * width * dtype.byteCount
        guard data.count == expected else {
            throw .malformedRerank(
                "features.data holds \(data.count) bytes, "
                    + "expected \(expected) for [\(rowCount), \(width)] \(features.dtype)",
                field: "features.data")
        }
        if let documents, documents.count != rowCount - 1 {
            throw .malformedRerank(
                "found \(documents.count) documents for \(rowCount - 1) candidates' features",
                field: "documents")
        }
        let (signals, aggregate) = try signalFields.checked(candidateCount: rowCount - 1)
        return RerankCall(
            request: RerankRequest(
                model: model, fallbacks: try RerankCall.fallbacks(fallbacks ?? []), user: user,
                domain: try RerankCall.domain(domain),
                features: [UInt8](data)[...], dtype: dtype, candidateCount: rowCount - 1,
                hiddenSize: width, contract: features.contract?.contract ?? FeatureContract(),
                signals: signals, aggregate: aggregate),
            presentation: try RerankPresentation(
                topN: topN?.value, givesRawScores: rawScores ?? false,
                documents: (returnDocuments ?? false) ? documents?.map(\.text) : nil))
    }

    private var signalFields: SignalFields {
        SignalFields(
            logProbabilities: logprobs?.map(\.value), tokenCounts: tokenCounts?.map(\.value),
            answers: answers.map { SignalFields.numbered($0.map { $0?.text }) },
            finished: finishReasons?.map { $0 == SignalFields.finishedReason },
            numbers: (signals ?? [:]).mapValues { $0.map(\.value) }, aggregate: aggregate)
    }
}

extension Data {
    /// Reads base64 as programs write it: whole, or with lines wrapped as by MIME, PEM and the
    /// command `base64`.
    ///
    /// - Returns: Nil when it holds anything else.
    init?(base64Lines text: String) {
        if let data = Data(base64Encoded: text) {
            self = data
            return
        }
        let lines = text.utf8.filter { $0 != 0x0a && $0 != 0x0d && $0 != 0x20 && $0 != 0x09 }
        guard lines.count < text.utf8.count, let data = Data(base64Encoded: Data(lines)) else {
            return nil
        }
        self = data
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

extension [any CodingKey] {
    /// It reads as in "requests[0].features.shape", and is empty for the body itself.
    fileprivate var dotted: String {
        reduce("") { path, key in
            if let place = key.intValue { return "\(path)[\(place)]" }
            return path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
        }
    }

    /// Nil stands for the body itself.
    fileprivate var field: String? { isEmpty ? nil : dotted }

    fileprivate var quoted: String { isEmpty ? "the body" : "'\(dotted.printable(80))'" }
}

extension LanguageSystemError {
    static func malformedRerank(
        _ found: String, of what: String = "rerank request", field: String? = nil
    ) -> Self {
        Self(.invalidArgument, "cannot read the \(what): \(found)", field: field)
    }

    /// Names a type in JSON's words, not Swift's.
    init(decoding error: any Error, of what: String) {
        switch error {
        case let refusal as JSONScan.Refusal:
            self.init(
                refusal.code, "cannot read the \(what): \(refusal.found)", field: refusal.field)
        case let number as NumberRefusal:
            self = .malformedRerank(
                "\(number.path.quoted) is \(number.found), expected \(number.expected)", of: what,
                field: number.path.dotted)
        case DecodingError.keyNotFound(let key, let context):
            let path = context.codingPath + [key]
            self = .malformedRerank("\(path.quoted) is missing", of: what, field: path.dotted)
        case DecodingError.valueNotFound(let type, let context):
            self = .malformedRerank(
                "\(context.codingPath.quoted) is null, expected \(Self.json(type))", of: what,
                field: context.codingPath.field)
        case DecodingError.typeMismatch(let type, let context):
            self = .malformedRerank(
                "\(context.codingPath.quoted) is not \(Self.json(type))", of: what,
                field: context.codingPath.field)
        default: self = .malformedRerank("it is not JSON in UTF-8", of: what)
        }
    }

    private static func json(_ type: Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is Int.Type, is WholeNumber.Type: "a whole number"
        case is Double.Type, is RealNumber.Type: "a number"
        case is CandidateAnswer.Type: "a string, a whole number or null"
        case is [Any].Type: "an array"
        default: "\(type)".hasPrefix("Array") ? "an array" : "an object"
        }
    }
}
