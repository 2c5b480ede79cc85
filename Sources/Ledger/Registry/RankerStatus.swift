// Rankers, versions and alias moves as the status views show them.
public import Foundation
public import LanguageSystem

/// A ranker as registered: its key and the name it got.
public struct RegisteredRanker: Sendable, Hashable {
    public let id: RankerID
    public let name: String
}

/// One row of `ls.ranker_status`.
public struct RankerStatus: Sendable, Hashable {
    public let id: RankerID
    public let name: String
    public let baseModel: String
    public let user: String?
    public let domain: DomainName?
    public let kind: RankerKind
    public let versionCount: Int
    /// The champion's key and number, if there is one.
    public let championID: RankerVersionID?
    public let championNumber: Int?
    /// Of the champion on the ranker's own test sets, 0 to 1.
    public let accuracy: Double?
    /// Of the first candidate on the same groups.
    public let firstSample: Double?
    public let openTaskCount: Int
    /// TrainingConfiguration as JSON: what `requestTraining` uses.
    public let training: String
    /// Of an edge-only ranker: the worker that has its weights.
    public let home: String?
    /// Why the champion's weights are lost, when they are.
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
    public let number: Int
    public let digest: Digest
    public let byteCount: Int64
    /// `ranker@number` of the version it started from.
    public let parent: String?
    public let taskID: TaskID?
    public let worker: String?
    /// Names and short digests of the feature sets, in order.
    public let trainedOn: [String]
    public let aliases: [String]
    /// TrainingReport as JSON.
    public let report: String
    public let addedAt: Date
}

/// One move of an alias, with who and why.
public struct AliasMove: Sendable, Hashable {
    public let movedAt: Date
    public let ranker: String
    public let alias: String
    public let fromNumber: Int?
    /// Nil: the alias was taken away.
    public let toNumber: Int?
    public let movedBy: String
    public let reason: String
}
