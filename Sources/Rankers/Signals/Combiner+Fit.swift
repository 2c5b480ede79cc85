// Fits a combiner on groups whose scores come from a ranker that has not seen their labels.
internal import RankerMath

extension Combiner {
    /// The L2 penalty of a coefficient, for standardised terms.
    static let penalty = 1e-3

    /// Fits one set of coefficients for each set of signals that a request may have. (E19, E20)
    ///
    /// Log-probabilities, answers, finished and the named numbers (all of them or none) may each be
    /// there or not, so there are at most 16 sets. A score never counts against its own pick: where
    /// its coefficient would be negative it is zero, and a fit of the score alone is left out.
    ///
    /// - Parameters:
    ///   - groups: Their columns are the terms of all signals, in the order of
    ///     `CombinerTerm.terms`; at least one group.
    ///   - signals: Ascending.
    init(fitting groups: LogitGroups, signals: [Signal]) {
        let all = CombinerTerm.terms(of: signals)
        precondition(groups.width == all.count, "a column is a term")
        let standards = all.indices.map { Standardisation(of: groups.column($0)) }
        func coefficients(of terms: [CombinerTerm]) -> [Double] {
            // Terms of a part of the signals are among the terms of all of them.
            let columns = terms.map { all.firstIndex(of: $0)! }
            let chosen = groups.standardised(
                columns: columns, by: columns.map { standards[$0] })
            return ConditionalLogit(chosen, penalty: Self.penalty).coefficients
        }
        let fits = Self.subsets(of: signals).compactMap { subset -> Fit? in
            let terms = CombinerTerm.terms(of: subset)
            let withScore = coefficients(of: terms)
            let withoutScore = subset.isEmpty ? [] : coefficients(of: Array(terms.dropFirst()))
            if withScore[0] > 0 {
                return Fit(
                    signals: subset, coefficients: withScore, withoutScore: withoutScore)
            }
            guard !subset.isEmpty else { return nil }
            return Fit(
                signals: subset, coefficients: [0] + withoutScore, withoutScore: withoutScore)
        }
        let used = Set(fits.flatMap(\.terms))
        self.init(
            standards: Dictionary(uniqueKeysWithValues: zip(all, standards))
                .filter { used.contains($0.key) },
            fits: fits)
    }

    /// The sets of signals that a request may have, the empty one included.
    static func subsets(of signals: [Signal]) -> [[Signal]] {
        let numbers = signals.filter { if case .number = $0 { true } else { false } }
        let single = signals.filter { !numbers.contains($0) }
        let parts = single.map { [$0] } + (numbers.isEmpty ? [] : [numbers])
        return parts.reduce([[]]) { subsets, part in subsets + subsets.map { $0 + part } }
    }
}

extension LogitGroups {
    /// Adds a group of a feature set's responses: right are those with its greatest label.
    ///
    /// - Parameters:
    ///   - rows: The group's responses, numbered as in the set.
    ///   - scores: The ranker's, in the order of the rows.
    mutating func add(
        _ rows: [Int], of set: FeatureSet, scores: ArraySlice<Float>, terms: [CombinerTerm]
    ) {
        let labels = rows.map { set.labels[$0] }
        let greatest = labels.max()
        let signals = CandidateSignals(of: set, rows: rows)
        let columns = terms.map { term in
            // The terms are those of signals that every set has.
            term == .score ? scores.map(Double.init) : signals.values(of: term)!
        }
        let values = rows.indices.flatMap { k in columns.map { $0[k] } }
        add(values, isRight: labels.map { $0 == greatest })
    }
}
