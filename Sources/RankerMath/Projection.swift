// z = P x + b for many stored features at once, and the gradient of P: nearly all of a ranker's
// arithmetic. Features are widened or narrowed a cache-sized block at a time. Three ways to the same
// numbers: our float32 kernel, our bfloat16 kernel, oneDNN; `ProjectionWeights` knows which.
internal import CKernels

/// P and b in the order the products read them; shared by threads, which fill it together.
public final class ProjectionWeights: @unchecked Sendable {
    public let layer: Dense
    public let precision: Precision
    private let scratch: Scratch
    /// float32: P' [D, d]; bfloat16: pairs [(D + 1) / 2, d]; oneDNN: P [d, D] itself.
    let turned: UnsafeMutablePointer<Float>
    let bias: UnsafeMutablePointer<Float>

    /// - Parameter precision: computed in float32 where the processor lacks it.
    public init(_ layer: Dense, precision: Precision) {
        self.layer = layer
        self.precision = precision.available
        let pairs = (layer.inputs + 1) / 2 * layer.outputs
        let count = self.precision == .bfloat16 ? pairs : layer.inputs * layer.outputs
        scratch = Scratch(count: Scratch.rounded(count) + Scratch.rounded(layer.outputs))
        turned = scratch.take(count)
        bias = scratch.take(layer.outputs)
    }

    /// Steps in which columns may be shared among threads.
    public static let columnStep = 16

    /// Takes over P and b.
    public func fill(from parameters: UnsafePointer<Float>) {
        fill(from: parameters, columns: 0..<layer.inputs)
        fillBias(from: parameters)
    }

    public func fillBias(from parameters: UnsafePointer<Float>) {
        bias.update(from: parameters + layer.bias, count: layer.outputs)
    }

    /// Takes over P's columns `columns`.
    /// - Precondition: `columns` starts at a multiple of `columnStep`.
    public func fill(from parameters: UnsafePointer<Float>, columns: Range<Int>) {
        guard !columns.isEmpty else { return }
        let (d, size, first) = (layer.outputs, layer.inputs, columns.lowerBound)
        let source = parameters + layer.weight + first
        if precision == .bfloat16 {
            ls_pair_columns(source, size, words + first / 2 * d, d, d, columns.count)
        } else if hasOwnProducts {
            ls_transpose(source, size, turned + first * d, d, d, columns.count)
        } else {
            for output in 0..<d {
                (turned + output * size + first).update(
                    from: source + output * size, count: columns.count)
            }
        }
    }

    var words: UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(turned).assumingMemoryBound(to: UInt32.self)
    }
}

/// One thread's blocks of features.
public final class ProjectionScratch {
    /// Rows that meet a stretch of P before the next one is read.
    static let rowCount = 48
    /// Rows of C the kernels keep in registers.
    static let tileRowCount = 6
    static let depth = 512
    static let libraryRowCount = 64
    static let gradientRowCount = 128
    static let gradientColumnCount = 256
    private let scratch: Scratch
    fileprivate let block: UnsafeMutablePointer<Float>
    fileprivate var words: UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(block).assumingMemoryBound(to: UInt32.self)
    }

    /// - Parameter inputs: D of the widest projection it will serve.
    public init(inputs: Int) {
        let own = max(
            Self.tileRowCount * Self.depth, Self.gradientRowCount * Self.gradientColumnCount)
        let count = hasOwnProducts ? own : max(own, Self.libraryRowCount * inputs)
        scratch = Scratch(count: count)
        block = scratch.take(count)
    }
}

/// Asks for the next block's features a little at a time while this one is computed: rows of a batch
/// lie anywhere in a file of hundreds of megabytes, and memory answers best when never crowded.
private struct Prefetch {
    let rows: UnsafeBufferPointer<StoredRow>
    var next: Int
    let end: Int
    let column: Int
    let count: Int

    /// Columns `column ..< column + count` of rows `range`.
    init(
        _ rows: UnsafeBufferPointer<StoredRow>, _ range: Range<Int>, column: Int, count: Int
    ) {
        self.rows = rows
        (next, end) = (range.lowerBound, range.upperBound)
        (self.column, self.count) = (column, count)
    }

    mutating func advance(by rowCount: Int) {
        let stop = min(end, next + rowCount)
        while next < stop {
            ls_prefetch(rows[next].at(column), count * rows[next].type.byteCount)
            next += 1
        }
    }
}

