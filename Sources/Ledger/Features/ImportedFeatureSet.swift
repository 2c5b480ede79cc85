// What the database is told of a feature file before its bytes come. Whoever calls has read and
// validated the file (Rankers.FeatureSet); the database checks what it can check by itself.
public import Foundation
public import LanguageSystem

/// One query of a feature set, in the file's order.
public struct QueryDescription: Sendable, Hashable {
    public var id: String
    public var level: String?
    /// Its first row in `responses`.
    public var firstRow: Int64
    public var candidateCount: Int
    public var positiveCount: Int

    public init(
        id: String, level: String? = nil, firstRow: Int64, candidateCount: Int, positiveCount: Int
    ) {
        self.id = id
        self.level = level
        self.firstRow = firstRow
        self.candidateCount = candidateCount
        self.positiveCount = positiveCount
    }
}

public struct ImportedFeatureSet: Sendable, Hashable {
    public let id: FeatureSetID
    /// The same bytes had been imported before.
    public let wasAlreadyStored: Bool

    public init(id: FeatureSetID, wasAlreadyStored: Bool) {
        self.id = id
        self.wasAlreadyStored = wasAlreadyStored
    }
}

/// One row of `ls.feature_set_status`.
public struct FeatureSetStatus: Sendable, Hashable {
    public let id: FeatureSetID
    public let baseModel: String
    public let domain: DomainName
    public let split: Split
    public let user: String?
    public let labelKind: String
    public let queryCount: Int
    public let responseCount: Int64
    public let byteCount: Int64
    public let digest: Digest
    /// Requests take this one when none is named.
    public let isCurrent: Bool
    public let importedAt: Date
    /// The worker that has its bytes; nil: they are here.
    public let home: String?
}
