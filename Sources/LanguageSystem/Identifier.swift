// Identifiers are types, not integers: a version cannot be handed over where a worker is meant.

/// The database key of a row. `Entity` is only a tag, so that keys of different tables do not mix.
public struct Identifier<Entity>: RawRepresentable, Hashable, Comparable, Sendable, Codable,
    CustomStringConvertible
{
    /// The bigint key of the row, from 1.
    public let rawValue: Int64

    public init(rawValue: Int64) { self.rawValue = rawValue }
    public init(_ rawValue: Int64) { self.rawValue = rawValue }

    public var description: String { String(rawValue) }

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// The tags of `Identifier`, one for each table.
public enum Entities {
    public enum BaseModel {}
    public enum Domain {}
    public enum Ranker {}
    public enum RankerVersion {}
    public enum FeatureSet {}
    public enum WorkTask {}
    public enum Worker {}
    public enum Sweep {}
    public enum EvaluationCheck {}
}

/// The key of a row of `ls.base_model`.
public typealias BaseModelID = Identifier<Entities.BaseModel>
/// The key of a row of `ls.domain`.
public typealias DomainID = Identifier<Entities.Domain>
/// The key of a row of `ls.ranker`.
public typealias RankerID = Identifier<Entities.Ranker>
/// The key of a row of `ls.ranker_version`.
public typealias RankerVersionID = Identifier<Entities.RankerVersion>
/// The key of a row of `ls.feature_set`.
public typealias FeatureSetID = Identifier<Entities.FeatureSet>
/// The key of a row of `ls.task`.
public typealias TaskID = Identifier<Entities.WorkTask>
/// The key of a row of `ls.worker`.
public typealias WorkerID = Identifier<Entities.Worker>
/// The key of a row of `ls.sweep`.
public typealias SweepID = Identifier<Entities.Sweep>
/// The key of a row of `ls.evaluation_check`.
public typealias EvaluationCheckID = Identifier<Entities.EvaluationCheck>
