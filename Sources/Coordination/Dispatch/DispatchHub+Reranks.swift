// Reranks at the edge: asks a connected worker, and waits for it no longer than the deadline.
// Nothing here waits for the database, and the hub itself never does while it holds its turn.
import Concurrency
public import LanguageSystem
import Logging

extension DispatchHub {
    /// Has `worker` score `work`, if it is connected here, its owner allows it, and its program
    /// combines signals where there are any. Always answers by the deadline; when the caller is
    /// cancelled, at once.
    public nonisolated func rerank(
        on worker: WorkerID, _ work: EdgeRerank, within deadline: Duration
    ) async -> EdgeRerankResult {
        // From here on: also the wait for the hub's turn counts.
        await rerank(on: worker, work, until: ContinuousClock.now + deadline)
    }

    private func rerank(
        on worker: WorkerID, _ work: EdgeRerank, until deadline: ContinuousClock.Instant
    ) async -> EdgeRerankResult {
        guard let id = sessionOfWorker[worker], let session = sessions[id], session.reranks,
            !session.state.isDraining
        else { return .unreachable }
        guard session.combinesSignals || work.signals == nil else {
            return .refused(.cannotCombineSignals())
        }
        let number: EdgeReranks.Number
        switch edgeReranks.ask(work, of: id, until: deadline, at: clock.now) {
        case .accepted(let accepted): number = accepted
        case .ended(let answer): return answer
        }
        guard case .enqueued = session.outbound.yield(.rerank(number)) else {
            edgeReranks.withdraw(number)
            return .busy
        }
        let (answers, input) = AsyncStream.makeStream(
            of: EdgeRerankResult.self, bufferingPolicy: .bufferingOldest(1))
        rerankWaiters[number] = input
        defer { rerankWaiters[number] = nil }
        let first = try? await withDeadline(deadline, clock: clock) {
            // Nil: whoever asked has left.
            Answer(result: await answers.first { _ in true })
        }
        guard let first else {
            edgeReranks.expire(number)
            return .late
        }
        guard let answer = first.result else {
            edgeReranks.cancel(number)
            return .refused(.rerankCancelled())
        }
        if case .refused(let error) = answer { note(error, of: work, by: session.worker) }
        return answer
    }

    private struct Answer: Sendable {
        let result: EdgeRerankResult?
    }

    /// Takes the next of the session's queue, if somebody still waits for it.
    public func takeRerank(_ number: EdgeReranks.Number, for id: SessionID) -> EdgeRerankOrder? {
        edgeReranks.take(number, for: id, at: clock.now)
    }

    /// Takes what the worker of session `id` says of a rerank.
    public func rerankAnswered(
        _ reply: EdgeRerankReply, by id: SessionID
    ) {
        if let answer = edgeReranks.answer(reply.number, by: id, reply.result) {
            wake(reply.number, answer)
        }
    }

    /// How many answers of workers came when nobody waited for them any more, since this program
    /// started.
    public var lateRerankAnswerCount: Int { edgeReranks.lateAnswerCount }

    func endReranks(of id: SessionID) {
        for number in edgeReranks.endSession(id) { wake(number, .unreachable) }
    }

    /// Tells whoever waits; the first answer counts.
    private func wake(_ number: EdgeReranks.Number, _ answer: EdgeRerankResult) {
        rerankWaiters[number]?.yield(answer)
    }

    private func note(_ error: LanguageSystemError, of work: EdgeRerank, by worker: Worker) {
        switch error.code {
        // It fetches the weights; or it is the request that is at fault.
        case .unavailable, .invalidFeatures, .cancelled: return
        default:
            logger.warning(
                "a worker cannot rerank",
                metadata: [
                    "worker": "\(worker.name)", "ranker": "\(work.rankerName)",
                    "reason": "\(error.message)",
                ])
        }
    }
}

extension LanguageSystemError {
    static func cannotCombineSignals() -> Self {
        Self(
            .forbiddenTransition,
            "cannot rerank with signals: the worker's program is older than they are",
            hint: "update lsworker there")
    }

    static func rerankCancelled() -> Self {
        Self(.cancelled, "cannot rerank: whoever asked has left")
    }
}
