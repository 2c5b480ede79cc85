// What a forward pass reads. Layers multiply by W', so W' is what they are given where a copy of it
// is kept: turning it once a step costs less than each product reading W against its grain.
internal import CKernels

/// A ranker's parameters, with the transposed copies that products read.
public struct Parameters {
    /// Every parameter at its offset. Layers with a copy in `turned` read only their biases from
    /// here.
    public let values: UnsafePointer<Float>
    /// W' [inputs, outputs] of each layer, at the offset of its W; nil where none is kept.
    let turned: UnsafePointer<Float>?
    /// The pairs for products in bfloat16; nil for float32.
    let paired: PairedWeights?

    public init(
        values: UnsafePointer<Float>, turned: UnsafePointer<Float>?, paired: PairedWeights? = nil
    ) {
        self.values = values
        self.turned = turned
        self.paired = paired
    }
}

/// Each layer's W as pairs of bfloat16, at half the offset of its W.
public struct PairedWeights {
    /// Pairs of inputs, [inputs / 2, outputs].
    let forward: UnsafeMutablePointer<UInt32>
    /// Pairs of outputs, [outputs / 2, inputs].
    let backward: UnsafeMutablePointer<UInt32>

    public init(
        forward: UnsafeMutablePointer<UInt32>, backward: UnsafeMutablePointer<UInt32>
    ) {
        self.forward = forward
        self.backward = backward
    }
}

extension TailShape {
    /// Layers wider than this are multiplied by oneDNN, which is better with large products.
    static let turnedWidthMax = 1_024

    /// Whether this processor gains from a transposed copy of the layers' weights.
    public var isTurned: Bool { hasOwnProducts && width <= Self.turnedWidthMax }

    /// Whether the layers' products can be computed in pairs, which need even counts.
    public func isPaired(_ precision: Precision) -> Bool {
        precision.available == .bfloat16 && isTurned
            && layers.allSatisfy { ($0.inputs | $0.outputs | $0.weight) & 1 == 0 }
    }

    var layers: [Dense] {
        blocks.flatMap { block in
            switch block {
            case .transformer(let block): [block.qkv, block.out, block.mlp.fc1, block.mlp.fc2]
            case .mlp(let block): [block.mlp.fc1, block.mlp.fc2]
            }
        }
    }

    /// Writes W' of each layer to `turned`, at the layer's offset.
    ///
    /// - Parameter weight: Returns the address of W of the layer with this offset.
    public func turn(
        _ weight: (Int) -> UnsafePointer<Float>, into turned: UnsafeMutablePointer<Float>
    ) {
        for layer in layers {
            ls_transpose(
                weight(layer.weight), layer.inputs, turned + layer.weight, layer.outputs,
                layer.outputs, layer.inputs)
        }
    }

    /// Writes each layer's pairs.
    public func pair(_ values: UnsafePointer<Float>, into paired: PairedWeights) {
        for layer in layers {
            ls_pair_columns(
                values + layer.weight, layer.inputs, paired.forward + layer.weight / 2,
                layer.outputs, layer.outputs, layer.inputs)
            ls_pair_rows(
                values + layer.weight, paired.backward + layer.weight / 2, layer.outputs,
                layer.inputs)
        }
    }
}
