// The products of matrices beneath training and scoring, one by one: what is lost between them and
// a whole step or call is not theirs.
internal import RankerMath

/// C [m, n] = A [m, k] B [k, n]: by oneDNN with B as a ranker stores it, by our kernel with B
/// transposed.
package struct ProductShape: Sendable {
    package let name: String
    package let m, n, k: Int
    let transposeA, transposeB: Bool

    /// The products at the paper's shape: 256 groups of 11 rows, D = 4096, d = 64.
    package static let all = [
        ProductShape(
            name: "projection forward", m: 2_816, n: 64, k: 4_096, transposeA: false,
            transposeB: true),
        ProductShape(
            name: "projection gradient", m: 64, n: 4_096, k: 2_816, transposeA: true,
            transposeB: false),
        ProductShape(
            name: "one group", m: 11, n: 64, k: 4_096, transposeA: false, transposeB: true),
        peak,
    ]

    static let peak = ProductShape(
        name: "peak", m: MachinePeak.size, n: MachinePeak.size, k: MachinePeak.size,
        transposeA: false, transposeB: false)

    package var operations: Double { 2 * Double(m) * Double(n) * Double(k) }

    /// The seconds of each of `rounds` rounds in which each thread does the whole product once, on
    /// its own matrices; the first round warms up and does not count.
    package func times(_ way: BareProduct.Way, threadCount: Int, rounds: Int) -> Times {
        let team = ThreadTeam(count: threadCount)
        let matrices = (0..<threadCount).map { _ in ProductMatrices(self) }
        let clock = ContinuousClock()
        var seconds: [Double] = []
        for round in 0...rounds {
            let start = clock.now
            team.run { matrices[$0].multiplyOnce(way) }
            if round > 0 { seconds.append((clock.now - start).inSeconds) }
        }
        return Times(seconds)
    }
}

private final class ProductMatrices {
    private let shape: ProductShape
    private let memory: Scratch
    private let a, b, c: UnsafeMutablePointer<Float>

    init(_ shape: ProductShape) {
        self.shape = shape
        let counts = [shape.m * shape.k, shape.k * shape.n, shape.m * shape.n]
        memory = Scratch(count: counts.map(Scratch.rounded).reduce(0, +))
        a = memory.take(counts[0])
        b = memory.take(counts[1])
        c = memory.take(counts[2])
        for index in 0..<counts[0] { a[index] = Float(index % 7) - 3 }
        for index in 0..<counts[1] { b[index] = Float(index % 5) - 2 }
    }

    func multiplyOnce(_ way: BareProduct.Way) {
        let (m, n, k) = (shape.m, shape.n, shape.k)
        switch way {
        case .library:
            libraryMultiply(
                a, lda: shape.transposeA ? m : k, transposeA: shape.transposeA, b,
                ldb: shape.transposeB ? k : n, transposeB: shape.transposeB, into: c, ldc: n,
                accumulate: false, m: m, n: n, k: k)
        case .own:
            multiply(
                a, lda: shape.transposeA ? m : k, transposeA: shape.transposeA, b, ldb: n, into: c,
                ldc: n, accumulate: false, m: m, n: n, k: k)
        }
    }
}
