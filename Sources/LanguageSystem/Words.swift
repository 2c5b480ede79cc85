// The small closed vocabularies that every layer shares. The raw values are what SQL stores, what
// the wire carries and what a person types.

/// How a ranker looks at the candidates of a group: together (eq. 1) or each alone (eq. 3).
public enum RankerKind: String, Sendable, CaseIterable, Codable, Hashable {
    case listwise
    case pointwise
}

/// Which part of a domain's queries a feature set holds.
public enum Split: String, Sendable, CaseIterable, Codable, Hashable {
    case train
    case test
}

public enum TaskKind: String, Sendable, CaseIterable, Codable, Hashable {
    /// Fit a ranker on feature sets; the result is a new version.
    case train
    /// Measure a version on feature sets; the results are evaluations.
    case evaluate
    /// A transfer matrix to be measured after its trainings. The coordinator's own: it asks for the
    /// evaluations that are missing, and is done when they are.
    case matrix

    /// What is handed to workers.
    public static let leased: [TaskKind] = [.train, .evaluate]
}

public enum TaskState: String, Sendable, CaseIterable, Codable, Hashable {
    /// Waits for other tasks to be done.
    case blocked
    case waiting
    case leased
    case done
    /// Every attempt allowed was used up; `redrive` puts it back to waiting.
    case dead
    case cancelled

    public var isFinal: Bool { self == .done || self == .dead || self == .cancelled }
}

/// Where and how a request was answered, best first. See DESIGN section 6.
public enum RouteReason: String, Sendable, CaseIterable, Codable, Hashable {
    /// The request named a ranker or a version.
    case named
    /// A rule of ls.route_rule came before the chain.
    case rule
    case userAndDomain = "user+domain"
    case user
    case domain
    case parentDomain = "parent domain"
    /// The asked domain has no ranker; the source domain that transfers best to it serves.
    case bestTransfer = "best transfer"
    case global
    /// No ranker fits: the candidates keep their order.
    case firstSample = "first sample"
}
