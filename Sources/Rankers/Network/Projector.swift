// From stored features to the ranker's width: widens a few rows at a time into cache and
// multiplies them, so that the whole set is never in float32.
internal import RankerMath

/// One thread's projection; the identity for rankers without one.
final class Projector {
    /// Rows widened at once.
    static let blockRowCount = 64
    private let layout: RankerLayout
    private let scratch: Scratch
    private let wide: UnsafeMutablePointer<Float>

    init(_ layout: RankerLayout) {
        self.layout = layout
        let count =
            layout.projection == nil ? 0 : Self.blockRowCount * layout.configuration.hiddenSize
        scratch = Scratch(count: count)
        wide = scratch.take(count)
    }

    /// z [rows, d] of `rowCount` features; `widen(i, target)` writes feature i, D numbers.
    func project(
        _ parameters: UnsafePointer<Float>, rowCount: Int, into z: UnsafeMutablePointer<Float>,
        widen: (Int, UnsafeMutablePointer<Float>) -> Void
    ) {
        let size = layout.configuration.hiddenSize
        guard let projection = layout.projection else {
            for row in 0..<rowCount { widen(row, z + row * size) }
            return
        }
        for start in stride(from: 0, to: rowCount, by: Self.blockRowCount) {
            let rows = min(Self.blockRowCount, rowCount - start)
            for row in 0..<rows { widen(start + row, wide + row * size) }
            projection.forward(parameters, wide, z + start * projection.outputs, rows: rows)
        }
    }
}
