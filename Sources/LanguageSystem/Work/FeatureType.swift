// How the numbers of features are stored. Files name a type as safetensors does, requests as people
// do.

public enum FeatureType: String, Sendable, Codable, Hashable, CaseIterable {
    case float16 = "F16"
    case bfloat16 = "BF16"
    case float32 = "F32"

    public var byteCount: Int { self == .float32 ? 4 : 2 }

    /// "float16", "bfloat16" or "float32".
    public var longName: String {
        switch self {
        case .float16: "float16"
        case .bfloat16: "bfloat16"
        case .float32: "float32"
        }
    }

    public init?(longName: String) {
        guard let type = Self.allCases.first(where: { $0.longName == longName }) else { return nil }
        self = type
    }
}
