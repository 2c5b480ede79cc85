// Both ways to multiply matrices, ours and oneDNN's, against sums in Double.
import RankerMath
import Testing

@Suite struct `Products of matrices` {
    @Test(arguments: [(1, 1, 1), (6, 64, 8), (7, 65, 9), (5, 15, 3), (13, 130, 40), (64, 48, 1)])
    func `products agree with sums in Double, plain and transposed, added and overwritten`(
        m: Int, n: Int, k: Int
    ) {
        var generator = Generator(seed: UInt64(m * n * k))
        func numbers(_ count: Int) -> [Float] {
            (0..<count).map { _ in 2 * generator.unitFloat() - 1 }
        }
        let (a, b, before) = (numbers(m * k), numbers(k * n), numbers(m * n))
        for (transposed, accumulate) in [
            (false, false), (false, true), (true, false), (true, true),
        ] {
            var (ours, theirs) = (before, before)
            let lda = transposed ? m : k
            multiply(
                a, lda: lda, transposeA: transposed, b, ldb: n, into: &ours, ldc: n,
                accumulate: accumulate, m: m, n: n, k: k)
            libraryMultiply(
                a, lda: lda, transposeA: transposed, b, ldb: n, into: &theirs, ldc: n,
                accumulate: accumulate, m: m, n: n, k: k)
            for index in before.indices {
                let (i, j) = (index / n, index % n)
                let sum = (0..<k).reduce(accumulate ? Double(before[index]) : 0) { sum, l in
                    sum + Double(a[transposed ? l * m + i : i * k + l]) * Double(b[l * n + j])
                }
                #expect(abs(Double(ours[index]) - sum) < 1e-5)
                #expect(abs(Double(theirs[index]) - sum) < 1e-5)
            }
        }
    }
}
