// The fencing token of an attempt: whoever shows it speaks for that attempt and no other.
public import Foundation

/// Names one lease of one attempt, unguessably.
public struct LeaseToken: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UUID

    public init(rawValue: UUID) { self.rawValue = rawValue }

    /// Nil unless the text is a UUID.
    public init?(_ text: String) {
        guard let uuid = UUID(uuidString: text) else { return nil }
        self.init(rawValue: uuid)
    }

    /// In lower case, as PostgreSQL writes it and `ls_cancel` carries it.
    public var description: String { rawValue.uuidString.lowercased() }
}

/// What became of a lease that a worker asked to keep. None of them is an error.
public enum LeaseAnswer: String, Sendable, Hashable, CaseIterable {
    case held
    /// It ran out, or the attempt has ended: stop, the task is somebody else's.
    case lost
    /// Somebody asked: stop.
    case cancelled
}
