// Rankers, versions and alias moves as the status views show them.
public import Foundation
public import LanguageSystem

/// A registered ranker: its database key and its name.
public struct RegisteredRanker: Sendable, Hashable {
    public let id: RankerID
    public let name: String
}

/// One row of `ls.ranker_status`.
public struct RankerStatus: Sendable, Hashable {
    public let id: RankerID
    public let name: String
    public let baseModel: String
    /// The user whose ranker it is; nil for a ranker of everybody.
    public let user: String?
    /// The domain of the ranker; nil for a ranker of every domain.
    public let domain: DomainName?
    public let kind: RankerKind
    public let versionCount: Int
    /// The champion's database key and number; nil when there is no champion.
    public let championID: RankerVersionID?
    public let championNumber: Int?
    /// The champion's accuracy on the ranker's own test sets, 0 to 1.
    public let accuracy: Double?
    /// The accuracy of the first candidate on the same groups, 0 to 1.
    public let firstSample: Double?
    /// The number of its tasks that have not ended.
    public let openTaskCount: Int
    /// The TrainingConfiguration as JSON, which `requestTraining` uses.
    public let training: String
    /// The worker that has the weights of an edge-only ranker; nil for any other ranker.
    public let home: String?
    /// Why the champion's weights are lost; nil when they are not.
    public let lostBecause: String?
}

/// One row of `ls.lost_ranker`.
public struct LostRanker: Sendable, Hashable {
    public let name: String
    /// The worker that had its weights.
    public let home: String
    public let lostAt: Date
    public let because: String
}

/// One row of `ls.version_lineage`.
public struct VersionLineage: Sendable, Hashable {
    public let id: RankerVersionID
    public let ranker: String
    /// The version's number in its ranker, from 1.
    public let number: Int
    /// SHA-256 of the weights.
    public let digest: Digest
    /// The size of the weights.
    public let byteCount: Int64
    /// The version that training started from, as `ranker@number`; nil for a start from the seed.
    public let parent: String?
    /// The task that made the version; nil for an added one.
    public let taskID: TaskID?
    /// The name of the worker that trained it.
    public let worker: String?
    /// The names and short digests of its train sets, in order.
    public let trainedOn: [String]
    /// The aliases that point to the version now.
    public let aliases: [String]
    /// The TrainingReport as JSON.
    public let report: String
    public let addedAt: Date
}

/// One move of an alias, with who and why.
public struct AliasMove: Sendable, Hashable {
    public let movedAt: Date
    public let ranker: String
    public let alias: String
    /// The version's number before the move; nil when the alias was new.
    public let fromNumber: Int?
    /// The version's number after the move; nil when the alias was removed.
    public let toNumber: Int?
    /// Who moved it, as the caller named them.
    public let movedBy: String
    public let reason: String
}
