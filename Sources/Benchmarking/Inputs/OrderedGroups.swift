// The groups one epoch trains on and the order it takes them in: the input that two
// implementations must share to be compared. Drawn here until every query has its number, as the
// reference does; training proper drops groups instead of drawing again (Rankers' Decisions).
package import Rankers
internal import RankerMath

/// Groups of K candidates and a permutation of them.
package struct OrderedGroups: Sendable {
    package let groups: CandidateGroups
    /// A permutation of 0 ..< groups.count.
    package let order: [Int32]

    package init(groups: CandidateGroups, order: [Int32]) {
        precondition(groups.count == order.count, "each group has one place")
        self.groups = groups
        self.order = order
    }

    /// Draws `perQuery` groups of K for each query, kept only with different labels (Appendix D),
    /// and shuffles them all. A query whose pool is smaller than K or of one label gives none; one
    /// whose labels hardly differ gives what 50 x `perQuery` draws bring.
    package init(
        drawnFrom sets: [FeatureSet], perQuery: Int, candidateCount: Int, seed: UInt64
    ) {
        var groups = CandidateGroups(candidateCount: candidateCount)
        let labels = sets.flatMap(\.labels)
        for (query, pool) in pools(of: sets).enumerated() {
            let own = labels[pool]
            guard pool.count >= candidateCount, own.contains(where: { $0 != own.first }) else {
                groups.droppedQueryCount += 1
                continue
            }
            var draw = PoolDraw(pool: pool, seed: seed, query: query)
            var kept = 0
            for _ in 0..<50 * perQuery where kept < perQuery {
                let rows = draw.next(candidateCount)
                guard Set(rows.map { labels[$0] }).count > 1 else {
                    groups.droppedGroupCount += 1
                    continue
                }
                groups.queries.append(Int32(query))
                groups.rows.append(contentsOf: rows.lazy.map { Int32($0) })
                kept += 1
            }
        }
        var order = Array(0..<Int32(groups.count))
        var generator = Generator(seed: seed, stream: BenchStream.order)
        generator.shuffle(&order)
        self.init(groups: groups, order: order)
    }

    /// The same groups for epoch `epoch`: the first in the order given, later ones shuffled again.
    package func order(epoch: Int, seed: UInt64) -> [Int32] {
        guard epoch > 0 else { return order }
        var shuffled = order
        var generator = Generator(seed: seed, stream: BenchStream.order + UInt64(epoch) << 8)
        generator.shuffle(&shuffled)
        return shuffled
    }
}

/// The response rows of each query, numbered through all sets.
func pools(of sets: [FeatureSet]) -> [Range<Int>] {
    var pools: [Range<Int>] = []
    var base = 0
    for set in sets {
        for query in 0..<set.queryCount {
            pools.append(base + set.offsets[query]..<base + set.offsets[query + 1])
        }
        base += set.responseCount
    }
    return pools
}

/// Draws from one pool: the front of a permutation that is shuffled on, which is uniform wherever
/// it starts and allocates nothing.
private struct PoolDraw {
    private var rows: [Int]
    private var generator: Generator

    init(pool: Range<Int>, seed: UInt64, query: Int) {
        rows = Array(pool)
        generator = Generator(seed: seed, stream: BenchStream.groups + UInt64(query))
    }

    mutating func next(_ count: Int) -> ArraySlice<Int> {
        for i in 0..<count { rows.swapAt(i, i + generator.below(rows.count - i)) }
        return rows[..<count]
    }
}

/// Which sequence of a seed's numbers serves what; apart from those of training.
enum BenchStream {
    static let order: UInt64 = 1 << 40
    /// Plus the query's number.
    static let groups: UInt64 = 2 << 40
    static let planted: UInt64 = 3 << 40
    /// Plus the query's number.
    static let plantedQuery: UInt64 = 4 << 40
}
