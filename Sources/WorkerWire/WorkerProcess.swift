// Which process opens a session, and where it runs: so that a coordinator can tell a worker that comes back from a
// second machine with a copy of its state directory. It travels as metadata of the session's call: a coordinator or a
// worker of before does not know it and is not disturbed.
public import GRPCCore

public struct WorkerProcess: Hashable, Sendable {
    /// Made anew by each process.
    public let instance: String
    /// Its machine and state directory, as a digest: the directory is locked, so of two processes of one place the
    /// older is dead.
    public let place: String

    private static let instanceKey = "ls-instance"
    private static let placeKey = "ls-place"

    /// - Returns: Nil unless both are 1 to 64 letters, digits, `-` or `_`.
    public init?(instance: String, place: String) {
        guard let instance = try? WireLeaseToken(wire: instance).description,
            let place = try? WireLeaseToken(wire: place).description
        else { return nil }
        self.instance = instance
        self.place = place
    }

    /// - Returns: Nil for a worker of before, and for what is malformed.
    public init?(_ metadata: Metadata) {
        func first(_ key: String) -> String {
            metadata[stringValues: key].first { _ in true } ?? ""
        }
        self.init(instance: first(Self.instanceKey), place: first(Self.placeKey))
    }

    public var metadata: Metadata {
        var metadata: Metadata = [:]
        metadata.addString(instance, forKey: Self.instanceKey)
        metadata.addString(place, forKey: Self.placeKey)
        return metadata
    }
}
