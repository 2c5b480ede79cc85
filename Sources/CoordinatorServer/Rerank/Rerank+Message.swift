// Messages of rerank.proto to calls and replies, with the checks of the HTTPS surface.
import Coordination
import LanguageSystem
import Ledger
import RankerMath
import Rankers
import RerankWire
import SwiftProtobuf

extension RerankCall {
    init(_ message: Languagesystem_V1_RerankRequest) throws(LanguageSystemError) {
        guard !message.model.isEmpty else { throw .malformedRerank("'model' is missing") }
        guard message.hasFeatures else { throw .malformedRerank("'features' is missing") }
        let features = message.features
        guard let dtype = FeatureType(features.dtype) else {
            throw .malformedRerank(
                "features.dtype is not said, expected FLOAT16, BFLOAT16 or FLOAT32")
        }
        let (count, width) = (Int(features.candidateCount), Int(features.hiddenSize))
        try Self.checkShape(count + 1, width, of: "the features' shape")
        let expected = (count + 1) * width * dtype.byteCount
        guard features.data.count == expected else {
            throw .malformedRerank(
                """
                features.data holds \(features.data.count) bytes, expected \(expected) for \
                [\(count + 1), \(width)] \(dtype.rawValue)
                """
            )
        }
        let (signals, aggregate) = try SignalFields(message).checked(candidateCount: count)
        self.init(
            request: RerankRequest(
                model: message.model, fallbacks: try Self.fallbacks(message.fallbacks),
                user: message.hasUser ? message.user : nil,
                domain: try Self.domain(message.hasDomain ? message.domain : nil),
                // Copied: aligned, and the message is let go.
                features: [UInt8](features.data)[...], dtype: dtype, candidateCount: count,
                hiddenSize: width,
                contract: try Self.checked(
                    features.hasContract
                        ? FeatureContract(features.contract) : FeatureContract()),
                signals: signals, aggregate: aggregate),
            presentation: try RerankPresentation(
                topN: message.hasTopN ? Int(message.topN) : nil, givesRawScores: message.rawScores,
                documents: nil))
    }
}

extension SignalFields {
    /// What has no values was not said: there are two candidates at least.
    fileprivate init(_ message: Languagesystem_V1_RerankRequest) {
        self.init(
            logProbabilities: message.logprobs.isEmpty ? nil : message.logprobs,
            tokenCounts: message.tokenCounts.isEmpty
                ? nil : message.tokenCounts.map { Int($0) },
            answers: message.answers.isEmpty
                ? nil : Self.numbered(message.answers.map { $0.hasText ? $0.text : nil }),
            finished: message.finishReason.isEmpty
                ? nil : message.finishReason.map { $0 == Self.finishedReason },
            numbers: message.signals.mapValues(\.values),
            aggregate: message.hasAggregate ? message.aggregate : nil)
    }
}

extension FeatureType {
    fileprivate init?(_ dtype: Languagesystem_V1_RerankDType) {
        switch dtype {
        case .float16: self = .float16
        case .bfloat16: self = .bfloat16
        case .float32: self = .float32
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }
}

extension FeatureContract {
    fileprivate init(_ message: Languagesystem_V1_RerankContract) {
        self.init(
            revision: message.hasRevision ? message.revision : nil,
            layer: message.hasLayer ? Int(message.layer) : nil,
            layerFraction: message.hasLayerFraction ? message.layerFraction : nil,
            norm: message.hasNorm ? message.norm : nil,
            pooling: message.hasPooling ? message.pooling : nil,
            dtype: message.hasDtype ? message.dtype : nil,
            templateDigest: message.hasTemplateDigest ? message.templateDigest : nil)
    }
}

extension Languagesystem_V1_RerankReply {
    init(id: String, _ reply: RerankReply, as presentation: RerankPresentation) {
        self.init()
        self.id = id
        model = reply.servedModel
        results = reply.ranking.prefix(presentation.topN ?? .max).map { place in
            .with {
                $0.index = UInt32(clamping: place.candidateIndex)
                $0.relevanceScore = presentation.givesRawScores ? place.score : place.relevance
            }
        }
        meta = .with {
            if let route = reply.route {
                $0.ranker = route.rankerName
                $0.version = UInt32(clamping: route.versionNumber)
                $0.digest = route.digest.description
                $0.kind = route.kind.rawValue
                if let rule = route.rule { $0.rule = rule }
            }
            $0.reason = reply.reason.rawValue
            $0.fallback = reply.isFallback
            $0.explanation = reply.explanation
            $0.where = reply.worker == nil ? "central" : "edge"
            if let worker = reply.worker { $0.worker = worker }
            $0.signals = reply.signals
            $0.aggregate = reply.aggregate.rawValue
            $0.timings = .with {
                $0.routeMs = reply.timings.route.milliseconds
                $0.loadMs = reply.timings.load.milliseconds
                $0.queueMs = reply.timings.queue.milliseconds
                $0.computeMs = reply.timings.compute.milliseconds
            }
        }
    }
}

extension Languagesystem_V1_RerankFailure {
    init(id: String, _ error: LanguageSystemError) {
        self.init()
        self.id = id
        code = error.code.rawValue
        message = error.message
        if let hint = error.hint { self.hint = hint }
    }
}
