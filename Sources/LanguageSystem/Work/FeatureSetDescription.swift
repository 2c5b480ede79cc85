// What is said of a feature file without its bytes: to the database before an import, and by a
// worker that keeps the file at home. Whoever says it has read the file.

/// What a feature file contains and how large it is.
public struct FeatureSetDescription: Sendable, Hashable {
    /// SHA-256 of the file's bytes.
    public var digest: Digest
    /// The size of the file.
    public var byteCount: Int64
    /// The name of the base model that the features come from.
    public var baseModel: String
    public var domain: DomainName
    public var split: Split
    /// The user whose data these are; nil for data of no user.
    public var user: String?
    /// The kind of labels: `binary` or `score`.
    public var labelKind: String
    /// D, the number of values in one feature.
    public var hiddenSize: Int
    public var queryCount: Int
    /// The number of responses of all queries together.
    public var responseCount: Int64
    /// The layer of the base model that the features come from; nil if unknown.
    public var layer: Int?
    /// The same layer as a fraction from the bottom, 0 to 1; nil if unknown.
    public var layerFraction: Double?

    public init(
        digest: Digest, byteCount: Int64, baseModel: String, domain: DomainName, split: Split,
        user: String? = nil, labelKind: String = "binary", hiddenSize: Int, queryCount: Int,
        responseCount: Int64, layer: Int? = nil, layerFraction: Double? = nil
    ) {
        self.digest = digest
        self.byteCount = byteCount
        self.baseModel = baseModel
        self.domain = domain
        self.split = split
        self.user = user
        self.labelKind = labelKind
        self.hiddenSize = hiddenSize
        self.queryCount = queryCount
        self.responseCount = responseCount
        self.layer = layer
        self.layerFraction = layerFraction
    }
}
