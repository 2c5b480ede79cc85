// What a forward pass reads. Layers multiply by W', so W' is what they are given where a copy of it
// is kept: transposing it once a step costs less than each product reading W against its grain.
internal import CKernels

/// A ranker's parameters, with the transposed copies that products read.
public struct Parameters {
    /// Every parameter at its offset; inside `transposed` layers only biases are read from here.
    public let values: UnsafePointer<Float>
    /// W' [inputs, outputs] of each layer, at the offset of its W; nil where none is kept.
    let transposed: UnsafePointer<Float>?
    /// For products in bfloat16; nil for float32.
    let packed: PackedWeights?

    public init(
        values: UnsafePointer<Float>, transposed: UnsafePointer<Float>?,
        packed: PackedWeights? = nil
    ) {
        self.values = values
        self.transposed = transposed
        self.packed = packed
    }
}

/// Each layer's W as pairs of bfloat16, at half the offset of its W.
public struct PackedWeights {
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

extension TrunkShape {
    /// Layers wider than this are left to oneDNN, which cuts large products better.
    static let transposedWidthMax = 1_024

    /// Whether a transposed copy of the layers' weights is worth having on this processor.
    public var isTransposed: Bool { hasOwnProducts && width <= Self.transposedWidthMax }

    /// Whether the layers' products can be computed in pairs: pairs need even counts.
    public func isPacked(_ precision: Precision) -> Bool {
        precision.available == .bfloat16 && isTransposed
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

    /// Writes W' of each layer to `transposed`, at the layer's offset.
    ///
    /// - Parameter weight: Where W lies of the layer with this offset.
    public func transpose(
        _ weight: (Int) -> UnsafePointer<Float>, into transposed: UnsafeMutablePointer<Float>
    ) {
        for layer in layers {
            ls_transpose(
                weight(layer.weight), layer.inputs, transposed + layer.weight, layer.outputs,
                layer.outputs, layer.inputs)
        }
    }

    /// Writes each layer's pairs.
    public func pack(_ values: UnsafePointer<Float>, into packed: PackedWeights) {
        for layer in layers {
            ls_pair_columns(
                values + layer.weight, layer.inputs, packed.forward + layer.weight / 2,
                layer.outputs, layer.outputs, layer.inputs)
            ls_pair_rows(
                values + layer.weight, packed.backward + layer.weight / 2, layer.outputs,
                layer.inputs)
        }
    }
}
