// What makes two features comparable, as far as it is known. The database fills in what becomes
// known later and refuses what contradicts it.

/// How a base model's hidden states were taken. Nil: not known.
public struct FeatureContract: Sendable, Hashable {
    public var revision: String?
    public var layer: Int?
    /// 0 to 1 from the bottom.
    public var layerFraction: Double?
    /// Before or after the norm.
    public var norm: String?
    public var pooling: String?
    public var dtype: String?
    public var templateDigest: String?

    public init(
        revision: String? = nil, layer: Int? = nil, layerFraction: Double? = nil,
        norm: String? = nil, pooling: String? = nil, dtype: String? = nil,
        templateDigest: String? = nil
    ) {
        self.revision = revision
        self.layer = layer
        self.layerFraction = layerFraction
        self.norm = norm
        self.pooling = pooling
        self.dtype = dtype
        self.templateDigest = templateDigest
    }
}
