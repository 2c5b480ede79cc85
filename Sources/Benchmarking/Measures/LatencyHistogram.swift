// How long requests took, in logarithmic buckets: millions of them in a few kilobytes, each known
// within 1.6 %.

/// A histogram of durations from 0 to 2^40 nanoseconds; a longer one counts as 2^40.
package struct LatencyHistogram: Sendable {
    /// The logarithm of the number of buckets within each power of two.
    private static let stepBits = 6
    private static let powerCount = 36
    private var counts = [Int](repeating: 0, count: powerCount << stepBits)
    package private(set) var count = 0
    package private(set) var largest: Duration = .zero

    package init() {}

    package mutating func record(_ duration: Duration) {
        counts[Self.bucket(of: duration.nanoseconds)] += 1
        count += 1
        largest = max(largest, duration)
    }

    package mutating func merge(_ other: LatencyHistogram) {
        for (index, more) in other.counts.enumerated() { counts[index] += more }
        count += other.count
        largest = max(largest, other.largest)
    }

    /// The duration below which this share of all durations lies, as the middle of its bucket; zero
    /// without any.
    ///
    /// - Parameter percent: 0 to 100.
    package func percentile(_ percent: Double) -> Duration {
        let rank = max(1, Int((percent / 100 * Double(count)).rounded(.up)))
        var seen = 0
        for (index, more) in counts.enumerated() {
            seen += more
            if seen >= rank { return min(.nanoseconds(Self.middle(of: index)), largest) }
        }
        return .zero
    }

    /// The histogram as lines of text: each quarter of a power of two from the fastest to the
    /// slowest, with its count.
    package var lines: [String] {
        let quarterBits = Self.stepBits - 2
        var sums = [Int](repeating: 0, count: counts.count >> quarterBits)
        for (index, more) in counts.enumerated() { sums[index >> quarterBits] += more }
        guard let first = sums.firstIndex(where: { $0 > 0 }),
            let last = sums.lastIndex(where: { $0 > 0 }), let most = sums.max()
        else { return [] }
        return (first...last).map { quarter in
            let upTo = Double(Self.lowest(of: (quarter + 1) << quarterBits)) / 1e6
            let bar = String(repeating: "█", count: (sums[quarter] * 50 + most - 1) / most)
            return
                """
                < \(padded("\((upTo * 1_000).rounded() / 1_000)", 9)) ms \
                \(padded("\(sums[quarter])", 9))  \(bar)
                """
        }
    }

    private func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// The bucket of a duration: below 64 each number has its own, above there are 64 for each
    /// power of two.
    static func bucket(of nanoseconds: Int) -> Int {
        let value = max(0, min(nanoseconds, 1 << 40))
        guard value >> stepBits > 0 else { return value }
        let power = Int.bitWidth - 1 - value.leadingZeroBitCount - stepBits
        return min(
            (power + 1) << stepBits | (value >> power & (1 << stepBits - 1)),
            powerCount << stepBits - 1)
    }

    static func lowest(of bucket: Int) -> Int {
        let power = bucket >> stepBits - 1
        guard power >= 0 else { return bucket }
        return (1 << stepBits | bucket & (1 << stepBits - 1)) << power
    }

    private static func middle(of bucket: Int) -> Int {
        (lowest(of: bucket) + lowest(of: bucket + 1)) / 2
    }
}

extension Duration {
    fileprivate var nanoseconds: Int {
        Int(components.seconds) * 1_000_000_000 + Int(components.attoseconds / 1_000_000_000)
    }
}
