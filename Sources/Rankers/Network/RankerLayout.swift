// Where each tensor of a ranker lies in its one run of parameters, in the order of the names'
// definition; and the numbers a fresh ranker starts with.
internal import LanguageSystem
internal import RankerMath

/// A tensor of a ranker: its name in the file, its shape and its offset.
struct ParameterTensor: Sendable, Hashable {
    let name: String
    let shape: [Int]
    let offset: Int
    let start: Start

    enum Start: Sendable, Hashable {
        /// Uniform in +-1/sqrt(fanIn).
        case uniform(fanIn: Int)
        case constant(Float)
        /// Normal with variance 1/d.
        case normal(Int)
    }

    var count: Int { shape.reduce(1, *) }
}

struct RankerLayout: Sendable {
    let configuration: RankerConfiguration
    private(set) var tensors: [ParameterTensor] = []
    private(set) var count = 0
    let projection: Dense?
    /// The offset of the learned instruction vector; nil without one.
    let instruction: Int?
    let trunk: TrunkShape

    init(_ configuration: RankerConfiguration) {
        self.configuration = configuration
        var builder = Builder()
        let d = configuration.width
        projection = configuration.projectionWidth.map { width in
            builder.dense("projection", configuration.hiddenSize, width)
        }
        instruction =
            configuration.instruction == .learned
            ? builder.add("instruction.vector", [d], .normal(d)) : nil
        let hidden = configuration.mlpMultiple * d
        var blocks: [Block] = []
        for index in 0..<configuration.blocks {
            let name = "block.\(index)"
            let activation: ActivationKind = configuration.activation == .gelu ? .gelu : .relu
            if configuration.kind == .listwise {
                let norm1 = builder.norm("\(name).norm1", d)
                let qkv = builder.dense("\(name).attention.qkv", d, 3 * d)
                let out = builder.dense("\(name).attention.out", d, d)
                let norm2 = builder.norm("\(name).norm2", d)
                let mlp = builder.mlp(name, d, hidden, activation)
                blocks.append(
                    .transformer(
                        TransformerBlock(
                            norm1: norm1, qkv: qkv, out: out, norm2: norm2, mlp: mlp,
                            heads: configuration.heads)))
            } else {
                let mlp = builder.mlp(name, d, hidden, activation)
                blocks.append(.mlp(MLPBlock(mlp: mlp, residual: configuration.residual)))
            }
        }
        var affine: (scale: Int, bias: Int)?
        if configuration.similarity == .affine {
            affine = (
                builder.add("similarity.scale", [1], .constant(1)),
                builder.add("similarity.bias", [1], .constant(0))
            )
        }
        trunk = TrunkShape(
            width: d, blocks: blocks, multiple: configuration.mlpMultiple,
            heads: configuration.heads, affine: affine)
        tensors = builder.tensors
        count = builder.count
    }

    /// Where the parameters that are not the projection's begin.
    var trunkStart: Int { projection.map { $0.bias + $0.outputs } ?? 0 }

    /// The initial weights of a new ranker, which depend only on the seed.
    func initialValues(seed: UInt64) -> [Float] {
        var generator = Generator(seed: seed, stream: RandomStream.weights)
        var values: [Float] = []
        values.reserveCapacity(count)
        for tensor in tensors {
            for _ in 0..<tensor.count {
                switch tensor.start {
                case .uniform(let fanIn):
                    let bound = 1 / Float(fanIn).squareRoot()
                    values.append((2 * generator.unitFloat() - 1) * bound)
                case .constant(let value): values.append(value)
                case .normal(let d):
                    values.append(Float(generator.normal() / Double(d).squareRoot()))
                }
            }
        }
        return values
    }
}

/// The streams of a seed's random numbers, by their use.
enum RandomStream {
    static let weights: UInt64 = 1
    static let order: UInt64 = 2
    static let bootstrap: UInt64 = 3
    static let heldOut: UInt64 = 4
    static let folds: UInt64 = 5
    /// Groups of training: plus the epoch times 2^40, plus the query's number.
    static let groups: UInt64 = 1 << 32
    /// Groups of evaluation: plus the query's number times 2^14, plus the group's.
    static let evaluation: UInt64 = 1 << 63
}

private struct Builder {
    var tensors: [ParameterTensor] = []
    var count = 0

    mutating func add(_ name: String, _ shape: [Int], _ start: ParameterTensor.Start) -> Int {
        let tensor = ParameterTensor(name: name, shape: shape, offset: count, start: start)
        tensors.append(tensor)
        count += tensor.count
        return tensor.offset
    }

    mutating func dense(_ name: String, _ inputs: Int, _ outputs: Int) -> Dense {
        let weight = add("\(name).weight", [outputs, inputs], .uniform(fanIn: inputs))
        let bias = add("\(name).bias", [outputs], .uniform(fanIn: inputs))
        return Dense(weight: weight, bias: bias, inputs: inputs, outputs: outputs)
    }

    mutating func norm(_ name: String, _ width: Int) -> Norm {
        Norm(
            weight: add("\(name).weight", [width], .constant(1)),
            bias: add("\(name).bias", [width], .constant(0)))
    }

    mutating func mlp(_ name: String, _ d: Int, _ hidden: Int, _ kind: ActivationKind) -> MLP {
        MLP(
            fc1: dense("\(name).mlp.fc1", d, hidden), fc2: dense("\(name).mlp.fc2", hidden, d),
            activation: kind)
    }
}

extension RankerConfiguration {
    /// The number of parameters of such a ranker.
    public var parameterCount: Int { RankerLayout(self).count }
}
