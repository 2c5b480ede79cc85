// Results of evaluate tasks on their way into the database. One that comes alone is told at once;
// those that come while the database is busy with others go together, in one transaction: with
// fifty workers most of a small task's price was its commit. Nothing here matters: a worker whose
// answer is lost sends its result again, and the fencing token makes it count once.
public import LanguageSystem
public import Ledger

/// Takes the results of many workers in few transactions.
public actor EvaluationBatcher {
    /// How many results go in one transaction: it holds the locks of all their rankers.
    static let countMax = 50
    /// How many transactions are under way at once; the second goes on while the first waits for
    /// its commit.
    static let transactionCountMax = 2

    private struct Waiting {
        let result: EvaluationResult
        let answer: CheckedContinuation<Result<Bool, LanguageSystemError>, Never>
    }

    private let ledger: LedgerStore
    private var waiting: [Waiting] = []
    /// Results that were in a transaction that failed; each goes by itself.
    private var alone: [Waiting] = []
    private var transactionCount = 0
    private var hasEnded = false
    /// Something waits, or a transaction has ended: one signal is as good as many.
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    public init(ledger: LedgerStore) {
        self.ledger = ledger
        (signals, signal) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Hands in what comes, until the task is cancelled; whoever waits then is told to come again.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for await _ in signals {
                while let batch = nextBatch() {
                    group.addTask {
                        await self.complete(batch)
                        await self.transactionEnded()
                    }
                }
                for one in takeAlone() { group.addTask { await self.complete([one]) } }
            }
        }
        hasEnded = true
        for one in waiting + alone { one.answer.resume(returning: .failure(.resultNotTaken())) }
        waiting = []
        alone = []
    }

    /// Hands in one result, with others that come at the same time.
    ///
    /// - Returns: False: the lease was lost, and nothing was changed.
    /// - Throws: What is wrong with this result, whatever came with it; `busy` when somebody holds
    ///   its ranker's lock, and the worker is to ask again: waiting here would hold a connection of
    ///   the pool; `unavailable` when this coordinator stops.
    public func complete(_ result: EvaluationResult) async throws(LanguageSystemError) -> Bool {
        if hasEnded { throw .resultNotTaken() }
        return try await withCheckedContinuation { answer in
            waiting.append(Waiting(result: result, answer: answer))
            signal.yield()
        }.get()
    }

    /// What the next transaction takes; nil: nothing waits, or as many as may be are under way.
    private func nextBatch() -> [Waiting]? {
        guard !waiting.isEmpty, transactionCount < Self.transactionCountMax else { return nil }
        transactionCount += 1
        let batch = Array(waiting.prefix(Self.countMax))
        waiting.removeFirst(batch.count)
        return batch
    }

    private func takeAlone() -> [Waiting] {
        defer { alone = [] }
        return alone
    }

    private func complete(_ batch: [Waiting]) async {
        do {
            let counted = try await ledger.completeEvaluations(batch.map(\.result))
            for (one, isCounted) in zip(batch, counted) {
                one.answer.resume(returning: .success(isCounted))
            }
        } catch  where Task.isCancelled {
            // Not whoever handed it in has left: this coordinator stops.
            for one in batch { one.answer.resume(returning: .failure(.resultNotTaken())) }
        } catch  where batch.count == 1 {
            batch[0].answer.resume(returning: .failure(error))
        } catch {
            // One of them was refused, or its ranker is locked by somebody: each for itself, and
            // those that come next do not wait for them.
            alone += batch
        }
    }

    private func transactionEnded() {
        transactionCount -= 1
        signal.yield()
    }
}

extension LanguageSystemError {
    static func resultNotTaken() -> Self {
        Self(
            .unavailable, "cannot take a result: this coordinator stops",
            hint: "the worker sends it again, to any coordinator")
    }
}