extension ProjectionWeights {
    /// z [rows, d] = P x + b. (E2)
    public func forward(
        _ rows: UnsafeBufferPointer<StoredRow>, _ scratch: ProjectionScratch,
        into z: UnsafeMutablePointer<Float>
    ) {
        guard hasOwnProducts else { return libraryForward(rows, scratch, into: z) }
        let (size, depth) = (layer.inputs, ProjectionScratch.depth)
        for first in stride(from: 0, to: rows.count, by: ProjectionScratch.rowCount) {
            let end = min(first + ProjectionScratch.rowCount, rows.count)
            for start in stride(from: 0, to: size, by: depth) {
                let isLast = start + depth >= size
                let after = end..<min(end + ProjectionScratch.rowCount, rows.count)
                let prefetch = Prefetch(
                    rows, isLast ? after : first..<end, column: isLast ? 0 : start + depth,
                    count: min(depth, isLast ? size : size - start - depth))
                forwardBlock(
                    rows, first..<end, start..<min(start + depth, size), scratch, prefetch, into: z)
            }
        }
    }

    /// Adds what `columns` contribute to z; the first columns begin with the bias.
    private func forwardBlock(
        _ rows: UnsafeBufferPointer<StoredRow>, _ range: Range<Int>, _ columns: Range<Int>,
        _ scratch: ProjectionScratch, _ prefetch: Prefetch, into z: UnsafeMutablePointer<Float>
    ) {
        let (d, depth, tile) = (
            layer.outputs, ProjectionScratch.depth, ProjectionScratch.tileRowCount
        )
        let (start, k) = (columns.lowerBound, columns.count)
        var prefetch = prefetch
        for first in stride(from: range.lowerBound, to: range.upperBound, by: tile) {
            prefetch.advance(by: tile)
            let m = min(tile, range.upperBound - first)
            for index in 0..<m {
                let x = rows[first + index]
                if precision == .bfloat16 {
                    ls_narrow(x.type.stored, x.at(start), scratch.words + index * depth / 2, k)
                } else {
                    // Panels side by side are a row.
                    ls_widen_panels(
                        x.type.stored, x.at(start), scratch.block + index * depth, k, 64)
                }
            }
            let c = z + first * d
            let (from, step) = start == 0 ? (UnsafePointer(bias), 0) : (UnsafePointer(c), d)
            if precision == .bfloat16 {
                ls_product_bf16(
                    scratch.words, depth / 2, 1, words + start / 2 * d, d, c,
                    d, m, d, (k + 1) / 2, from, step)
            } else {
                ls_product_f32(
                    scratch.block, depth, 1, turned + start * d, d, c, d, m, d, k,
                    from, step)
            }
        }
    }

    private func libraryForward(
        _ rows: UnsafeBufferPointer<StoredRow>, _ scratch: ProjectionScratch,
        into z: UnsafeMutablePointer<Float>
    ) {
        let (d, size) = (layer.outputs, layer.inputs)
        for first in stride(from: 0, to: rows.count, by: ProjectionScratch.libraryRowCount) {
            let m = min(ProjectionScratch.libraryRowCount, rows.count - first)
            for row in 0..<m { rows[first + row].widen(0..<size, into: scratch.block + row * size) }
            ls_fill_rows(bias, z + first * d, m, d)
            libraryMultiply(
                scratch.block, lda: size, turned, ldb: size, transposeB: true,
                into: z + first * d, ldc: d, accumulate: true, m: m, n: d, k: size)
        }
    }
}

extension ProjectionWeights {
    /// dP [d, D] = dz' X, overwritten, for columns `columns` of X.
    ///
    /// - Parameters:
    ///   - dz: shape [rows, d].
    ///   - pairs: `dz` as pairs of rows (`pairRows`); read by bfloat16 only.
    public func gradient(
        _ rows: UnsafeBufferPointer<StoredRow>, columns: Range<Int>, dz: UnsafePointer<Float>,
        pairs: UnsafePointer<UInt32>, _ scratch: ProjectionScratch,
        into gradient: UnsafeMutablePointer<Float>
    ) {
        let d = layer.outputs
        let width = ProjectionScratch.gradientColumnCount
        // A panel and its dz share the first cache.
        let height = ProjectionScratch.gradientRowCount / (precision == .bfloat16 ? 1 : 2)
        for first in stride(from: 0, to: rows.count, by: height) {
            let end = min(first + height, rows.count)
            let block = UnsafeBufferPointer(rebasing: rows[first..<end])
            for start in stride(from: columns.lowerBound, to: columns.upperBound, by: width) {
                let n = min(width, columns.upperBound - start)
                let target = gradient + layer.weight + start
                guard hasOwnProducts else {
                    libraryGradient(
                        block, start, dz + first * d, scratch, target, n, isFirst: first == 0)
                    continue
                }
                let isLast = start + n == columns.upperBound
                let after = end..<min(end + height, rows.count)
                let prefetch = Prefetch(
                    rows, isLast ? after : first..<end,
                    column: isLast ? columns.lowerBound : start + n,
                    count: min(width, isLast ? columns.count : columns.upperBound - start - n))
                if precision == .bfloat16 {
                    pairGradient(
                        block, start, pairs + first / 2 * d, scratch, prefetch, target, n,
                        isFirst: first == 0)
                } else {
                    panelGradient(
                        block, start, dz + first * d, scratch, prefetch, target, n,
                        isFirst: first == 0)
                }
            }
        }
    }

