// How a version's score and the signals of a request become one number a candidate. It travels in
// the metadata of the weights, so that the version's digest covers it.
internal import LanguageSystem
internal import RankerMath

/// The fitted coefficients of one version, for each set of signals that its features had.
public struct Combiner: Sendable, Hashable {
    /// What is fitted for one set of signals.
    struct Fit: Sendable, Hashable {
        /// Ascending.
        let signals: [Signal]
        /// Of the score and the signals' terms, in the order of `CombinerTerm.terms`.
        let coefficients: [Double]
        /// Of the signals' terms, fitted as if there were no ranker; empty without signals.
        let withoutScore: [Double]

        var terms: [CombinerTerm] { CombinerTerm.terms(of: signals) }
    }

    /// The greatest size of a mean, a deviation or a coefficient, and 1 / the least deviation.
    static let magnitudeMax = 1e18
    /// The most fits: one for each set of log-probabilities, answers, finished and the numbers.
    static let fitCountMax = 16

    let standards: [CombinerTerm: Standardisation]
    /// The fit with the most signals first.
    let fits: [Fit]

    init(standards: [CombinerTerm: Standardisation], fits: [Fit]) {
        self.standards = standards
        // A request that has several of them uses the fullest.
        self.fits = fits.sorted {
            $0.signals.count == $1.signals.count
                ? $0.signals.lexicographicallyPrecedes($1.signals)
                : $0.signals.count > $1.signals.count
        }
    }

    /// Whether it can be read again.
    var isOfPossibleSize: Bool {
        standards.values.allSatisfy {
            abs($0.mean) <= Self.magnitudeMax && $0.deviation <= Self.magnitudeMax
                && $0.deviation >= 1 / Self.magnitudeMax
        }
            && fits.allSatisfy { fit in
                (fit.coefficients + fit.withoutScore).allSatisfy { abs($0) <= Self.magnitudeMax }
            }
    }

    /// The signals that the version can use.
    public var signals: Set<Signal> { Set(fits.flatMap(\.signals)) }

    /// The combined score of each candidate; higher is better. (E19)
    ///
    ///     c_k = sum over terms of b (x_k - mean) / deviation
    ///
    /// The fit is the one with the most signals that are all there; signals that it does not use
    /// change nothing. Where none fits, the scores themselves are the result.
    ///
    /// - Parameter scores: The ranker's, shape [K].
    public func combined(scores: [Float], signals: CandidateSignals) -> [Double] {
        precondition(scores.count == signals.candidateCount, "each candidate has a score")
        let scores = scores.map(Double.init)
        guard let fit = fit(for: signals.present) else { return scores }
        return sum(fit.terms, fit.coefficients, scores, signals)
    }

    /// The same as if there were no ranker; nil where no signal of the combiner is there.
    func withoutScore(_ signals: CandidateSignals) -> [Double]? {
        guard let fit = fit(for: signals.present), !fit.signals.isEmpty else { return nil }
        return sum(Array(fit.terms.dropFirst()), fit.withoutScore, [], signals)
    }

    /// Whether it uses any of these signals.
    func usesSignals(of present: Set<Signal>) -> Bool {
        fit(for: present).map { !$0.signals.isEmpty } ?? false
    }

    private func fit(for present: Set<Signal>) -> Fit? {
        fits.first { $0.signals.allSatisfy(present.contains) }
    }

    private func sum(
        _ terms: [CombinerTerm], _ coefficients: [Double], _ scores: [Double],
        _ signals: CandidateSignals
    ) -> [Double] {
        var total = [Double](repeating: 0, count: signals.candidateCount)
        for (term, coefficient) in zip(terms, coefficients) {
            let values = term == .score ? scores : signals.values(of: term)
            // A fit's signals are there, and a combiner that was read has a standard for each term.
            guard let values, let standard = standards[term] else {
                preconditionFailure("a combiner has no \(term.name)")
            }
            for k in total.indices { total[k] += coefficient * standard(values[k]) }
        }
        return total
    }
}

/// What the first of the ordered candidates is.
public enum Aggregate: String, Sendable, Hashable, CaseIterable, Codable {
    /// The one with the highest combined score.
    case best
    /// The best one of the answer with the most weight: combined scores become probabilities,
    /// which are summed over equal answers. (E21)
    case weightedVote = "weighted_vote"

    /// The candidates, best first; of equal ones the one that stands first.
    ///
    /// - Parameters:
    ///   - combined: `Combiner.combined`, or scores, shape [K].
    ///   - answers: As in `CandidateSignals`. Without them a weighted vote is `best`.
    /// - Returns: A permutation of 0 ..< K. After the first all are ordered by combined score.
    public func order(_ combined: [Double], answers: [Int32]?) -> [Int] {
        let order = combined.indices.sorted {
            combined[$0] == combined[$1] ? $0 < $1 : combined[$0] > combined[$1]
        }
        guard self == .weightedVote, let answers, let best = order.first else { return order }
        let weights = SignalTerms.answerWeights(combined, answers: answers)
        var chosen = best
        for candidate in order where weights[candidate] > weights[chosen] { chosen = candidate }
        return [chosen] + order.filter { $0 != chosen }
    }
}

// MARK: JSON

extension Combiner: Codable {
    static let format = "combiner/1"

    enum CodingKeys: String, CodingKey, CaseIterable { case format, standards, fits }

    /// A term's mean and deviation.
    private struct Standard: Codable {
        let mean: Double
        let deviation: Double
    }

