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

    /// In lower case, as PostgreSQL writes it, `ls_cancel` carries it and the wire shows it.
    public var description: String { rawValue.uuidString.lowercased() }
}
