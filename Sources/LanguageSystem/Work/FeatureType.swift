// How the numbers of features are stored. Files name a type as safetensors does, requests as people
// do.

/// The type of the numbers of a feature, named as in safetensors (`F16`).
public enum FeatureType: String, Sendable, Codable, Hashable, CaseIterable {
    case float16 = "F16"
    case bfloat16 = "BF16"
    case float32 = "F32"

    /// Bytes of one number: 2 or 4.
    public var byteCount: Int { self == .float32 ? 4 : 2 }

    /// The name that requests use: "float16", "bfloat16" or "float32".
    public var longName: String {
        switch self {
        case .float16: "float16"
        case .bfloat16: "bfloat16"
        case .float32: "float32"
        }
    }

    /// Reads a name that requests use; nil for any other text.
    public init?(longName: String) {
        guard let type = Self.allCases.first(where: { $0.longName == longName }) else { return nil }
        self = type
    }
}
