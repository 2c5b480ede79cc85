// What a feature set is for. The raw values are what SQL stores,
// the wire carries and a person types.

/// Which part of a domain's queries a feature set holds.
public enum Split: String, Sendable, CaseIterable, Codable, Hashable {
    case train
    case test
}
