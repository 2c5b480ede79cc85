// Weights that no longer change, in the order the products read them: about as many bytes as the
// weights have, half of that for bfloat16.
internal import RankerMath

/// Any number of threads may read it.
/// Unchecked: nothing changes after `init`.
final class FrozenWeights: @unchecked Sendable {
    let layout: RankerLayout
    let projector: Projector
    let parameters: Parameters
    private let tail: Scratch

    var byteCount: Int { projector.byteCount + tail.byteCount }

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
        let (start, count) = (layout.tailStart, layout.count - layout.tailStart)
        tail = Scratch(count: count)
        // Offsets count from the first parameter; what lies before the tail is never read here.
        let values = tail.take(count) - start
        var sources: [Int: UnsafePointer<Float>] = [:]
        for (tensor, source) in zip(layout.tensors, starts) where tensor.offset >= start {
            (values + tensor.offset).update(from: source, count: tensor.count)
            sources[tensor.offset] = source
        }
        let shape = layout.tail
        // What is turned are the tail's tensors, all of which were just found.
        if shape.isTurned { shape.turn({ sources[$0]! }, into: values) }
        parameters = Parameters(
            values: values, turned: shape.isTurned ? UnsafePointer(values) : nil)
    }
}
