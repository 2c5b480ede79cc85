// What the database is told of a feature file before its bytes come. Whoever calls has read and
// validated the file (Rankers.FeatureSet); the database checks what it can check by itself.
public import Foundation
public import LanguageSystem

/// One query of a feature set; queries have the order of the file.
public struct QueryDescription: Sendable, Hashable {
    public var id: String
    public var level: String?
    /// The query's first row in the tensor `responses`, from 0.
    public var firstRow: Int64
    /// The number of responses in the query's pool.
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
    /// Whether the same bytes had been imported before.
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
    /// The user whose data these are; nil for data of no user.
    public let user: String?
    /// The kind of labels: `binary` or `score`.
    public let labelKind: String
    public let queryCount: Int
    /// The number of responses of all queries together.
    public let responseCount: Int64
    public let byteCount: Int64
    /// SHA-256 of the file.
    public let digest: Digest
    /// Whether requests that name no set use this one.
    public let isCurrent: Bool
    public let importedAt: Date
    /// The worker that alone has the bytes; nil when the database has them.
    public let home: String?
}
