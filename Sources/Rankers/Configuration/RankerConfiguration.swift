// The shape of a ranker, as one value with one JSON form. Says what may be combined; what the
// numbers do is Network's. Unknown keys are refused: a misspelt option must not be ignored.
public import LanguageSystem

/// Everything that decides a ranker's tensors and its arithmetic, apart from the weights.
public struct RankerConfiguration: Codable, Sendable, Hashable {
    public enum Instruction: String, Sendable, Codable, Hashable, CaseIterable {
        /// The projected feature of the instruction.
        case feature
        /// A learned vector in its place.
        case learned
    }

    public enum Activation: String, Sendable, Codable, Hashable, CaseIterable {
        case gelu, relu
    }

    public enum Similarity: String, Sendable, Codable, Hashable, CaseIterable {
        case cosine
        /// scale * cosine + bias, both learned; for labels beyond [-1, 1].
        case affine
    }

    public var kind: RankerKind
    /// D, the numbers of one feature.
    public var hiddenSize: Int
    /// d; nil without projection, where d = D.
    public var projectionWidth: Int?
    public var instruction: Instruction
    public var blocks: Int
    public var heads: Int
    public var mlpMultiple: Int
    public var activation: Activation
    /// Pointwise only: x + MLP(x) in place of MLP(x).
    public var residual: Bool
    public var similarity: Similarity

    public init(
        kind: RankerKind, hiddenSize: Int, projectionWidth: Int? = 64,
        instruction: Instruction = .feature, blocks: Int = 1, heads: Int = 4, mlpMultiple: Int = 4,
        activation: Activation = .gelu, residual: Bool = false, similarity: Similarity = .cosine
    ) throws(CoordinatorError) {
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

    func validate() throws(CoordinatorError) {
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
    ) throws(CoordinatorError) {
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

    public init(json: String) throws(CoordinatorError) {
        self = try StrictJSON.decode(Self.self, from: json, what: "ranker configuration")
    }

    /// One line, keys sorted; equal configurations give equal bytes.
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
                throw CoordinatorError.impossibleConfiguration(
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

extension CoordinatorError {
    static func impossibleConfiguration(_ why: String) -> Self {
        Self(.invalidArgument, "cannot use this configuration: \(why)")
    }
}
