// Who asks next: every user alike, or a few of them most of the time.
internal import RankerMath

/// How requests are spread over users.
package enum UserSpread: String, Sendable, CaseIterable {
    case uniform
    /// The n-th user sends 1/n as many requests as the first.
    case zipf
}

/// A sequence of users, numbered from 0, from a seed.
package struct UserLoad: Sendable {
    /// For each user, the share of requests of this user and all earlier ones.
    private let cumulative: [Double]
    private var generator: Generator

    package init(_ spread: UserSpread, userCount: Int, seed: UInt64) {
        precondition(userCount > 0, "somebody has to ask")
        var sum = 0.0
        var sums: [Double] = []
        for number in 1...userCount {
            sum += spread == .zipf ? 1 / Double(number) : 1
            sums.append(sum)
        }
        cumulative = sums.map { $0 / sum }
        generator = Generator(seed: seed)
    }

    package mutating func next() -> Int {
        let place = Double(generator.next() >> 11) * 0x1p-53
        var (low, high) = (0, cumulative.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > place { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
