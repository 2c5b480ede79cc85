// What makes two features comparable, as far as it is known. The database fills in what becomes
// known later and refuses what contradicts it.

/// How a base model's hidden states were taken; nil fields are unknown.
public struct FeatureContract: Sendable, Hashable {
    /// The revision of the base model.
    public var revision: String?
    /// The number of the layer.
    public var layer: Int?
    /// The layer as a fraction from the bottom, 0 to 1.
    public var layerFraction: Double?
    /// Whether the states were taken before or after the final norm.
    public var norm: String?
    public var pooling: String?
    /// The type of the stored numbers.
    public var dtype: String?
    /// The digest of the prompt template.
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
