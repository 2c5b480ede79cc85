// The shape of a ranker, as one value with one JSON form. Says what may be combined; what the
// numbers do is Network's. Unknown keys are refused: a misspelt option must not be ignored.
public import LanguageSystem

/// The shape of a ranker: everything that determines its tensors and its arithmetic, except the
/// weights.
public struct RankerConfiguration: Codable, Sendable, Hashable {
    /// The instruction token of a ranker.
    public enum Instruction: String, Sendable, Codable, Hashable, CaseIterable {
        /// The projected feature of the instruction.
        case feature
        /// A learned vector instead of the instruction's feature.
        case learned
    }

    /// The activation of the MLPs. (E5)
    public enum Activation: String, Sendable, Codable, Hashable, CaseIterable {
        case gelu, relu
    }

    /// The score of a candidate, from its token and the instruction's. (E6)
    public enum Similarity: String, Sendable, Codable, Hashable, CaseIterable {
        case cosine
        /// The score scale * cosine + bias with learned scale and bias, for labels beyond [-1, 1].
        case affine
    }

    public var kind: RankerKind
    /// D, the number of values in one feature.
    public var hiddenSize: Int
    /// d, the width after the projection; nil without projection, where d = D.
    public var projectionWidth: Int?
    public var instruction: Instruction
    /// The number of blocks.
    public var blocks: Int
    /// h, the number of attention heads; it divides d.
    public var heads: Int
    /// The hidden width of the MLPs divided by d.
    public var mlpMultiple: Int
    public var activation: Activation
    /// Whether blocks compute x + MLP(x) instead of MLP(x); pointwise only.
    public var residual: Bool
    public var similarity: Similarity

    public init(
        kind: RankerKind, hiddenSize: Int, projectionWidth: Int? = 64,
        instruction: Instruction = .feature, blocks: Int = 1, heads: Int = 4, mlpMultiple: Int = 4,
        activation: Activation = .gelu, residual: Bool = false, similarity: Similarity = .cosine
    ) throws(LanguageSystemError) {
        self.kind = kind
        self.hiddenSize = hiddenSize
        self.projectionWidth = projectionWidth
        self.instruction = instruction
        self.blocks = blocks
        self.heads = heads
        self.mlpMultiple = mlpMultiple
        self.activation = activation
        self.residual = residual
        self.similarity = similarity
        try validate()
    }

    /// The paper's ranker: projection to 64, one block, four heads.
    /// - Precondition: hiddenSize is 1 to `Bounds.hiddenSizeMax`.
    public static func preset(kind: RankerKind, hiddenSize: Int) -> Self {
        do {
            return try Self(kind: kind, hiddenSize: hiddenSize)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    /// d, the width inside the ranker.
    public var width: Int { projectionWidth ?? hiddenSize }

    func validate() throws(LanguageSystemError) {
        try require(1...Bounds.hiddenSizeMax, hiddenSize, "hidden_size")
        if let projectionWidth { try require(1...4_096, projectionWidth, "projection_dim") }
        try require(0...16, blocks, "blocks")
        try require(1...64, heads, "heads")
        try require(1...16, mlpMultiple, "mlp_multiple")
        if kind == .listwise, blocks > 0, width % heads != 0 {
            throw .impossibleConfiguration("\(heads) heads do not divide the width \(width)")
        }
        if kind == .listwise, residual {
            throw .impossibleConfiguration(
                "'residual' is an option of pointwise rankers; a listwise block always has one")
        }
    }

    private func require(
        _ range: ClosedRange<Int>, _ value: Int, _ name: String
    ) throws(LanguageSystemError) {
        guard range.contains(value) else {
            throw .impossibleConfiguration(
                "found \(name) \(value), expected \(range.lowerBound) to \(range.upperBound)")
        }
    }
}

// MARK: JSON

extension RankerConfiguration {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case kind, projection, instruction, blocks, heads, activation, residual, similarity
        case hiddenSize = "hidden_size"
        case projectionWidth = "projection_dim"
        case mlpMultiple = "mlp_multiple"
    }

    public init(json: String) throws(LanguageSystemError) {
        self = try StrictJSON.decode(Self.self, from: json, what: "ranker configuration")
    }

    /// The configuration as JSON on one line with sorted keys; equal configurations give equal
    /// bytes.
    public var json: String { StrictJSON.encode(self) }

    public init(from decoder: any Decoder) throws {
        try StrictJSON.refuseUnknownKeys(
            CodingKeys.self, in: decoder, what: "ranker configuration")
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func value<T: Decodable>(_ key: CodingKeys, _ standard: T) throws -> T {
            try container.decodeIfPresent(T.self, forKey: key) ?? standard
        }
        hiddenSize = try container.decode(Int.self, forKey: .hiddenSize)
        kind = try container.decode(RankerKind.self, forKey: .kind)
        let width = try container.decodeIfPresent(Int.self, forKey: .projectionWidth)
        if try value(.projection, true) {
            projectionWidth = width ?? 64
        } else {
            if let width, width != hiddenSize {
                throw LanguageSystemError.impossibleConfiguration(
                    "found projection_dim \(width) without projection, expected \(hiddenSize)")
            }
            projectionWidth = nil
        }
        instruction = try value(.instruction, .feature)
        blocks = try value(.blocks, 1)
        heads = try value(.heads, 4)
        mlpMultiple = try value(.mlpMultiple, 4)
        activation = try value(.activation, .gelu)
        residual = try value(.residual, false)
        similarity = try value(.similarity, .cosine)
        try validate()
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(hiddenSize, forKey: .hiddenSize)
        try container.encode(projectionWidth != nil, forKey: .projection)
        try container.encode(width, forKey: .projectionWidth)
        try container.encode(instruction, forKey: .instruction)
        try container.encode(blocks, forKey: .blocks)
        try container.encode(heads, forKey: .heads)
        try container.encode(mlpMultiple, forKey: .mlpMultiple)
        try container.encode(activation, forKey: .activation)
        try container.encode(residual, forKey: .residual)
        try container.encode(similarity, forKey: .similarity)
    }
}

extension LanguageSystemError {
    static func impossibleConfiguration(_ why: String) -> Self {
        Self(.invalidArgument, "cannot use this configuration: \(why)")
    }
}
