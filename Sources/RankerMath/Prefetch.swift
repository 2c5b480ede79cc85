// Memory asked for before it is needed.
internal import CKernels
import LanguageSystem

/// Prefetches the next block's features a little at a time while this block is computed. Rows of a
/// batch are anywhere in a file of hundreds of megabytes, and memory is fastest when few requests
/// wait.
struct Prefetch {
    let rows: UnsafeBufferPointer<StoredRow>
    var next: Int
    let end: Int
    let column: Int
    let count: Int

    /// Prefetches columns `column ..< column + count` of rows `range`.
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
