// Which rows a batch needs, each once, however many of its groups hold it.
internal import RankerMath

final class DistinctRows {
    private let table: FeatureTable
    private let candidateCount: Int
    private let hasLearnedInstruction: Bool
    /// The position of a token's row among the batch's rows; -1 when it is not among them.
    private let slotOfToken: UnsafeMutableBufferPointer<Int32>
    private let tokens: UnsafeMutableBufferPointer<Int32>
    private let found: UnsafeMutableBufferPointer<StoredRow>
    private let slotMemory: UnsafeMutableBufferPointer<Int32>
    private var count = 0

    /// The distinct rows of the batch.
    var rows: UnsafeBufferPointer<StoredRow> { UnsafeBufferPointer(rebasing: found[..<count]) }
    /// [groups, K + 1]: where each token's row stands in `rows`; -1 is the learned instruction.
    // It has an address: a batch has a group.
    var slots: UnsafePointer<Int32> { UnsafePointer(slotMemory.baseAddress!) }

    init(
        _ table: FeatureTable, groupCountMax: Int, candidateCount: Int, hasLearnedInstruction: Bool
    ) {
        self.table = table
        self.candidateCount = candidateCount
        self.hasLearnedInstruction = hasLearnedInstruction
        let tokenCount = table.queryCount + table.rowCount
        slotOfToken = .allocate(capacity: tokenCount)
        slotOfToken.initialize(repeating: -1)
        let slotCount = groupCountMax * (candidateCount + 1)
        let rowCountMax = min(slotCount, tokenCount)
        tokens = .allocate(capacity: rowCountMax)
        found = .allocate(capacity: rowCountMax)
        slotMemory = .allocate(capacity: slotCount)
    }

    deinit {
        slotOfToken.deallocate()
        tokens.deallocate()
        found.deallocate()
        slotMemory.deallocate()
    }

    func find(_ groups: CandidateGroups, _ order: ArraySlice<Int32>) {
        for token in tokens[..<count] { slotOfToken[Int(token)] = -1 }
        count = 0
        var next = 0
        groups.queries.withUnsafeBufferPointer { queries in
            groups.rows.withUnsafeBufferPointer { rows in
                for group in order {
                    let query = Int(queries[Int(group)])
                    slotMemory.initializeElement(
                        at: next, to: hasLearnedInstruction ? -1 : slot(of: query))
                    next += 1
                    let first = Int(group) * candidateCount
                    for row in rows[first..<first + candidateCount] {
                        slotMemory.initializeElement(
                            at: next, to: slot(of: table.queryCount + Int(row)))
                        next += 1
                    }
                }
            }
        }
    }

    private func slot(of token: Int) -> Int32 {
        let known = slotOfToken[token]
        guard known < 0 else { return known }
        let slot = Int32(count)
        slotOfToken[token] = slot
        tokens.initializeElement(at: count, to: Int32(token))
        found.initializeElement(at: count, to: table.row(ofToken: token))
        count += 1
        return slot
    }
}
