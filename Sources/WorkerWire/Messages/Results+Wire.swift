// How attempts end: evaluations, failures, and the answers to them.
public import LanguageSystem

/// One evaluation's figures, as they travel.
public struct EvaluationResultReport: Sendable, Hashable {
    public let featureSet: Digest
    /// EvaluationReport as JSON.
    public let report: String

    public init(featureSet: Digest, report: String) {
        self.featureSet = featureSet
        self.report = report
    }
}

extension [EvaluationResultReport] {
    public init(_ message: Languagesystem_V1_EvaluationResult) throws(CoordinatorError) {
        guard (1...WireLimits.featureSetCountMax).contains(message.reports.count) else {
            throw .malformedOnTheWire(
                "evaluation",
                "found \(message.reports.count) reports, expected 1 to \(WireLimits.featureSetCountMax)"
            )
        }
        self = []
        for report in message.reports {
            append(
                EvaluationResultReport(
                    featureSet: try Digest(wire: report.featureSetDigest),
                    report: try WireLimits.json(report.report, what: "evaluation report")))
        }
    }
}

extension Languagesystem_V1_EvaluationResult {
    public init(token: WireLeaseToken, reports: [EvaluationResultReport]) {
        self.init()
        leaseToken = token.description
        self.reports = reports.map {
            var message = Languagesystem_V1_EvaluationReport()
            message.featureSetDigest = $0.featureSet.wire
            message.report = $0.report
            return message
        }
    }
}

extension Languagesystem_V1_FailAttemptRequest {
    public init(token: WireLeaseToken, error: CoordinatorError, retryable: Bool) {
        self.init()
        leaseToken = token.description
        code = error.code.rawValue
        message = WireLimits.line(error.message)
        self.retryable = retryable
    }
}

extension Completion {
    public init(_ message: Languagesystem_V1_CompletionReply) {
        self.init(
            counted: message.counted,
            versionID: message.counted && message.versionID > 0
                ? RankerVersionID(message.versionID) : nil)
    }
}

extension Languagesystem_V1_CompletionReply {
    public init(_ completion: Completion) {
        self.init()
        counted = completion.counted
        versionID = completion.versionID?.rawValue ?? 0
    }
}
