// How long requests took: the library's histogram counts nanoseconds, these count durations. Each
// duration is known within 0.1 %, the longest exactly.
package import Histogram

extension Histogram<UInt64> {
    /// An empty histogram of durations.
    ///
    /// Its counts take 270 KB whatever is recorded. Only a duration of more than an hour allocates.
    package static func ofDurations() -> Self {
        var histogram = Self(
            highestTrackableValue: 3_600_000_000_000, numberOfSignificantValueDigits: .three)
        histogram.autoResize = true
        return histogram
    }

    /// A negative duration, after the clock was set, counts as zero.
    package mutating func record(_ duration: Duration) {
        record(UInt64(Swift.max(0, duration.nanoseconds)))
    }

    /// The duration in which that part of all requests has ended: the highest of those that the
    /// histogram does not tell apart, and never more than the longest. Zero without any.
    ///
    /// - Parameter percent: 0 to 100.
    package func percentile(_ percent: Double) -> Duration {
        .nanoseconds(Int64(valueAtPercentile(percent)))
    }

    /// Lines of a drawing: each quarter of a power of two from the fastest to the slowest, with how
    /// many it has.
    package var lines: [String] {
        var bounds: [UInt64] = [0, 16]
        while let last = bounds.last, last <= maxRecorded {
            // The next quarter: 16, 20, 24, 28, 32, 40, …
            bounds.append(last + (1 << (UInt64.bitWidth - 3 - last.leadingZeroBitCount)))
        }
        let sums = zip(bounds, bounds.dropFirst()).map {
            (upTo: $1, count: count(within: $0...$1 - 1))
        }
        guard let first = sums.firstIndex(where: { $0.count > 0 }),
            let last = sums.lastIndex(where: { $0.count > 0 }),
            let most = sums.map(\.count).max()
        else { return [] }
        return sums[first...last].map { upTo, count in
            let milliseconds = (Double(upTo) / 1e3).rounded() / 1e3
            let bar = String(repeating: "█", count: Int((count * 50 + most - 1) / most))
            return "< \(padded("\(milliseconds)", 9)) ms \(padded("\(count)", 9))  \(bar)"
        }
    }
}

private func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
