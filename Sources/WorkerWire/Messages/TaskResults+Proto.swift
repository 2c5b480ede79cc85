// How attempts end: evaluations, failures, and the answers to them.
public import LanguageSystem

extension TrainingResultHeader {
    public init(_ message: Languagesystem_V1_TrainingHeader) throws(LanguageSystemError) {
        guard (1...UInt64(WireLimits.weightsByteCountMax)).contains(message.byteCount) else {
            throw .tooLargeOnTheWire(
                "version's weights", found: Int(clamping: message.byteCount),
                max: WireLimits.weightsByteCountMax)
        }
        self.init(
            token: try LeaseToken(wire: message.leaseToken),
            digest: try Digest(wire: message.digest), byteCount: Int64(message.byteCount),
            report: try WireLimits.json(message.report, what: "training report"),
            weightsStay: message.weightsStay)
    }
}

extension Languagesystem_V1_TrainingUpload {
    public init(_ header: TrainingResultHeader) {
        self.init()
        self.header.leaseToken = header.token.description
        self.header.digest = header.digest.wire
        self.header.byteCount = UInt64(header.byteCount)
        self.header.report = header.report
        self.header.weightsStay = header.weightsStay
    }

    public init(_ piece: BlobChunk) {
        self.init()
        chunk = Languagesystem_V1_BlobChunk(piece)
    }
}

extension [EvaluationResultReport] {
    public init(_ message: Languagesystem_V1_EvaluationResult) throws(LanguageSystemError) {
        guard (1...WireLimits.featureSetCountMax).contains(message.reports.count) else {
            throw .malformedOnTheWire(
                "evaluation",
                """
                found \(message.reports.count) reports, expected 1 to \
                \(WireLimits.featureSetCountMax)
                """
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
    public init(token: LeaseToken, reports: [EvaluationResultReport]) {
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
    public init(token: LeaseToken, error: LanguageSystemError, retryable: Bool) {
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
