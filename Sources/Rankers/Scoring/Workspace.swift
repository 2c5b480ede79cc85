// Where a call of a scorer computes, kept for the next call of any ranker of the same shape.
internal import Concurrency
internal import LanguageSystem
internal import RankerMath

/// The idle workspaces of one shape of ranker: as many as were ever used at once, up to a bound.
final class WorkspacePool: Sendable {
    static let idleCountMax = 64
    private let idle: Locked<[Workspace]>

    init() {
        var idle: [Workspace] = []
        idle.reserveCapacity(Self.idleCountMax)
        self.idle = Locked(idle)
    }

    func borrow(_ weights: FrozenWeights, tokenCount: Int, groupTokenCount: Int) -> Workspace {
        let kept = idle.withLock { $0.popLast() }
        if let kept, kept.fits(tokenCount: tokenCount, groupTokenCount: groupTokenCount) {
            return kept
        }
        // The smaller one is let go: what was asked for once will be asked for again.
        return Workspace(
            weights, tokenCount: max(tokenCount, 17), groupTokenCount: max(groupTokenCount, 17))
    }

    func giveBack(_ workspace: Workspace) {
        idle.withLock { if $0.count < Self.idleCountMax { $0.append(workspace) } }
    }

    /// The pool of all rankers of this shape.
    static func shared(for configuration: RankerConfiguration) -> WorkspacePool {
        entries.withLock { entries in
            if let pool = entries[configuration]?.pool { return pool }
            entries = entries.filter { $0.value.pool != nil }
            let pool = WorkspacePool()
            entries[configuration] = Entry(pool: pool)
            return pool
        }
    }

    /// Referenced weakly, so that the pool of a shape without rankers is freed.
    private struct Entry { weak var pool: WorkspacePool? }
    private static let entries = Locked<[RankerConfiguration: Entry]>([:])
}

/// The memory of one call.
final class Workspace {
    let trunk: Trunk
    private let scratch: ProjectionScratch
    private let rows: UnsafeMutableBufferPointer<StoredRow>

    /// - Parameters:
    ///   - tokenCount: The number of tokens of all groups of one call.
    ///   - groupTokenCount: The number of tokens of the largest group.
    init(_ weights: FrozenWeights, tokenCount: Int, groupTokenCount: Int) {
        scratch = weights.projector.makeScratch()
        trunk = Trunk(
            shape: weights.layout.trunk, tokenTotal: tokenCount, tokenCountMax: groupTokenCount)
        rows = .allocate(capacity: tokenCount)
    }

    func fits(tokenCount: Int, groupTokenCount: Int) -> Bool {
        rows.count >= tokenCount && trunk.tokenCountMax >= groupTokenCount
    }

    deinit { rows.deallocate() }

    func groupCount(_ candidateCount: Int) -> Int { rows.count / (candidateCount + 1) }

    func score(
        _ weights: FrozenWeights, _ features: UnsafeRawPointer, _ dtype: FeatureType,
        _ candidateCount: Int, groupCount: Int, into scores: UnsafeMutablePointer<Float>
    ) -> NotFinite? {
        let configuration = weights.layout.configuration
        let (width, tokens) = (configuration.width, candidateCount + 1)
        let rowByteCount = configuration.hiddenSize * dtype.byteCount
        for row in 0..<groupCount * tokens {
            rows.initializeElement(
                at: row, to: StoredRow(start: features + row * rowByteCount, type: dtype))
        }
        weights.projector.project(
            UnsafeBufferPointer(rebasing: rows[..<(groupCount * tokens)]), scratch,
            into: trunk.input)
        if let instruction = weights.layout.instruction {
            for group in 0..<groupCount {
                (trunk.input + group * tokens * width).update(
                    from: weights.parameters.values + instruction, count: width)
            }
        }
        return trunk.forward(
            weights.parameters, groups: groupCount, tokens: tokens, scores: scores)
    }
}
