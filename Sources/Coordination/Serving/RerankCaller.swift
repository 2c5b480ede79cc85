// Who asks: what a key lets it name, and under which id its request is known.
public import Ledger

public struct RerankCaller: Sendable {
    /// The request's id as the answer says it; a canary's share and the sample of decisions go by
    /// it.
    public let requestID: String
    public let scope: KeyScope
    /// The key's id: its requests' ids, kept decisions and pins are its own.
    public let keyID: String?
    /// Whether the decision is to be kept, sampled or not.
    public let keepsDecision: Bool
    /// The caller's W3C trace context.
    public let traceParent: String?

    public init(
        requestID: String, scope: KeyScope, keyID: String? = nil, keepsDecision: Bool = false,
        traceParent: String? = nil
    ) {
        self.requestID = requestID
        self.scope = scope
        self.keyID = keyID
        self.keepsDecision = keepsDecision
        self.traceParent = traceParent
    }

    public init(
        requestID: String, key: KnownKey, keepsDecision: Bool, traceParent: String?
    ) {
        self.init(
            requestID: requestID, scope: key.scope, keyID: key.id, keepsDecision: keepsDecision,
            traceParent: traceParent)
    }

    /// The caller of one request of a batch, by its place.
    public func part(_ place: Int) -> RerankCaller {
        RerankCaller(
            requestID: "\(requestID).\(place)", scope: scope, keyID: keyID,
            keepsDecision: keepsDecision, traceParent: traceParent)
    }
}
