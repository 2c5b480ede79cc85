// How many bytes of workers' uploads and downloads the coordinator holds at a time: for one worker,
// so that none takes all, and for all of them, so that their number does not matter. What does not
// fit is refused as busy, and the worker asks again a little later.
import Concurrency
public import LanguageSystem

/// Bytes lent to workers' transfers, as a value: who asks gets them or a refusal.
public struct TransferBudget: Sendable, Equatable {
    /// The bytes lent to one worker: its largest upload and a few chunks on their way down.
    public let workerByteCountMax: Int
    /// The bytes lent to all workers together.
    public let byteCountMax: Int
    private var lent: [WorkerID: Int] = [:]
    public private(set) var lentByteCount = 0

    public init(workerByteCountMax: Int, byteCountMax: Int) {
        precondition(
            0 < workerByteCountMax && workerByteCountMax <= byteCountMax,
            "one worker's share is part of the whole")
        self.workerByteCountMax = workerByteCountMax
        self.byteCountMax = byteCountMax
    }

    public func lentByteCount(to worker: WorkerID) -> Int { lent[worker] ?? 0 }

    /// - Throws: `busy` when the worker's share or the whole is used up; nothing is lent then.
    public mutating func borrow(_ byteCount: Int, for worker: WorkerID) throws(LanguageSystemError)
    {
        let held = lentByteCount(to: worker)
        precondition(byteCount >= 0, "a transfer has no less than no bytes")
        guard byteCount <= workerByteCountMax - held else {
            throw .tooManyTransfers(
                """
                found \(held + byteCount) bytes of this worker under way, expected at most \
                \(workerByteCountMax)
                """
            )
        }
        guard byteCount <= byteCountMax - lentByteCount else {
            throw .tooManyTransfers("the coordinator moves \(lentByteCount) bytes already")
        }
        lent[worker] = held + byteCount
        lentByteCount += byteCount
    }

    public mutating func giveBack(_ byteCount: Int, of worker: WorkerID) {
        let left = lentByteCount(to: worker) - byteCount
        precondition(byteCount >= 0 && left >= 0, "no more is given back than was lent")
        lent[worker] = left == 0 ? nil : left
        lentByteCount -= byteCount
    }
}

/// The budget, shared by all calls.
public final class WorkerBudget: Sendable {
    private let budget: Locked<TransferBudget>

    public init(_ budget: TransferBudget) { self.budget = Locked(budget) }

    /// Runs `body` while `byteCount` bytes are lent to the worker.
    ///
    /// - Throws: `busy` when they cannot be lent; what `body` throws.
    public func lending<Value: Sendable>(
        _ byteCount: Int, to worker: WorkerID, _ body: () async throws -> Value
    ) async throws -> Value {
        try budget.withLock { budget throws(LanguageSystemError) in
            try budget.borrow(byteCount, for: worker)
        }
        defer { budget.withLock { $0.giveBack(byteCount, of: worker) } }
        return try await body()
    }
}

extension LanguageSystemError {
    static func tooManyTransfers(_ reason: String) -> Self {
        Self(
            .busy, "cannot begin this transfer now: \(reason)",
            hint: "the worker asks again by itself")
    }
}
