// What is said about a list of times. Percentiles are those of NumPy's default (linear between
// neighbors), so that our figures and the peer's mean the same.

/// Times in seconds, in ascending order.
package struct Times: Sendable {
    private let sorted: [Double]

    /// - Precondition: there is at least one time.
    package init(_ seconds: [Double]) {
        precondition(!seconds.isEmpty, "there is a time to speak of")
        sorted = seconds.sorted()
    }

    package var least: Double { sorted[0] }
    package var median: Double { percentile(50) }

    /// - Parameter percent: 0 to 100.
    package func percentile(_ percent: Double) -> Double {
        let place = percent / 100 * Double(sorted.count - 1)
        let low = Int(place)
        let high = min(low + 1, sorted.count - 1)
        return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
    }
}

extension Duration {
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
