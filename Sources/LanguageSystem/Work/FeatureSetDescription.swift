// What is said of a feature file without its bytes: to the database before an import, and by a
// worker that keeps the file at home. Whoever says it has read the file.

/// A feature file: what it is and how large.
public struct FeatureSetDescription: Sendable, Hashable {
    /// SHA-256 of the file's bytes.
    public var digest: Digest
    public var byteCount: Int64
    public var baseModel: String
    public var domain: DomainName
    public var split: Split
    /// Set for a user's own data.
    public var user: String?
    /// `binary` or `score`.
    public var labelKind: String
    public var hiddenSize: Int
    public var queryCount: Int
    public var responseCount: Int64
    public var layer: Int?
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
