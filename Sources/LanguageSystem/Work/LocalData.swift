// What stays on a worker's machine, as it is spoken of: descriptions and digests, never a row.

/// The data and weights that stay on a worker's machine.
public struct LocalData: Sendable, Hashable {
    /// All feature sets that the worker offers now.
    public var sets: [FeatureSetDescription]
    /// The digests of weights of edge-only rankers that the worker holds.
    public var weights: [Digest]

    public init(sets: [FeatureSetDescription] = [], weights: [Digest] = []) {
        self.sets = sets
        self.weights = weights
    }
}

/// A local feature set that the coordinator refuses.
public struct DataRefusal: Sendable, Hashable {
    /// SHA-256 of the refused file.
    public let digest: Digest
    /// Why the set is refused, in one sentence.
    public let message: String
    /// What the worker's owner can do, if known.
    public let hint: String?

    public init(digest: Digest, message: String, hint: String?) {
        self.digest = digest
        self.message = message
        self.hint = hint
    }
}
