// Weights that no longer change, in the order the products read them: about as many bytes as the
// weights have, half of that for bfloat16.
internal import RankerMath

/// Any number of threads may read it.
/// Unchecked: nothing changes after `init`.
final class FrozenWeights: @unchecked Sendable {
    let layout: RankerLayout
    let projector: Projector
    let parameters: Parameters
    private let trunk: Scratch

    var byteCount: Int { projector.byteCount + trunk.byteCount }

    static func of(_ weights: RankerWeights, precision: Precision) -> FrozenWeights {
        let layout = RankerLayout(weights.configuration)
        return weights.values.withUnsafeBufferPointer { values in
            // It has an address: no ranker is without weights.
            FrozenWeights(layout, layout.tensors.map { values.baseAddress! + $0.offset }, precision)
        }
    }

    /// - Precondition: The weights are aligned.
    static func of(_ weights: WeightsInPlace, precision: Precision) -> FrozenWeights {
        precondition(weights.isAligned, "float32 numbers that are read in place are aligned")
        return FrozenWeights(
            weights.layout, weights.starts.map { $0.assumingMemoryBound(to: Float.self) }, precision
        )
    }

    /// - Parameter starts: The address of each tensor of the layout.
    private init(
        _ layout: RankerLayout, _ starts: [UnsafePointer<Float>], _ precision: Precision
    ) {
        self.layout = layout
        projector = Projector(layout, starts, precision: precision)
        let (start, count) = (layout.trunkStart, layout.count - layout.trunkStart)
        trunk = Scratch(count: count)
        // Offsets count from the first parameter; what lies before the trunk is never read here.
        let values = trunk.take(count) - start
        var sources: [Int: UnsafePointer<Float>] = [:]
        for (tensor, source) in zip(layout.tensors, starts) where tensor.offset >= start {
            (values + tensor.offset).update(from: source, count: tensor.count)
            sources[tensor.offset] = source
        }
        let shape = layout.trunk
        // What is transposed are the trunk's tensors, all of which were just found.
        if shape.isTransposed { shape.transpose({ sources[$0]! }, into: values) }
        parameters = Parameters(
            values: values, transposed: shape.isTransposed ? UnsafePointer(values) : nil)
    }
}
