// How rankers differ in what they look at. The raw values are what SQL stores,
// the wire carries and a person types.

/// How a ranker scores the candidates of a group: together (eq. 1) or each alone (eq. 3).
public enum RankerKind: String, Sendable, CaseIterable, Codable, Hashable {
    case listwise
    case pointwise
}
