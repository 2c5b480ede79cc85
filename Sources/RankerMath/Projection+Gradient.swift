// The gradient of P: stored features are cut into panels that stay in cache while every output
// takes its sums from them. Threads share it by columns, so that no two write the same number.
internal import CKernels

extension ProjectionWeights {
    /// Computes dP [d, D] = dz' X for the columns `columns` of X; overwrites dP there.
    ///
    /// - Parameters:
    ///   - dz: shape [rows, d].
    ///   - pairs: `dz` as pairs of rows (`pairRows`); only bfloat16 reads it.
    public func gradient(
        _ rows: UnsafeBufferPointer<StoredRow>, columns: Range<Int>, dz: UnsafePointer<Float>,
        pairs: UnsafePointer<UInt32>, _ scratch: ProjectionScratch,
        into gradient: UnsafeMutablePointer<Float>
    ) {
        let d = layer.outputs
        let width = ProjectionScratch.gradientColumnCount
        // A panel and the dz of a tile share the first cache.
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

    /// Pairs two rows of different types, by way of float32.
    private func pairUnlike(
        _ x0: StoredRow, _ x1: StoredRow, _ start: Int, _ words: UnsafeMutablePointer<UInt32>,
        _ n: Int, _ stride: Int
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * n) { wide in
            // It has an address: a stretch has a column.
            let first = wide.baseAddress!
            x0.widen(start..<start + n, into: first)
            x1.widen(start..<start + n, into: first + n)
            ls_pair_panels(LS_STORED_F32, first, first + n, words, n, stride)
        }
    }
}

/// Writes x [rows, width] as pairs of rows y [(rows + 1) / 2, width]; an odd last row is paired
/// with zeros.
public func pairRows(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<UInt32>, rows: Int, width: Int
) {
    ls_pair_rows(x, y, rows, width)
}
