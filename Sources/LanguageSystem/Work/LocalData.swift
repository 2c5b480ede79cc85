// What stays on a worker's machine, as it is spoken of: descriptions and digests, never a row.

/// All that a worker keeps to itself.
public struct LocalData: Sendable, Hashable {
    public var sets: [FeatureSetDescription]
    /// Of versions of edge-only rankers.
    public var weights: [Digest]

    public init(sets: [FeatureSetDescription] = [], weights: [Digest] = []) {
        self.sets = sets
        self.weights = weights
    }
}

/// A local feature set that the coordinator does not take.
public struct DataRefusal: Sendable, Hashable {
    public let digest: Digest
    public let message: String
    public let hint: String?

    public init(digest: Digest, message: String, hint: String?) {
        self.digest = digest
        self.message = message
        self.hint = hint
    }
}
