// The combined scores of a group, by the combiner of the version that scored it.
public import LanguageSystem

extension RankerScorer {
    /// The scores and the signals as one number for each candidate.
    ///
    /// - Returns: Nil where the version has no combiner for what is known.
    /// - Throws: `invalidArgument` for signals that `CandidateSignals` refuses.
    public func combined(
        _ scores: [Float], _ signals: RerankSignals?
    ) throws(LanguageSystemError) -> CombinedScores? {
        guard let signals, let combiner else { return nil }
        let used = signals.used(by: combiner.signals.map(\.name))
        guard !used.isEmpty else { return nil }
        let candidates = try CandidateSignals(
            candidateCount: scores.count, logProbabilities: signals.logProbabilities,
            tokenCounts: signals.tokenCounts, answers: signals.answers,
            finished: signals.finished, numbers: signals.numbers)
        return CombinedScores(combine(scores, candidates), signals: used)
    }
}
