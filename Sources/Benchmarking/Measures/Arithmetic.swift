// How many floating point operations the work asks for: the least that the distinct-row algorithm
// needs, whatever an implementation does beyond it, so that GFLOP/s are never flattered. Only
// products of matrices are counted; norms, softmax and losses are small beside them.
internal import LanguageSystem
package import Rankers

/// Letters: D hidden size, d width, K candidates, T = K + 1 tokens, L blocks, c the MLP's multiple,
/// U distinct rows of a batch, B groups of a batch.
package struct Arithmetic: Sendable {
    private let configuration: RankerConfiguration

    package init(_ configuration: RankerConfiguration) { self.configuration = configuration }

    /// The forward projection of one row: 2 D d; 0 without projection.
    package var projection: Double {
        let c = configuration
        return c.projectionWidth == nil ? 0 : 2 * Double(c.hiddenSize) * Double(c.width)
    }

    /// The forward pass of the blocks on one token.
    ///
    ///     pointwise  L (4 c d^2)                      two layers d -> c d -> d
    ///     listwise   L (8 d^2 + 4 T d + 4 c d^2)      qkv and out, scores and sums, the MLP
    package func blocks(candidateCount: Int) -> Double {
        let (d, c) = (Double(configuration.width), Double(configuration.mlpMultiple))
        let tokens = Double(candidateCount + 1)
        let attention = configuration.kind == .listwise ? 8 * d * d + 4 * tokens * d : 0
        return Double(configuration.blocks) * (attention + 4 * c * d * d)
    }

    /// Scoring one group of K candidates: T (projection + blocks).
    package func scoring(candidateCount: Int) -> Double {
        Double(candidateCount + 1) * (projection + blocks(candidateCount: candidateCount))
    }

    /// One training step.
    ///
    ///     2 x (2 U D d)     projection forward and its weight's gradient; the input has none
    ///     3 x n blocks      forward and both gradients; n = B T tokens listwise, U rows pointwise
    package func step(groupCount: Int, candidateCount: Int, distinctRowCount: Int) -> Double {
        let tokens = groupCount * (candidateCount + 1)
        let blockRows = configuration.kind == .listwise ? tokens : distinctRowCount
        return 2 * Double(distinctRowCount) * projection
            + 3 * Double(blockRows) * blocks(candidateCount: candidateCount)
    }
}

extension OrderedGroups {
    /// The number of distinct rows (instructions and responses) in each batch of one epoch.
    package func distinctRowCounts(order: [Int32], batchGroups: Int) -> [Int] {
        stride(from: 0, to: order.count, by: batchGroups).map { start in
            let batch = order[start..<min(start + batchGroups, order.count)]
            let k = groups.candidateCount
            let rows = batch.flatMap { groups.rows[Int($0) * k..<(Int($0) + 1) * k] }
            return Set(rows).count + Set(batch.map { groups.queries[Int($0)] }).count
        }
    }
}
