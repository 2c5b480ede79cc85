// Takes what workers hand in: trained weights, evaluations, failures. ResultReview says what is
// bad, the ledger what counts and who is shut out; here both are asked, in order, and dispatch
// hears that a place is free. Knows no wire: who calls has translated.
import CoreMetrics
public import LanguageSystem
public import Ledger
public import Logging
import Rankers

public struct ResultIntake: Sendable {
    private let ledger: LedgerStore
    private let hub: DispatchHub
    private let batcher: EvaluationBatcher
    private let logger: Logger

    public init(ledger: LedgerStore, hub: DispatchHub, logger: Logger) {
        self.ledger = ledger
        self.hub = hub
        self.logger = logger
        batcher = EvaluationBatcher(ledger: ledger)
    }

    /// Takes evaluations, many in one transaction, until the task is cancelled.
    public func run() async { await batcher.run() }

    /// Runs what reads a worker's result. A result that is refused for what is in it is kept in the
    /// audit log and fails the attempt. Whose fault it was, the worker's or the data's,
    /// ls.refuse_result() says.
    ///
    /// - Parameter token: Nil as long as it has not been read.
    /// - Throws: What `body` throws.
    public func reviewing<Value>(
        from worker: Worker, _ token: LeaseToken?, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let refusal as LanguageSystemError where ResultReview.isOfContent(refusal) {
            logger.warning(
                "result refused",
                metadata: ["worker": "\(worker.name)", "reason": "\(refusal.message)"])
            do {
                if try await ledger.refuseResult(of: worker.id, token, refusal) {
                    logger.error("worker in quarantine", metadata: ["worker": "\(worker.name)"])
                }
            } catch {
                // Its attempt ends with its lease; what is lost is a line of the audit log.
                logger.error(
                    "cannot record a refused result",
                    metadata: ["worker": "\(worker.name)", "error": "\(error)"])
            }
            if let token { await hub.attemptEnded(token, of: worker.id) }
            throw refusal
        }
    }

    /// Takes weights that were trained, whole and with the digest that their header says. NaN,
    /// absurd shapes, a truncated file, another ranker's: refused here, with a sentence, before SQL
    /// sees them.
    public func completeTraining(
        by worker: Worker, _ header: TrainingResultHeader, weights: [UInt8]
    ) async throws -> Completion {
        let completion = try await reviewing(from: worker, header.token) {
            let found = try RankerWeights(safetensors: weights)
            try ResultReview.check(
                found,
                leasedFor: try await ledger.leasedRankerConfiguration(of: worker.id, header.token))
            return try await ledger.completeTraining(
                by: worker.id, header.token, digest: header.digest, weights: weights,
                report: header.report)
        }
        await hub.attemptEnded(header.token, of: worker.id)
        return completion
    }

    /// Takes what is told of weights that stay with their worker: digest, size and report. Whether
    /// the ranker is an edge-only one is the ledger's to say.
    public func completeTrainingAtEdge(
        by worker: Worker, _ header: TrainingResultHeader
    ) async throws -> Completion {
        let completion = try await reviewing(from: worker, header.token) {
            try await ledger.completeTraining(
                by: worker.id, header.token, digest: header.digest, weights: nil,
                report: header.report, byteCount: header.byteCount)
        }
        await hub.attemptEnded(header.token, of: worker.id)
        return completion
    }

    /// Takes the figures of an evaluate task.
    ///
    /// - Returns: Whether they count; otherwise the lease was lost.
    public func completeEvaluation(
        by worker: Worker, _ token: LeaseToken, _ reports: [EvaluationResultReport]
    ) async throws -> Bool {
        let counted = try await reviewing(from: worker, token) {
            try await batcher.complete(
                EvaluationResult(worker: worker.id, token: token, reports: reports))
        }
        await hub.attemptEnded(token, of: worker.id)
        return counted
    }

    /// Takes a worker's word that an attempt failed, and looks for itself where it calls that
    /// final.
    ///
    /// - Parameters:
    ///   - code: One line, as `message`.
    ///   - retryable: Whether the worker says that another attempt may do better.
    /// - Returns: Whether it counts; otherwise the lease was lost.
    public func failAttempt(
        by worker: Worker, _ token: LeaseToken, code: String, message: String, retryable: Bool
    ) async throws -> Bool {
        let work = retryable ? nil : try await ledger.leasedWork(of: worker.id, token)
        let judgement = work.flatMap {
            ResultReview.judgement(code: code, message: message, of: $0)
        }
        let counted = try await reviewing(from: worker, token) {
            try await ledger.failAttempt(
                by: worker.id, token, code: code, message: message, retryable: retryable,
                judgement: judgement)
        }
        await hub.attemptEnded(token, of: worker.id)
        Counter(label: "ls_attempts_failed_total").increment()
        logger.warning(
            "attempt failed",
            metadata: [
                "worker": "\(worker.name)", "code": "\(code)", "message": "\(message)",
                "counted": "\(counted)", "judgement": "\(judgement?.rawValue ?? "-")",
            ])
        return counted
    }
}
