// Who asks: what a key lets it name, and under which id its request is known.
public import Ledger

public struct RerankCaller: Sendable {
    /// As the answer says it; a canary's share and the sample of decisions go by it.
    public let requestID: String
    public let scope: KeyScope
    /// Whether the decision is to be kept, sampled or not.
    public let keepsDecision: Bool
    /// The caller's W3C trace context.
    public let traceParent: String?

    public init(
        requestID: String, scope: KeyScope, keepsDecision: Bool = false, traceParent: String? = nil
    ) {
        self.requestID = requestID
        self.scope = scope
        self.keepsDecision = keepsDecision
        self.traceParent = traceParent
    }
}
