// RerankSignals to and from its message.
import LanguageSystem

extension RerankSignals {
    /// - Throws: `invalidArgument` when a signal has not one value for each candidate, or there are
    ///   too many. Whether the values are possible is for whoever uses them to say.
    init(
        _ message: Languagesystem_V1_RerankSignals, candidateCount: Int
    ) throws(LanguageSystemError) {
        try WireLimits.check(
            "rerank", count: message.scores.count, max: WireLimits.signalNumberCountMax)
        // What is not there has no values; there is a candidate at least.
        self.init(
            logProbabilities: message.logprobs.isEmpty ? nil : message.logprobs,
            tokenCounts: message.tokenCounts.isEmpty
                ? nil : message.tokenCounts.map { Int(clamping: $0) },
            answers: message.answers.isEmpty ? nil : message.answers,
            finished: message.finished.isEmpty ? nil : message.finished,
            numbers: message.scores.mapValues(\.values))
        if let count = counts.first(where: { $0 != candidateCount }) {
            throw .malformedOnTheWire(
                "rerank", "found a signal of \(count) values, expected \(candidateCount)")
        }
    }
}

extension Languagesystem_V1_RerankSignals {
    init(_ signals: RerankSignals) {
        self.init()
        logprobs = signals.logProbabilities ?? []
        tokenCounts = (signals.tokenCounts ?? []).map(Int64.init)
        answers = signals.answers ?? []
        finished = signals.finished ?? []
        scores = signals.numbers.mapValues { values in
            var numbers = Languagesystem_V1_SignalNumbers()
            numbers.values = values
            return numbers
        }
    }
}
