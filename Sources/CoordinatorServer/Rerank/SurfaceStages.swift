// How long the surface's own parts of a rerank took, beside those that Coordination counts under
// the same name.
import Coordination
import CoreMetrics
import LanguageSystem

/// Times the stages of single reranks over HTTPS.
struct SurfaceStages: Sendable {
    private let decoding = Timer(
        label: "ls_rerank_stage_duration_seconds", dimensions: [("stage", "decode")])
    private let encoding = Timer(
        label: "ls_rerank_stage_duration_seconds", dimensions: [("stage", "encode")])

    func decode(
        _ type: RerankMediaType, _ body: [UInt8], query: String
    ) throws(LanguageSystemError) -> RerankCall {
        let began = ContinuousClock.now
        let call = try RerankCall(type, body, query: query)
        decoding.recordNanoseconds((ContinuousClock.now - began).nanoseconds)
        return call
    }

    func encode(_ reply: RerankReplyBody) -> JSONText {
        let began = ContinuousClock.now
        let json = reply.json
        encoding.recordNanoseconds((ContinuousClock.now - began).nanoseconds)
        return json
    }
}
