// From stored features to the ranker's width, outside training: the projection where there is one,
// the features themselves where there is none.
internal import RankerMath

/// Fixed weights; any number of threads may read them, each with its own scratch.
struct Projector: Sendable {
    private let projection: ProjectionWeights?
    private let size: Int

    /// - Parameter starts: Where each tensor of the layout begins; the projection's are the first
    ///   two.
    init(_ layout: RankerLayout, _ starts: [UnsafePointer<Float>], precision: Precision) {
        size = layout.configuration.hiddenSize
        projection = layout.projection.map { ProjectionWeights($0, precision: precision) }
        projection?.fill(weight: starts[0], bias: starts[1])
    }

    var byteCount: Int { projection?.byteCount ?? 0 }
    /// The precision of the products; float32 where there are none.
    var precision: Precision { projection?.precision ?? .float32 }

    func makeScratch() -> ProjectionScratch {
        ProjectionScratch(inputs: projection?.layer.inputs ?? 0)
    }

    /// Computes z [rows, d], the projection of the features.
    func project(
        _ rows: UnsafeBufferPointer<StoredRow>, _ scratch: ProjectionScratch,
        into z: UnsafeMutablePointer<Float>
    ) {
        if let projection { return projection.forward(rows, scratch, into: z) }
        for (index, row) in rows.enumerated() { row.widen(0..<size, into: z + index * size) }
    }
}
