// The two kinds of block. Backward stands under forward and uses the same letters: n rows (tokens
// of several groups, group after group), d the width, T tokens in a group.
internal import CKernels

/// The activation of an MLP. (E5)
public enum ActivationKind: Sendable { case gelu, relu }

/// The MLP fc2(act(fc1(x))), whose hidden width is a multiple of d. (E5)
public struct MLP: Sendable {
    /// The first layer, d -> multiple d.
    public let fc1: Dense
    /// The second layer, multiple d -> d.
    public let fc2: Dense
    public let activation: ActivationKind

    public init(fc1: Dense, fc2: Dense, activation: ActivationKind) {
        self.fc1 = fc1
        self.fc2 = fc2
        self.activation = activation
    }

    func forward(
        _ parameters: Parameters, _ x: UnsafePointer<Float>, _ memory: BlockMemory,
        _ shared: SharedMemory, _ y: UnsafeMutablePointer<Float>, rows: Int
    ) {
        let count = rows * fc1.outputs
        fc1.forward(parameters, x, memory.hidden, shared.pairs, rows: rows)
        switch activation {
        case .gelu: ls_gelu(memory.hidden, memory.activated, count)
        case .relu: ls_relu(memory.hidden, memory.activated, count)
        }
        fc2.forward(parameters, memory.activated, y, shared.pairs, rows: rows)
    }

    /// Overwrites dx, and destroys the memory's `hidden`.
    func backward(
        _ parameters: Parameters, _ gradient: UnsafeMutablePointer<Float>,
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ memory: BlockMemory,
        _ shared: SharedMemory, _ dx: UnsafeMutablePointer<Float>, rows: Int
    ) {
        let count = rows * fc1.outputs
        let dh = shared.wide
        fc2.backward(parameters, gradient, memory.activated, dy, dh, shared.pairs, rows: rows)
        switch activation {
        case .gelu: ls_gelu_backward(memory.hidden, dh, count)
        case .relu: ls_relu_backward(memory.hidden, dh, count)
        }
        fc1.backward(parameters, gradient, x, dh, dx, shared.pairs, rows: rows)
    }
}

/// A layer norm, whose weight and bias are offsets into the parameters. (E4)
public struct Norm: Sendable {
    /// Offset of w, shape [d].
    public let weight: Int
    /// Offset of b, shape [d].
    public let bias: Int

    public init(weight: Int, bias: Int) {
        self.weight = weight
        self.bias = bias
    }
}

/// A transformer block: x += Attn(LN1 x); x += MLP(LN2 x). (E3, eq. 1)
public struct TransformerBlock: Sendable {
    public let norm1: Norm
    /// The layer of queries, keys and values, d -> 3 d.
    public let qkv: Dense
    /// The layer after attention, d -> d.
    public let out: Dense
    public let norm2: Norm
    public let mlp: MLP
    /// h, the number of heads; it divides d.
    public let heads: Int

    public init(norm1: Norm, qkv: Dense, out: Dense, norm2: Norm, mlp: MLP, heads: Int) {
        self.norm1 = norm1
        self.qkv = qkv
        self.out = out
        self.norm2 = norm2
        self.mlp = mlp
        self.heads = heads
    }

    func forward(
        _ w: Parameters, _ x: UnsafePointer<Float>, _ memory: BlockMemory,
        _ shared: SharedMemory, _ y: UnsafeMutablePointer<Float>, groups: Int, tokens: Int
    ) {
        let (d, rows) = (out.outputs, groups * tokens)
        ls_layer_norm(
            x, w.values + norm1.weight, w.values + norm1.bias, memory.normalised1, memory.inverse1,
            memory.input1, rows, d)
        qkv.forward(w, memory.input1, memory.qkv, shared.pairs, rows: rows)
        let square = heads * tokens * Scratch.rounded(tokens)
        for g in 0..<groups {
            ls_attention(
                memory.qkv + g * tokens * 3 * d, memory.probabilities + g * square,
                memory.attended + g * tokens * d, shared.attention, tokens, d, heads)
        }
        out.forward(w, memory.attended, memory.middle, shared.pairs, rows: rows)
        ls_add(x, memory.middle, rows * d)
        ls_layer_norm(
            memory.middle, w.values + norm2.weight, w.values + norm2.bias, memory.normalised2,
            memory.inverse2,
            memory.input2, rows, d)
        mlp.forward(w, memory.input2, memory, shared, y, rows: rows)
        ls_add(memory.middle, y, rows * d)
    }