    private func libraryGradient(
        _ rows: UnsafeBufferPointer<StoredRow>, _ start: Int, _ dz: UnsafePointer<Float>,
        _ scratch: ProjectionScratch, _ target: UnsafeMutablePointer<Float>, _ n: Int,
        isFirst: Bool
    ) {
        for (index, row) in rows.enumerated() {
            row.widen(start..<start + n, into: scratch.block + index * n)
        }
        libraryMultiply(
            dz, lda: layer.outputs, transposeA: true, scratch.block, ldb: n, into: target,
            ldc: layer.inputs, accumulate: !isFirst, m: layer.outputs, n: n, k: rows.count)
    }

    /// Panels of 64 columns, each contiguous, so that a panel stays in the first cache.
    private func panelGradient(
        _ rows: UnsafeBufferPointer<StoredRow>, _ start: Int, _ dz: UnsafePointer<Float>,
        _ scratch: ProjectionScratch, _ prefetch: Prefetch,
        _ target: UnsafeMutablePointer<Float>, _ n: Int, isFirst: Bool
    ) {
        let (d, size, panel) = (layer.outputs, layer.inputs, 64 * rows.count)
        for (index, row) in rows.enumerated() {
            ls_widen_panels(row.type.stored, row.at(start), scratch.block + index * 64, n, panel)
        }
        eachTile(n, prefetch) { output, m, column, width in
            let c = target + output * size + column
            ls_product_f32(
                dz + output, 1, d, scratch.block + column / 64 * panel, 64, c, size, m, width,
                rows.count, isFirst ? nil : UnsafePointer(c), size)
        }
    }

    private func pairGradient(
        _ rows: UnsafeBufferPointer<StoredRow>, _ start: Int, _ pairs: UnsafePointer<UInt32>,
        _ scratch: ProjectionScratch, _ prefetch: Prefetch,
        _ target: UnsafeMutablePointer<Float>, _ n: Int, isFirst: Bool
    ) {
        let pairCount = (rows.count + 1) / 2
        let (d, size, panel) = (layer.outputs, layer.inputs, 64 * pairCount)
        for index in 0..<pairCount {
            // The last of an odd number stands for its partner, too, whose dz is zero.
            let x0 = rows[2 * index]
            let x1 = rows[min(2 * index + 1, rows.count - 1)]
            let words = scratch.words + index * 64
            if x0.type == x1.type {
                ls_pair_panels(x0.type.stored, x0.at(start), x1.at(start), words, n, panel)
            } else {
                pairUnlike(x0, x1, start, words, n, panel)
            }
        }
        eachTile(n, prefetch) { output, m, column, width in
            let c = target + output * size + column
            ls_product_bf16(
                pairs + output, 1, d, scratch.words + column / 64 * panel, 64, c, size, m, width,
                pairCount, isFirst ? nil : UnsafePointer(c), size)
        }
    }

    /// Calls `body` with the first output, the outputs, the first column and the columns of each
    /// tile of dP, and prefetches as it goes.
    @inline(__always)
    private func eachTile(
        _ columnCount: Int, _ prefetch: Prefetch, _ body: (Int, Int, Int, Int) -> Void
    ) {
        let (d, height) = (layer.outputs, 2 * ProjectionScratch.tileRowCount)
        let tileCount = (columnCount + 63) / 64 * ((d + height - 1) / height)
        let rowsAhead = (ProjectionScratch.gradientRowCount + tileCount - 1) / tileCount
        var prefetch = prefetch
        for column in stride(from: 0, to: columnCount, by: 64) {
            for output in stride(from: 0, to: d, by: height) {
                prefetch.advance(by: rowsAhead)
                body(output, min(height, d - output), column, min(64, columnCount - column))
            }
        }
    }

    /// Two rows stored in different types: through float32.
    private func pairUnlike(
        _ x0: StoredRow, _ x1: StoredRow, _ start: Int, _ words: UnsafeMutablePointer<UInt32>,
        _ n: Int, _ stride: Int
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * n) { wide in
            x0.widen(start..<start + n, into: wide.baseAddress!)
            x1.widen(start..<start + n, into: wide.baseAddress! + n)
            ls_pair_panels(
                LS_STORED_F32, wide.baseAddress!, wide.baseAddress! + n, words, n, stride)
        }
    }
}

/// Pairs of rows y [(rows + 1) / 2, width] of x [rows, width]; an odd last row is paired with zero.
public func pairRows(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<UInt32>, rows: Int, width: Int
) {
    ls_pair_rows(x, y, rows, width)
}
