// The part of a batch that one thread computes alone: blocks, loss and their gradients for its
// groups, in memory of its own.
internal import RankerMath

/// The memory of one thread of a training team.
final class TrainerThread {
    /// The number of tokens that pass through the blocks together, so that what they keep fits into
    /// the second-level cache.
    static let tokenCount = 352
    let projectionScratch: ProjectionScratch
    let gradient: UnsafeMutablePointer<Float>
    let dz: UnsafeMutablePointer<Float>
    private(set) var loss = 0.0
    /// The first token of the last `runGroups` whose norm or score was not finite; `group` is its
    /// place in the batch.
    private(set) var notFinite: NotFinite?
    private let layout: RankerLayout
    private let trunk: Trunk
    private let memory: Scratch
    private let scores, dscores, labels: UnsafeMutablePointer<Float>
    private let groupCountMax: Int
    private let candidateCount: Int

    init(_ layout: RankerLayout, candidateCount: Int, rowCountMax: Int, isPacked: Bool) {
        self.layout = layout
        self.candidateCount = candidateCount
        groupCountMax = max(1, Self.tokenCount / (candidateCount + 1))
        projectionScratch = ProjectionScratch(inputs: layout.projection?.inputs ?? 0)
        trunk = Trunk(
            shape: layout.trunk, tokenTotal: groupCountMax * (candidateCount + 1),
            tokenCountMax: candidateCount + 1, isPacked: isPacked)
        let hasProjection = layout.projection != nil
        let dzCount = hasProjection ? rowCountMax * layout.configuration.width : 0
        let scoreCount = groupCountMax * candidateCount
        memory = Scratch(
            count: [layout.count, dzCount, scoreCount, scoreCount, candidateCount]
                .map(Scratch.rounded).reduce(0, +))
        gradient = memory.take(layout.count)
        dz = memory.take(dzCount)
        scores = memory.take(scoreCount)
        dscores = memory.take(scoreCount)
        labels = memory.take(candidateCount)
    }

    /// Runs forward, loss and backward of the groups `range` of the batch, into `gradient`, `dz`
    /// and `loss`.
    func runGroups(
        _ range: Range<Int>, batchCount: Int, rowCount: Int, parameters: Parameters,
        z: UnsafePointer<Float>, slots: UnsafePointer<Int32>, training: TrainingConfiguration,
        fillLabels: (Int, UnsafeMutablePointer<Float>) -> Void
    ) {
        let (d, tokens, k) = (layout.configuration.width, candidateCount + 1, candidateCount)
        loss = 0
        notFinite = nil
        let trunkStart = layout.trunkStart
        (gradient + trunkStart).update(repeating: 0, count: layout.count - trunkStart)
        if layout.projection != nil { dz.update(repeating: 0, count: rowCount * d) }
        for first in stride(from: range.lowerBound, to: range.upperBound, by: groupCountMax) {
            let groups = min(groupCountMax, range.upperBound - first)
            for token in 0..<groups * tokens {
                let slot = Int(slots[first * tokens + token])
                // A slot is negative where the instruction is learned, and only there.
                let source = slot < 0 ? parameters.values + layout.instruction! : z + slot * d
                (trunk.input + token * d).update(from: source, count: d)
            }
            let found = trunk.forward(parameters, groups: groups, tokens: tokens, scores: scores)
            if let found, notFinite == nil {
                notFinite = NotFinite(
                    group: first + found.group, candidate: found.candidate,
                    quantity: found.quantity)
            }
            for group in 0..<groups {
                fillLabels(first + group, labels)
                loss += training.loss.evaluate(
                    scores: scores + group * k, labels: labels, count: k,
                    temperature: training.temperature, weight: 1 / Double(batchCount),
                    gradient: dscores + group * k)
            }
            let dx = trunk.backward(
                parameters, gradient, dscores: dscores, groups: groups, tokens: tokens)
            for token in 0..<groups * tokens {
                let slot = Int(slots[first * tokens + token])
                if slot < 0 {
                    // As above.
                    add(dx + token * d, to: gradient + layout.instruction!, count: d)
                } else if layout.projection != nil {
                    add(dx + token * d, to: dz + slot * d, count: d)
                }
            }
        }
    }
}
