// The projection of stored features: a few rows are widened or narrowed into cache, multiplied by a
// stretch of P, and the next rows' features are fetched meanwhile.
internal import CKernels

extension ProjectionWeights {
    /// Computes z [rows, d] = P x + b. (E2)
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

    /// Adds the contribution of `columns` to z; the first columns start from the bias.
    private func forwardBlock(
        _ rows: UnsafeBufferPointer<StoredRow>, _ range: Range<Int>, _ columns: Range<Int>,
        _ scratch: ProjectionScratch, _ prefetch: Prefetch, into z: UnsafeMutablePointer<Float>
    ) {
        let (d, depth) = (layer.outputs, ProjectionScratch.depth)
        let pairs = precision == .bfloat16 ? self.pairs : nil
        let tile =
            pairs == .tiles ? ProjectionScratch.unitRowCount : ProjectionScratch.tileRowCount
        let (start, k) = (columns.lowerBound, columns.count)
        var prefetch = prefetch
        for first in stride(from: range.lowerBound, to: range.upperBound, by: tile) {
            prefetch.advance(by: tile)
            let m = min(tile, range.upperBound - first)
            for index in 0..<m {
                let x = rows[first + index]
                switch pairs {
                case .widened:
                    ls_round_bf16(
                        x.type.stored, x.at(start), scratch.block + index * depth, k)
                case .dots, .tiles:
                    ls_narrow(x.type.stored, x.at(start), scratch.words + index * depth / 2, k)
                case nil:
                    // Panels side by side are a row.
                    ls_widen_panels(
                        x.type.stored, x.at(start), scratch.block + index * depth, k, 64)
                }
            }
            let c = z + first * d
            let (from, step) = start == 0 ? (UnsafePointer(bias), 0) : (UnsafePointer(c), d)
            switch pairs {
            case .widened:
                ls_product_widened(
                    scratch.block, depth, 2, words + start / 2 * d, d, c, d, m, d, (k + 1) / 2,
                    from, step)
            case .dots:
                ls_product_bf16(
                    scratch.words, depth / 2, 1, words + start / 2 * d, d, c,
                    d, m, d, (k + 1) / 2, from, step)
            case .tiles:
                ls_product_tiles(
                    scratch.words, depth / 2, words + start / 2 * d, d, c, d, m, d, k / 2, from,
                    step)
            case nil:
                ls_product_f32(
                    scratch.block, depth, 1, packed + start * d, d, c, d, m, d, k,
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
                scratch.block, lda: size, packed, ldb: size, transposeB: true,
                into: z + first * d, ldc: d, accumulate: true, m: m, n: d, k: size)
        }
    }
}
