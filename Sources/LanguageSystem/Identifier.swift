// Identifiers are types, not integers: a version cannot be handed over where a worker is meant.

/// The database key of one `Entity`, which is only a tag.
public struct Identifier<Entity>: RawRepresentable, Hashable, Comparable, Sendable, Codable,
    CustomStringConvertible
{
    public let rawValue: Int64

    public init(rawValue: Int64) { self.rawValue = rawValue }
    public init(_ rawValue: Int64) { self.rawValue = rawValue }

    public var description: String { String(rawValue) }

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

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

public typealias BaseModelID = Identifier<Entities.BaseModel>
public typealias DomainID = Identifier<Entities.Domain>
public typealias RankerID = Identifier<Entities.Ranker>
public typealias RankerVersionID = Identifier<Entities.RankerVersion>
public typealias FeatureSetID = Identifier<Entities.FeatureSet>
public typealias TaskID = Identifier<Entities.WorkTask>
public typealias WorkerID = Identifier<Entities.Worker>
public typealias SweepID = Identifier<Entities.Sweep>
public typealias EvaluationCheckID = Identifier<Entities.EvaluationCheck>
