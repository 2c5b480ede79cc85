// Memory asked for before it is needed.
internal import CKernels
import LanguageSystem

/// Asks for the next block's features a little at a time while this one is computed: rows of a
/// batch lie anywhere in a file of hundreds of megabytes, and memory answers best when never
/// crowded.
struct Prefetch {
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
