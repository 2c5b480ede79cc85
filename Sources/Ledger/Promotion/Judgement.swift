// The evidence for a version against who would serve without it: asking for it, and what it says.
// The rule is SQL (ls.judge); what is added here is the interval that people want to see.
public import LanguageSystem
import PostgresAccess

/// What a version of a ranker has to prove before the gate makes it champion.
public enum PromotionPolicy: String, Sendable, CaseIterable, Codable, Hashable {
    /// It is better than its incumbent.
    case better
    /// It is not worse than the anchor by more than a margin.
    case notWorse = "not_worse"
    /// Nothing: a person decides.
    case manual
}

/// What a version is to its ranker.
public enum VersionStanding: String, Sendable, Codable, Hashable {
    case candidate, champion
    /// The gate decides when figures that it asked for come in.
    case waiting
    /// It was champion; the gate does not promote it again by itself.
    case takenAway = "taken away"
}

/// One row of `ls.judge`.
public struct Judgement: Sendable, Hashable {
    /// Of the version that was judged, as people write it: `math.listwise@3`.
    public let version: String
    public let standing: VersionStanding
    public let policy: PromotionPolicy
    /// By how much it may be worse, a share of the labels' range; nil where the policy has none.
    public let margin: Double?
    /// Why the incumbent is who it is: `champion`, `anchor`, a reason of the route, `first sample`.
    public let incumbentReason: String
    /// The incumbent, `ranker@number`; nil: the first sample.
    public let incumbent: String?
    /// How many queries its test sets have.
    public let queryCount: Int
    /// Of so many versions of a sweep it is one; 1 without a sweep.
    public let triedCount: Int
    /// The version's reward minus the incumbent's of each query, -1 to 1; empty while figures are
    /// missing.
    public let differences: [Double]
    /// Natural logarithm of the e-value of what the policy asks for; nil while figures are missing.
    public let logE: Double?
    /// Of the claim that the version is worse.
    public let logEWorse: Double?
    /// What `logE` has to reach.
    public let threshold: Double
    /// What keeps the gate from deciding, in words; nil: nothing.
    public let missing: String?
    /// Whether it would harm users and domains that have more of the queries together than may keep
    /// the version before.
    public let isTooHarmful: Bool
    /// All of it in one sentence.
    public let words: String

    /// Whether the evidence is enough for the gate.
    public var isProven: Bool {
        missing == nil && policy != .manual && !isTooHarmful
            && logE.map { $0 >= threshold } ?? false
    }
}

/// The gate's last answer about a ranker: a row of `ls.promotion_status`.
public struct PromotionAnswer: Sendable, Hashable {
    public let ranker: String
    public let versionNumber: Int
    public let isPromoted: Bool
    /// What the gate said, in one sentence.
    public let reason: String
    /// Who would serve without the version, `ranker@number`; nil: the first sample.
    public let incumbent: String?
    /// The version's accuracy and the incumbent's on the same queries, 0 to 1; nil where they are
    /// not known.
    public let accuracy: Double?
    public let incumbentAccuracy: Double?
    /// The e-value as people read it; nil where there is none.
    public let evidence: String?
    /// On how many queries; nil where nothing was decided on evidence.
    public let queryCount: Int?
    /// The users and domains that it would harm, and that keep what they have.
    public let harmed: [String]
}

extension LedgerStore {
    /// The gate's last answer about each of these rankers; none where it has not answered yet.
    public func promotionAnswers(of rankers: [String]) async throws(LanguageSystemError)
        -> [PromotionAnswer]
    {
        try await call(
            """
            select distinct on (ranker) ranker, version, promoted, reason, incumbent_version, e,
                queries, coalesce(harmed, '{}') as harmed,
                version_percent::float8 / 100 as accuracy,
                incumbent_percent::float8 / 100 as incumbent_accuracy
            from ls.promotion_status where ranker = any ($1) order by ranker, decided_at desc
            """, rankers
        ) { rows in
            try rows.map { row in
                PromotionAnswer(
                    ranker: try row.decode("ranker"), versionNumber: try row.decode("version"),
                    isPromoted: try row.decode("promoted"), reason: try row.decode("reason"),
                    incumbent: try row.decode("incumbent_version"),
                    accuracy: try row.decode("accuracy"),
                    incumbentAccuracy: try row.decode("incumbent_accuracy"),
                    evidence: try row.decode("e"),
                    queryCount: try row.decode("queries"),
                    harmed: try row.decode("harmed"))
            }
        }
    }

    /// Reads only: nothing is asked for, nothing decided.
    ///
    /// - Parameter reference: `ranker` (its champion), `ranker:alias` or `ranker@number`.
    /// - Throws: `unknownRanker`, `unknownVersion`.
    public func judge(_ reference: String) async throws(LanguageSystemError) -> Judgement {
        let version = try await resolve(reference)
        return try await call(
            """
            select j.*, r.name || '@' || i.number as incumbent_name,
                case when exists (select from ls.ranker_alias
                        where version_id = $1 and alias = 'champion') then 'champion'
                    when exists (select from ls.promotion_wait where version_id = $1)
                        then 'waiting'
                    when exists (select from ls.alias_history
                        where from_version_id = $1 and alias = 'champion') then 'taken away'
                    else 'candidate' end as standing
            from ls.judge($1) j
                left join ls.ranker_version i on i.version_id = j.incumbent_version_id
                left join ls.ranker r on r.ranker_id = i.ranker_id
            """, version.versionID
        ) { rows in
            let row = try rows.one()
            return Judgement(
                version: "\(version.rankerName)@\(version.versionNumber)",
                standing: try row.decode("standing"),
                policy: try row.decode("policy"), margin: try row.decode("margin"),
                incumbentReason: try row.decode("incumbent"),
                incumbent: try row.decode("incumbent_name"),
                queryCount: try row.decode("query_count"),
                triedCount: try row.decode("tried_count"),
                differences: try row.decode("differences"), logE: try row.decode("log_e"),
                logEWorse: try row.decode("log_e_worse"), threshold: try row.decode("threshold"),
                missing: try row.decode("missing"),
                isTooHarmful: try row.decode(Bool?.self, "is_too_harmful") ?? false,
                words: try row.decode("words"))
        }
    }

    /// The users and domains that are exempt from the champion of `ranker`.
    public func exemptStrata(of ranker: String) async throws(LanguageSystemError) -> [String] {
        try await call(
            """
            select coalesce(d.name, 'user ' || x.user_name) as name
            from ls.exemption x join ls.ranker r using (ranker_id)
                left join ls.domain d on d.domain_id = x.domain_id
            where r.name = $1 order by 1
            """, ranker
        ) { rows in try rows.map { try $0.decode("name") } }
    }

    /// What versions of `ranker` have to prove from now on.
    ///
    /// - Parameter margin: For `notWorse`: a share of the labels' range, 0 to 0.5.
    public func setPromotionPolicy(
        of ranker: String, _ policy: PromotionPolicy, margin: Double = 0.02, by actor: String? = nil
    ) async throws(LanguageSystemError) {
        try await call(
            "select ls.set_promotion_policy($1, $2, $3, $4)", ranker, policy, margin, actor
        ) { _ in }
    }
}
