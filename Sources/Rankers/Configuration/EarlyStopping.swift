// When training ends before its last epoch. Beside the paper, which trains one epoch: some queries
// are held out, and what the ranker picks on them after each epoch decides.
public import LanguageSystem

/// Early stopping: the share of held-out queries, and the patience.
public struct EarlyStopping: Codable, Sendable, Hashable {
    /// The share of queries that are held out and not trained on, more than 0 and at most 0.9.
    public var heldOut: Double
    /// The number of epochs without a better accuracy on the held-out queries after which training
    /// ends.
    public var patience: Int

    public init(heldOut: Double = 0.2, patience: Int = 2) throws(LanguageSystemError) {
        self.heldOut = heldOut
        self.patience = patience
        try validate()
    }

    func validate() throws(LanguageSystemError) {
        guard heldOut > 0, heldOut <= 0.9 else {
            throw .impossibleConfiguration(
                "found held_out \(heldOut), expected more than 0 and at most 0.9")
        }
        guard (1...1_000).contains(patience) else {
            throw .impossibleConfiguration("found patience \(patience), expected 1 to 1000")
        }
    }

    /// - Parameter epochs: The number of planned epochs; with one there is nothing to choose.
    func validate(epochs: Int) throws(LanguageSystemError) {
        try validate()
        guard epochs > 1 else {
            throw .impossibleConfiguration(
                "found early_stopping with epochs 1, expected 2 epochs or more")
        }
    }
}

extension EarlyStopping {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case patience
        case heldOut = "held_out"
    }

    public init(from decoder: any Decoder) throws {
        try StrictJSON.refuseUnknownKeys(CodingKeys.self, in: decoder, what: "early_stopping")
        let container = try decoder.container(keyedBy: CodingKeys.self)
        heldOut = try container.decodeIfPresent(Double.self, forKey: .heldOut) ?? 0.2
        patience = try container.decodeIfPresent(Int.self, forKey: .patience) ?? 2
        try validate()
    }
}
