// What a rerank is answered with, free of any wire.
public import LanguageSystem
public import Ledger

public struct RerankReply: Sendable {
    public struct RankedCandidate: Sendable, Equatable {
        public let candidateIndex: Int
        /// The ranker's own score; a cosine in [-1, 1] for cosine similarity.
        public let score: Float
        /// (1 + cos) / 2, in [0, 1]; the raw score where the similarity is affine.
        public let relevance: Float
    }

    public struct Timings: Sendable, Equatable {
        public var route: Duration = .zero
        public var load: Duration = .zero
        public var queue: Duration = .zero
        public var compute: Duration = .zero
    }

    /// Best first; ties keep the order of the request.
    public let ranking: [RankedCandidate]
    /// Nil: no ranker fits and the candidates kept their order.
    public let route: Route?
    public let reason: RouteReason
    public let isFallback: Bool
    public let explanation: String
    /// The worker that scored it; nil: this coordinator.
    public let worker: String?
    public let timings: Timings
    /// `ranker@version`, or the base model when no ranker served.
    public let servedModel: String
}

extension RerankReply {
    /// - Parameters:
    ///   - scores: finite, or their order means nothing.
    ///   - missed: What should have served and did not, in words.
    init(
        scores: [Float], isCosine: Bool, route: Route, request: RerankRequest, missed: [String],
        worker: String?, timings: Timings
    ) {
        let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
        self.init(
            ranking: order.map {
                RankedCandidate(
                    candidateIndex: $0, score: scores[$0],
                    // A cosine may be beyond 1 by the last bit.
                    relevance: isCosine ? min(max((1 + scores[$0]) / 2, 0), 1) : scores[$0])
            },
            route: route, reason: route.reason,
            isFallback: !missed.isEmpty || Self.isFallback(route.reason, request),
            explanation: (missed + [Self.explanation(of: route.reason, route.rule, request)])
                .joined(separator: "; "),
            worker: worker, timings: timings,
            servedModel: "\(route.rankerName)@\(route.versionNumber)")
    }

    /// - Parameter model: The base model, by the request or one of its fallbacks, for which nobody
    ///   is there.
    init(
        keepingOrderOf request: RerankRequest, for model: String, missed: [String],
        timings: Timings
    ) {
        self.init(
            ranking: (0..<request.candidateCount).map {
                RankedCandidate(candidateIndex: $0, score: 0, relevance: 0)
            },
            route: nil, reason: .firstSample, isFallback: true,
            explanation: (missed + [Self.explanation(of: .firstSample, nil, request)])
                .joined(separator: "; "),
            worker: nil, timings: timings, servedModel: model)
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
            request.user.map { "user \($0) has no ranker here" } ?? "no user was named"
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
        case .firstSample: "\(missing) and no ranker fits; the candidates keep their order"
        }
    }
}
