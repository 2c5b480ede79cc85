// Weights that no longer change, in the order the products read them: about as many bytes as the
// weights have, half of that for bfloat16.
internal import RankerMath

/// Any number of threads may read it.
final class FrozenWeights: @unchecked Sendable {
    let layout: RankerLayout
    let projector: Projector
    let parameters: Parameters
    private let tail: Scratch

    var byteCount: Int { projector.byteCount + tail.byteCount }

    init(_ weights: RankerWeights, precision: Precision) {
        layout = RankerLayout(weights.configuration)
        projector = Projector(weights, precision: precision)
        let (start, count) = (layout.tailStart, layout.count - layout.tailStart)
        tail = Scratch(count: count)
        // Offsets count from the first parameter; what lies before the tail is never read here.
        let values = tail.take(count) - start
        let shape = layout.tail
        weights.values.withUnsafeBufferPointer { source in
            (values + start).update(from: source.baseAddress! + start, count: count)
            if shape.isTurned { shape.turn(source.baseAddress!, into: values) }
        }
        parameters = Parameters(
            values: values, turned: shape.isTurned ? UnsafePointer(values) : nil)
    }
}
