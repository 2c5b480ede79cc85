// Everything after the projection: blocks and similarity, on the tokens of several groups at
// once. Keeps what backward needs in memory allocated at the start; computes nothing at random.
internal import CKernels

/// One block after the projection.
public enum Block: Sendable {
    case transformer(TransformerBlock)
    case mlp(MLPBlock)
}

/// The shape of a ranker after its projection.
public struct TrunkShape: Sendable {
    /// d
    public let width: Int
    public let blocks: [Block]
    /// The hidden width of the MLPs divided by d.
    public let multiple: Int
    public let heads: Int
    /// The offsets of scale and bias of the affine similarity; nil for the plain cosine.
    public let affine: (scale: Int, bias: Int)?

    public init(
        width: Int, blocks: [Block], multiple: Int, heads: Int, affine: (scale: Int, bias: Int)?
    ) {
        self.width = width
        self.blocks = blocks
        self.multiple = multiple
        self.heads = heads
        self.affine = affine
    }
}

/// One thread's forward and backward passes; not to be used by two threads at once.
public final class Trunk {
    public let shape: TrunkShape
    /// Tokens of all groups of one pass.
    public let tokenTotal: Int
    /// T = K + 1: token 0 is the instruction.
    public let tokenCountMax: Int
    private let scratch: Scratch
    private let memories: [BlockMemory]
    private let shared: SharedMemory
    /// x[0] is the input, x[l + 1] the output of block l; each [n, d].
    private let x: [UnsafeMutablePointer<Float>]
    private let dx: UnsafeMutablePointer<Float>
    /// The norms of the last forward pass, shape [n], clamped at 1e-8.
    let norms: UnsafeMutablePointer<Float>
    private let cosines: UnsafeMutablePointer<Float>
    private let dcosines: UnsafeMutablePointer<Float>

    /// - Parameter isPacked: whether the parameters will come with pairs.
    public init(
        shape: TrunkShape, tokenTotal: Int, tokenCountMax: Int, isPacked: Bool = false
    ) {
        self.shape = shape
        self.tokenTotal = tokenTotal
        self.tokenCountMax = tokenCountMax
        let (d, n) = (shape.width, tokenTotal)
        // Groups of T tokens keep h T T' numbers each, T' rounded up: h T' for each token.
        let rowLength = Scratch.rounded(tokenCountMax)
        let attention = tokenTotal * shape.heads * rowLength
        let square = rowLength * (d + tokenCountMax)
        let hasAttention = shape.blocks.contains {
            if case .transformer = $0 { true } else { false }
        }
        let perBlock: [Int] =
            hasAttention
            ? [n * d, n * d, n, 3 * n * d, attention, n * d, n * d, n * d, n, n * d]
            : Array(repeating: 0, count: 10)
        let hidden = n * shape.multiple * d
        let wide = n * max(3, shape.multiple) * d
        let levels = shape.blocks.count + 1
        let pairCount = isPacked ? (n + 1) / 2 * max(3, shape.multiple) * d : 0
        let counts =
            (perBlock + [hidden, hidden]).map(Scratch.rounded).reduce(0, +) * shape.blocks.count
            + Scratch.rounded(n * d) * (levels + 2) + Scratch.rounded(wide)
            + Scratch.rounded(square) + 3 * Scratch.rounded(n) + 2 * Scratch.rounded(pairCount)
        let scratch = Scratch(count: counts)
        memories = shape.blocks.map { _ in
            let p = perBlock.map(scratch.take)
            return BlockMemory(
                input1: p[0], normalised1: p[1], inverse1: p[2], qkv: p[3], probabilities: p[4],
                attended: p[5], middle: p[6], normalised2: p[7], inverse2: p[8], input2: p[9],
                hidden: scratch.take(hidden), activated: scratch.take(hidden))
        }
        shared = SharedMemory(
            narrow: scratch.take(n * d), wide: scratch.take(wide), attention: scratch.take(square),
            pairs: isPacked
                ? PairMemory(
                    first: scratch.takeWords(pairCount), second: scratch.takeWords(pairCount)) : nil
        )
        x = (0..<levels).map { _ in scratch.take(n * d) }
        dx = scratch.take(n * d)
        norms = scratch.take(n)
        cosines = scratch.take(n)
        dcosines = scratch.take(n)
        self.scratch = scratch
    }

    /// The tokens, which the caller writes: [groups, T, d], group after group.
    public var input: UnsafeMutablePointer<Float> { x[0] }

    /// The bits of the largest absolute value of a token of `input`; NaN is the largest.
    func greatest(_ token: Int) -> UInt32 {
        ls_greatest_32(x[0] + token * shape.width, shape.width)
    }

    /// Computes scores [groups, T - 1] of the tokens in `input`. (eq. 1 to 4)
    /// - Returns: A token whose norm or score is not finite, or nil. With such a token no score of
    ///   the pass is valid.
    public func forward(
        _ parameters: Parameters, groups: Int, tokens: Int,
        scores: UnsafeMutablePointer<Float>
    ) -> NotFinite? {
        precondition(groups * tokens <= tokenTotal && (2...tokenCountMax).contains(tokens))
        let rows = groups * tokens
        for (l, block) in shape.blocks.enumerated() {
            switch block {
            case .transformer(let block):
                block.forward(
                    parameters, x[l], memories[l], shared, x[l + 1], groups: groups,
                    tokens: tokens)
            case .mlp(let block):
                block.forward(parameters, x[l], memories[l], shared, x[l + 1], rows: rows)
            }
        }
        let (d, last, k) = (shape.width, x[shape.blocks.count], tokens - 1)
        for g in 0..<groups {
            ls_cosine(last + g * tokens * d, norms + g * tokens, cosines + g * k, tokens, d)
        }
        if let affine = shape.affine {
            let (a, c) = (parameters.values[affine.scale], parameters.values[affine.bias])
            for i in 0..<groups * k { scores[i] = a * cosines[i] + c }
        } else {
            scores.update(from: cosines, count: groups * k)
        }
        return notFinite(scores: scores, groups: groups, tokens: tokens)
    }

    /// Adds dL/dparameters to `gradient`. Returns dL/dtokens [groups, T, d], valid until the next
    /// call.
    /// - Precondition: the last call was `forward` with the same parameters and counts.
    public func backward(
        _ parameters: Parameters, _ gradient: UnsafeMutablePointer<Float>,
        dscores: UnsafePointer<Float>, groups: Int, tokens: Int
    ) -> UnsafePointer<Float> {
        let (d, k, rows) = (shape.width, tokens - 1, groups * tokens)
        var slope: Float = 1
        if let affine = shape.affine {
            slope = parameters.values[affine.scale]
            for i in 0..<groups * k {
                gradient[affine.scale] += dscores[i] * cosines[i]
                gradient[affine.bias] += dscores[i]
            }
        }
        for i in 0..<groups * k { dcosines[i] = slope * dscores[i] }
        let last = x[shape.blocks.count]
        for g in 0..<groups {
            ls_cosine_backward(
                last + g * tokens * d, norms + g * tokens, cosines + g * k, dcosines + g * k,
                dx + g * tokens * d, tokens, d)
        }
        for (l, block) in shape.blocks.enumerated().reversed() {
            switch block {
            case .transformer(let block):
                block.backward(
                    parameters, gradient, memories[l], shared, dx, groups: groups, tokens: tokens)
            case .mlp(let block):
                block.backward(parameters, gradient, x[l], memories[l], shared, dx, rows: rows)
            }
        }
        return UnsafePointer(dx)
    }
}