    /// Turns `dy` [n, d] into dx in place.
    func backward(
        _ w: Parameters, _ gradient: UnsafeMutablePointer<Float>, _ memory: BlockMemory,
        _ shared: SharedMemory, _ dy: UnsafeMutablePointer<Float>, groups: Int, tokens: Int
    ) {
        let (d, rows) = (out.outputs, groups * tokens)
        let narrow = shared.narrow
        mlp.backward(w, gradient, memory.input2, dy, memory, shared, narrow, rows: rows)
        ls_layer_norm_backward(
            narrow, memory.normalised2, memory.inverse2, w.values + norm2.weight, dy,
            gradient + norm2.weight, gradient + norm2.bias, rows, d)
        out.backward(w, gradient, memory.attended, dy, narrow, shared.pairs, rows: rows)
        let square = heads * tokens * Scratch.rounded(tokens)
        for g in 0..<groups {
            ls_attention_backward(
                memory.qkv + g * tokens * 3 * d, memory.probabilities + g * square,
                narrow + g * tokens * d, shared.wide + g * tokens * 3 * d, shared.attention,
                tokens, d, heads)
        }
        qkv.backward(
            w, gradient, memory.input1, shared.wide, narrow, shared.pairs, rows: rows)
        ls_layer_norm_backward(
            narrow, memory.normalised1, memory.inverse1, w.values + norm1.weight, dy,
            gradient + norm1.weight, gradient + norm1.bias, rows, d)
    }
}

/// A block of pointwise rankers: MLP(x), or x + MLP(x). (eq. 3)
public struct MLPBlock: Sendable {
    public let mlp: MLP
    /// Whether the block adds x.
    public let residual: Bool

    public init(mlp: MLP, residual: Bool) {
        self.mlp = mlp
        self.residual = residual
    }

    func forward(
        _ w: Parameters, _ x: UnsafePointer<Float>, _ memory: BlockMemory,
        _ shared: SharedMemory, _ y: UnsafeMutablePointer<Float>, rows: Int
    ) {
        mlp.forward(w, x, memory, shared, y, rows: rows)
        if residual { ls_add(x, y, rows * mlp.fc2.outputs) }
    }

    /// Turns `dy` [n, d] into dx in place.
    func backward(
        _ w: Parameters, _ gradient: UnsafeMutablePointer<Float>,
        _ x: UnsafePointer<Float>, _ memory: BlockMemory, _ shared: SharedMemory,
        _ dy: UnsafeMutablePointer<Float>, rows: Int
    ) {
        let narrow = shared.narrow
        mlp.backward(w, gradient, x, dy, memory, shared, narrow, rows: rows)
        if residual {
            ls_add(narrow, dy, rows * mlp.fc2.outputs)
        } else {
            dy.update(from: narrow, count: rows * mlp.fc2.outputs)
        }
    }
}

/// The values that a block's forward pass keeps for its backward pass.
struct BlockMemory {
    let input1, normalised1, inverse1, qkv, probabilities, attended: UnsafeMutablePointer<Float>
    let middle, normalised2, inverse2, input2: UnsafeMutablePointer<Float>
    let hidden, activated: UnsafeMutablePointer<Float>
}

/// Temporary memory that all blocks share.
struct SharedMemory {
    /// [n, d]
    let narrow: UnsafeMutablePointer<Float>
    /// [n, max(3, multiple) d]
    let wide: UnsafeMutablePointer<Float>
    /// [T (d + T)], T rounded up to 16
    let attention: UnsafeMutablePointer<Float>
    /// The pairs of products in bfloat16; nil for float32.
    let pairs: PairMemory?
}
