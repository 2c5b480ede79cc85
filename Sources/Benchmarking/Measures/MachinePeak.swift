// What this machine can do at best, to say which share of it a case reaches: a product of
// matrices that stays in cache, repeated. It is measured and not looked up, since clocks and
// neighbors change.

/// The measured peak of float32 products: 384 x 384 by 384 x 384 on several threads at once.
package enum MachinePeak {
    /// Rows and columns: three matrices of 0.6 MB fit a core's own cache.
    package static let size = 384

    /// The best of 200 rounds in GFLOP/s, all threads together, by the faster of the two products.
    package static func gigaflops(threadCount: Int) -> Double {
        let shape = ProductShape.peak
        let least = BareProduct.Way.allCases.map {
            shape.times($0, threadCount: threadCount, rounds: 200).least
        }
        return shape.operations * Double(threadCount) / least.reduce(.infinity, min) / 1e9
    }
}
