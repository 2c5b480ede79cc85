// What a rerank is answered with, free of any wire.
public import LanguageSystem
public import Ledger
public import Rankers

public struct RerankReply: Sendable {
    public struct RankedCandidate: Sendable, Equatable {
        public let candidateIndex: Int
        /// The ranker's own score, a cosine in [-1, 1] for cosine similarity; the combined score
        /// where signals were used.
        public let score: Float
        /// The score as it is reported: (1 + cos) / 2, in [0, 1], or the raw score where the
        /// similarity is affine; the candidate's probability where signals were used.
        public let relevance: Float
    }

    public struct Timings: Sendable, Equatable {
        public var route: Duration = .zero
        public var load: Duration = .zero
        public var queue: Duration = .zero
        public var compute: Duration = .zero
    }

    /// The candidates, best first; ties keep the order of the request.
    public let ranking: [RankedCandidate]
    /// The route that served; nil: no ranker fits and the candidates kept their order.
    public let route: Route?
    public let reason: RouteReason
    public let isFallback: Bool
    public let explanation: String
    /// The worker that scored it; nil: this coordinator.
    public let worker: String?
    public let timings: Timings
    /// The model that served: `ranker@version`, or the base model when no ranker served.
    public let servedModel: String
    /// The names of the signals that the order rests on; none where the scores stand alone.
    public let signals: [String]
    public let aggregate: Aggregate
}

extension RerankReply {
    /// - Parameters:
    ///   - scores: finite, or their order means nothing.
    ///   - combined: The scores and the signals that the version uses; nil: the scores stand alone.
    ///   - missed: What should have served and did not, in words.
    init(
        scores: [Float], combined: CombinedScores?, isCosine: Bool, route: Route,
        request: RerankRequest, missed: [String], worker: String?, timings: Timings
    ) {
        self.init(
            ranking: Self.ranking(
                scores, combined, isCosine: isCosine, by: request.aggregate,
                answers: request.signals?.answers),
            route: route, reason: route.reason,
            isFallback: !missed.isEmpty || Self.isFallback(route.reason, request),
            explanation: (missed + [Self.explanation(of: route.reason, route.rule, request)])
                .joined(separator: "; "),
            worker: worker, timings: timings,
            servedModel: "\(route.rankerName)@\(route.versionNumber)",
            signals: Self.signals(combined, request), aggregate: request.aggregate)
    }

    /// The order of the request; where it asks for a vote, that of one in which all count alike.
    ///
    /// - Parameter model: The base model, by the request or one of its fallbacks, for which nobody
    ///   is there.
    init(
        keepingOrderOf request: RerankRequest, for model: String, missed: [String],
        timings: Timings
    ) {
        self.init(
            ranking: Self.ranking(
                [Float](repeating: 0, count: request.candidateCount), nil, isCosine: false,
                by: request.aggregate, answers: request.signals?.answers),
            route: nil, reason: .firstSample, isFallback: true,
            explanation: (missed + [Self.explanation(of: .firstSample, nil, request)])
                .joined(separator: "; "),
            worker: nil, timings: timings, servedModel: model,
            signals: Self.signals(nil, request), aggregate: request.aggregate)
    }

    private static func signals(_ combined: CombinedScores?, _ request: RerankRequest) -> [String] {
        let used = combined?.signals ?? []
        // Also where no combiner uses them, a vote does.
        guard request.aggregate == .weightedVote, !used.contains("answers") else { return used }
        return (used + ["answers"]).sorted()
    }

    /// Whether the request got less than it asked for by name.
    private static func isFallback(_ reason: RouteReason, _ request: RerankRequest) -> Bool {
        switch reason {
        case .named, .rule, .userAndDomain: false
        case .user: request.user == nil
        case .domain: request.user != nil
        case .global: request.user != nil || request.domain != nil
        case .parentDomain, .bestTransfer, .firstSample: true
        }
    }

    /// One sentence that says who served and what was missing.
    private static func explanation(
        of reason: RouteReason, _ rule: String?, _ request: RerankRequest
    ) -> String {
        let user = request.user ?? "-"
        let domain = request.domain?.description ?? "-"
        let missing =
            request.user.map { "no ranker of user \($0) serves this" } ?? "no user was named"
        return switch reason {
        case .named: "the request named it"
        case .rule: "route rule \(rule ?? "-") says so"
        case .userAndDomain: "user \(user) has a ranker for \(domain) or a broader domain"
        case .user: "user \(user) has a ranker for every domain"
        case .domain: "\(missing); \(domain) has a ranker of its own"
        case .parentDomain: "\(missing); a broader domain than \(domain) has a ranker"
        case .bestTransfer:
            """
            \(missing) and \(domain) has none; this ranker does best on \(domain) by the transfer \
            matrix
            """
        case .global:
            "\(missing) and no domain's ranker fits; the base model's global ranker serves"
        case .firstSample:
            request.aggregate == .weightedVote
                ? "\(missing) and no ranker fits; the answer that most candidates give is first"
                : "\(missing) and no ranker fits; the candidates keep their order"
        }
    }
}
