// The fencing token of an attempt: whoever shows it speaks for that attempt and no other.
public import Foundation

/// The secret name of one lease of one attempt.
public struct LeaseToken: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UUID

    public init(rawValue: UUID) { self.rawValue = rawValue }

    /// Reads a UUID; any other text gives nil.
    public init?(_ text: String) {
        guard let uuid = UUID(uuidString: text) else { return nil }
        self.init(rawValue: uuid)
    }

    /// The UUID in lower case, as PostgreSQL writes it, and as `ls_cancel` and the wire carry it.
    public var description: String { rawValue.uuidString.lowercased() }
}
