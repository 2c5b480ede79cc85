// The float32 matrix product, by oneDNN on the calling thread. Work is shared among our own
// threads, never by OpenMP: the split is then ours, and equal inputs give equal bytes.
internal import COneDNN

/// C = op(A) op(B) + beta C, all row-major. (E1)
///
/// - Parameters:
///   - a: `A`, shape [m, k], or [k, m] when transposed; `lda` numbers from row to row.
///   - b: `B`, shape [k, n], or [n, k] when transposed.
///   - c: `C`, shape [m, n]; added to when `accumulate`, else overwritten.
@inline(never)
public func multiply(
    _ a: UnsafePointer<Float>, lda: Int, transposeA: Bool = false,
    _ b: UnsafePointer<Float>, ldb: Int, transposeB: Bool = false,
    into c: UnsafeMutablePointer<Float>, ldc: Int, accumulate: Bool, m: Int, n: Int, k: Int
) {
    guard m > 0, n > 0, k > 0 else { return }
    let yes = CChar(UInt8(ascii: "T"))
    let no = CChar(UInt8(ascii: "N"))
    let status = ls_onednn_sgemm(
        transposeA ? yes : no, transposeB ? yes : no, m, n, k, a, lda, b, ldb,
        accumulate ? 1 : 0, c, ldc)
    precondition(status == 0, "oneDNN refused a product of \(m) x \(k) by \(k) x \(n)")
}

/// Call once on each thread that multiplies; other threads of the process are not affected.
public func keepProductsOnThisThread() {
    ls_onednn_stay_on_this_thread()
}
