// Results of evaluate tasks on their way into the database. One that comes alone is told at once;
// those that come while the database is busy with others go together, in one transaction: with
// fifty workers most of a small task's price was its commit. Nothing here matters: a worker whose
// answer is lost sends its result again, and the fencing token makes it count once.
public import LanguageSystem
public import Ledger

/// Takes the results of many workers in few transactions.
public actor EvaluationBatcher {
    /// Results of one transaction: it holds the locks of all their rankers.
    static let countMax = 50
    /// Transactions at once; the second goes on while the first waits for its commit.
    static let transactionCountMax = 2

    private struct Waiting {
        let result: EvaluationResult
        let answer: CheckedContinuation<Result<Bool, CoordinatorError>, Never>
    }

    private let ledger: LedgerStore
    private var waiting: [Waiting] = []
    private var transactionCount = 0

    public init(ledger: LedgerStore) { self.ledger = ledger }

    /// - Returns: False: the lease was lost, and nothing was changed.
    /// - Throws: What is wrong with this result, whatever came with it; `busy` when somebody holds
    ///   its ranker's lock, and the worker is to ask again: waiting here would hold a connection of
    ///   the pool.
    public func complete(_ result: EvaluationResult) async throws(CoordinatorError) -> Bool {
        try await withCheckedContinuation { answer in
            waiting.append(Waiting(result: result, answer: answer))
            if transactionCount < Self.transactionCountMax {
                transactionCount += 1
                Task { await takeWaiting() }
            }
        }.get()
    }

    /// Until nothing waits.
    private func takeWaiting() async {
        while !waiting.isEmpty {
            let batch = Array(waiting.prefix(Self.countMax))
            waiting.removeFirst(batch.count)
            await take(batch)
        }
        transactionCount -= 1
    }

    private func take(_ batch: [Waiting]) async {
        do {
            let counted = try await ledger.completeEvaluations(batch.map(\.result))
            for (waiting, isCounted) in zip(batch, counted) {
                waiting.answer.resume(returning: .success(isCounted))
            }
        } catch  where batch.count == 1 {
            batch[0].answer.resume(returning: .failure(error))
        } catch {
            // One of them was refused, or its ranker is locked by somebody: each for itself, and
            // those that come next do not wait for them.
            for waiting in batch {
                Task { await take([waiting]) }
            }
        }
    }
}
