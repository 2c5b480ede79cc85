// The one source of randomness: xoshiro256** (Blackman and Vigna), seeded through SplitMix64.
// Ours, so that a seed means the same numbers on every platform and in every release.

/// A seeded generator (xoshiro256**). The same seed and stream give the same numbers in every
/// release.
public struct Generator: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    /// - Parameter stream: The number of an independent sequence of the seed, such as one for each
    ///   query.
    public init(seed: UInt64, stream: UInt64 = 0) {
        var mixer = SplitMix64(state: seed)
        mixer.state = mixer.next() ^ (stream &* 0xd134_2543_de82_ef95)
        state = (mixer.next(), mixer.next(), mixer.next(), mixer.next())
    }

    /// 64 uniform random bits.
    public mutating func next() -> UInt64 {
        let result = Self.rotate(state.1 &* 5, 7) &* 9
        let t = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= t
        state.3 = Self.rotate(state.3, 45)
        return result
    }

    /// A uniform number in 0 ..< bound, without bias (Lemire's method).
    public mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "a bound must be positive")
        let bound = UInt64(bound)
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
        }
        return Int(product.high)
    }

    /// A uniform number in [0, 1) with 24 bits, exact in float32.
    public mutating func unitFloat() -> Float { Float(next() >> 40) * 0x1p-24 }

    /// A standard normal number, by the sum-free polar method.
    public mutating func normal() -> Double {
        while true {
            let u = Double(next() >> 11) * 0x1p-52 - 1
            let v = Double(next() >> 11) * 0x1p-52 - 1
            let s = u * u + v * v
            if s > 0, s < 1 { return u * (-2 * logarithm(s) / s).squareRoot() }
        }
    }

    /// `count` different numbers of 0 ..< `total`, in random order.
    public mutating func choose(_ count: Int, of total: Int) -> [Int] {
        precondition(count >= 0 && count <= total, "cannot choose more than there are")
        var all = Array(0..<total)
        for i in 0..<count { all.swapAt(i, i + below(total - i)) }
        return Array(all[..<count])
    }

    /// Puts the elements into uniform random order (Fisher-Yates).
    public mutating func shuffle<Element>(_ elements: inout [Element]) {
        for i in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(i, below(i + 1))
        }
    }

    private static func rotate(_ x: UInt64, _ by: UInt64) -> UInt64 { x << by | x >> (64 - by) }
}

private struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
