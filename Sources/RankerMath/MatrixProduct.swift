// The float32 matrix product, on the calling thread. Work is shared among our own threads, never
// by OpenMP: the split is then ours, and equal inputs give equal bytes. Our own kernel where the
// processor has AVX-512, oneDNN elsewhere; the page Kernels has the measurements.
internal import CKernels
internal import COneDNN

/// Computes C = op(A) B, or adds it to C; all matrices are row-major. (E1)
///
/// - Parameters:
///   - a: `A`, shape [m, k], or [k, m] when transposed; `lda` numbers from row to row.
///   - b: `B`, shape [k, n].
///   - c: `C`, shape [m, n]; added to when `accumulate`, else overwritten.
public func multiply(
    _ a: UnsafePointer<Float>, lda: Int, transposeA: Bool = false,
    _ b: UnsafePointer<Float>, ldb: Int, into c: UnsafeMutablePointer<Float>, ldc: Int,
    accumulate: Bool, m: Int, n: Int, k: Int
) {
    guard m > 0, n > 0, k > 0 else { return }
    guard hasOwnProducts else {
        return libraryMultiply(
            a, lda: lda, transposeA: transposeA, b, ldb: ldb, into: c, ldc: ldc,
            accumulate: accumulate, m: m, n: n, k: k)
    }
    ls_product_f32(
        a, transposeA ? 1 : lda, transposeA ? lda : 1, b, ldb, c, ldc, m, n, k,
        accumulate ? UnsafePointer(c) : nil, ldc)
}

/// Computes the same by oneDNN, where B may be transposed, too.
public func libraryMultiply(
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

/// Whether this processor can run our own kernels.
let hasOwnProducts = ls_has_products_f32()

private let setThreadCount = ls_onednn_find_thread_setter()

/// Keeps oneDNN from starting threads of its own. Call it once on each thread that multiplies;
/// other threads are not affected.
public func keepProductsOnThisThread() { setThreadCount?(1) }