    fileprivate struct StoredFit: Codable {
        let signals: [String]
        let coefficients: [String: Double]
        let withoutScore: [String: Double]

        enum CodingKeys: String, CodingKey, CaseIterable {
            case signals, coefficients
            case withoutScore = "without_score"
        }
    }

    init(json: String) throws(LanguageSystemError) {
        self = try StrictJSON.decode(Self.self, from: json, what: "combiner")
    }

    /// The combiner as JSON on one line with sorted keys.
    public var json: String { StrictJSON.encode(self) }

    /// - Throws: A `LanguageSystemError` with one sentence unless every name is known, every number
    ///   is finite and of a possible size, and each fit has the terms of its signals.
    public init(from decoder: any Decoder) throws {
        try StrictJSON.refuseUnknownKeys(CodingKeys.self, in: decoder, what: "combiner")
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let format = try container.decode(String.self, forKey: .format)
        guard format == Self.format else {
            throw LanguageSystemError.badCombiner(
                "found format '\(format.printable())', expected '\(Self.format)'")
        }
        let stored = try container.decode([StoredFit].self, forKey: .fits)
        guard stored.count <= Self.fitCountMax else {
            throw LanguageSystemError.badCombiner(
                "found \(stored.count) fits, expected at most \(Self.fitCountMax)")
        }
        let fits = try stored.map(Fit.init)
        let numbers = Set(fits.flatMap(\.signals)).filter {
            if case .number = $0 { true } else { false }
        }
        guard numbers.count <= Signal.numberCountMax else {
            throw LanguageSystemError.badCombiner(
                "found \(numbers.count) named numbers, expected at most \(Signal.numberCountMax)")
        }
        guard Set(fits.map(\.signals)).count == fits.count else {
            throw LanguageSystemError.badCombiner("found two fits of the same signals")
        }
        let byName = try container.decode([String: Standard].self, forKey: .standards)
        var standards: [CombinerTerm: Standardisation] = [:]
        for term in Set(fits.flatMap(\.terms)).sorted(by: { $0.name < $1.name }) {
            guard let found = byName[term.name] else {
                throw LanguageSystemError.badCombiner("found no standard of '\(term.name)'")
            }
            try Self.check(found.mean, "the mean of '\(term.name)'")
            try Self.check(found.deviation, "the deviation of '\(term.name)'")
            guard found.deviation >= 1 / Self.magnitudeMax else {
                throw LanguageSystemError.badCombiner(
                    "found \(found.deviation) for the deviation of '\(term.name)', "
                        + "expected more than 0")
            }
            standards[term] = Standardisation(mean: found.mean, deviation: found.deviation)
        }
        if let unknown = byName.keys.sorted().first(where: { name in
            !standards.keys.contains { $0.name == name }
        }) {
            throw LanguageSystemError.badCombiner(
                "found the standard of '\(unknown.printable())', which no fit has")
        }
        self.init(standards: standards, fits: fits)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Self.format, forKey: .format)
        try container.encode(
            Dictionary(
                uniqueKeysWithValues: standards.map {
                    ($0.key.name, Standard(mean: $0.value.mean, deviation: $0.value.deviation))
                }), forKey: .standards)
        try container.encode(
            fits.map { fit in
                let names = fit.terms.map(\.name)
                return StoredFit(
                    signals: fit.signals.map(\.name),
                    coefficients: Dictionary(
                        uniqueKeysWithValues: zip(names, fit.coefficients)),
                    withoutScore: Dictionary(
                        uniqueKeysWithValues: zip(names.dropFirst(), fit.withoutScore)))
            }, forKey: .fits)
    }

    fileprivate static func check(_ value: Double, _ what: String) throws(LanguageSystemError) {
        guard abs(value) <= magnitudeMax else {
            throw .badCombiner("found \(value) for \(what), expected at most \(magnitudeMax)")
        }
    }
}

extension Combiner.Fit {
    fileprivate init(_ stored: Combiner.StoredFit) throws {
        let signals = try stored.signals.map { name in
            guard let signal = Signal(name: name) else {
                throw LanguageSystemError.badCombiner(
                    "found the unknown signal '\(name.printable())'")
            }
            return signal
        }
        guard Set(signals).count == signals.count else {
            throw LanguageSystemError.badCombiner("found a fit that names a signal twice")
        }
        let sorted = signals.sorted()
        let terms = CombinerTerm.terms(of: sorted)
        let fitted = signals.isEmpty ? [] : Array(terms.dropFirst())
        self.init(
            signals: sorted,
            coefficients: try Self.values(stored.coefficients, of: terms, in: "coefficients"),
            withoutScore: try Self.values(stored.withoutScore, of: fitted, in: "without_score"))
    }

    /// The values in the order of the terms.
    private static func values(
        _ values: [String: Double], of terms: [CombinerTerm], in part: String
    ) throws -> [Double] {
        let names = terms.map(\.name)
        if let unknown = values.keys.sorted().first(where: { !names.contains($0) }) {
            throw LanguageSystemError.badCombiner(
                "found '\(unknown.printable())' in \(part), which its signals do not have")
        }
        return try names.map { name in
            guard let value = values[name] else {
                throw LanguageSystemError.badCombiner("found no '\(name)' in \(part)")
            }
            try Combiner.check(value, "'\(name)' in \(part)")
            return value
        }
    }
}

extension LanguageSystemError {
    static func badCombiner(_ why: String) -> Self {
        Self(.invalidArgument, "cannot read the combiner: \(why)")
    }
}
