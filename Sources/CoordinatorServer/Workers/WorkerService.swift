// The workers' calls, translated: messages to values, values to messages. What is leased to whom
// is decided by dispatch, what counts by the ledger; here, sizes and digests are held to their
// word.
import Coordination
import struct Crypto.SHA256
import GRPCCore
import LanguageSystem
import Ledger
import Logging
import CoreMetrics
import PKI
import Rankers
import WorkerWire

struct WorkerService: Languagesystem_V1_WorkerService.SimpleServiceProtocol {
    let hub: DispatchHub
    let batcher: EvaluationBatcher
    let ledger: LedgerStore
    let enrolment: Enrolment
    let logger: Logger
    /// One worker's largest upload and eight downloads at once; four such workers.
    let budget = WorkerBudget(
        TransferBudget(
            workerByteCountMax: WeightsUpload.byteCountMax + 16 * WireLimits.chunkByteCount,
            byteCountMax: 4 * (WeightsUpload.byteCountMax + 16 * WireLimits.chunkByteCount)))

    /// Of a blob in one answer: a fifth of what a row holds. Buffers on the way have sizes of
    /// powers of two, and with its frame it just fits 256 KiB; whole rows took 2 MiB at each of six
    /// places.
    private static let chunkByteCount = 205 << 10

    func session(
        request: RPCAsyncSequence<Languagesystem_V1_WorkerMessage, any Error>,
        response: RPCWriter<Languagesystem_V1_CoordinatorMessage>, context: ServerContext
    ) async throws {
        let worker = context.worker
        var messages = request.makeAsyncIterator()
        guard let first = try await messages.next(),
            case .hello(var hello) = try WorkerEvent(first)
        else { throw CoordinatorError.sessionWithoutHello(worker.name) }
        hello.process = context.process
        let (session, outbound) = try await hub.open(worker, hello)
        let endings = await hub.ending(of: session)
        // Taking an offer waits for the database, and a rerank's answer must not wait behind it.
        // The newest offer is the whole list.
        let (offers, offer) = AsyncStream.makeStream(
            of: LocalData.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingTaskGroup(of: SessionPart.self) { group in
            group.addTask {
                for await data in offers {
                    await hub.offerLocalData(session, data.sets, weights: data.weights)
                }
                return .over
            }
            group.addTask {
                // Why dispatch ends it, when the worker is to hear that: at once, not when it has
                // read the rest.
                for await reason in endings { throw reason }
                return .goesOn
            }
            group.addTask {
                for await next in outbound {
                    // Nil: a rerank that nobody waits for any more.
                    guard let command = await command(next, session) else { continue }
                    try await response.write(Languagesystem_V1_CoordinatorMessage(command))
                }
                return .over
            }
            // The iterator is used by this task alone from here on.
            nonisolated(unsafe) var messages = messages
            group.addTask {
                while let message = try await messages.next() {
                    let event = try WorkerEvent(message)
                    if case .localData(let data) = event {
                        offer.yield(data)
                    } else {
                        try await receive(event, session)
                    }
                }
                return .over
            }
            // Either end is the end: the worker left, or dispatch ended the session. Whoever waits
            // for the worker hears it now, not when an offer has been taken.
            var end = await group.nextResult()
            while case .success(.goesOn)? = end { end = await group.nextResult() }
            group.cancelAll()
            await hub.close(session)
            _ = try end?.get()
        }
    }

    /// What the end of one part of a session means for the others.
    private enum SessionPart {
        case over
        case goesOn
    }

    private func command(_ next: DispatchHub.Outbound, _ session: DispatchHub.SessionID) async
        -> CoordinatorCommand?
    {
        switch next {
        case .command(let command): command
        case .rerank(let number):
            await hub.takeRerank(number, for: session).map(CoordinatorCommand.rerank)
        }
    }

    private func receive(_ event: WorkerEvent, _ session: DispatchHub.SessionID) async throws {
        switch event {
        case .heartbeat(let leases): await hub.heartbeat(session, leases)
        case .inventory(let digests): await hub.inventory(session, digests)
        case .draining: await hub.drain(session)
        case .availability(let takesTasks):
            await hub.setAvailability(session, takesTasks: takesTasks)
        case .reranked(let reply): await hub.rerankAnswered(reply, by: session)
        case .hello, .localData: throw CoordinatorError.unexpectedMessage()
        }
    }

    func fetchBlob(
        request: Languagesystem_V1_FetchBlobRequest,
        response: RPCWriter<Languagesystem_V1_BlobChunk>, context: ServerContext
    ) async throws {
        let digest = try Digest(wire: request.digest)
        let isSuggested = try await check(digest, for: context.worker)
        var checkedAt = ContinuousClock.now
        // The writer waits for the worker, so no more is held here than a chunk on its way and the
        // next one, which is read meanwhile.
        try await budget.lending(2 * WireLimits.chunkByteCount, to: context.worker.id) {
            var next: BlobChunk? = try await ledger.readBlob(
                digest, from: Int64(clamping: request.offset),
                byteCountMax: Self.chunkByteCount)
            while let chunk = next {
                async let following =
                    chunk.end >= chunk.byteCount || chunk.bytes.isEmpty
                    ? nil
                    : ledger.readBlob(digest, from: chunk.end, byteCountMax: Self.chunkByteCount)
                try await response.write(Languagesystem_V1_BlobChunk(chunk))
                next = try await following
                // A download may last; a worker that is revoked meanwhile, or whose name joins
                // again or lease ends, gets no more of it. What it was told to fetch ahead it may
                // fetch to the end.
                if checkedAt.duration(to: .now) > .seconds(1) {
                    _ = try await ledger.authenticateWorker(
                        context.worker.name, serial: context.worker.serial)
                    if !isSuggested { try await check(digest, for: context.worker) }
                    checkedAt = .now
                }
            }
        }
    }

    /// - Returns: Whether it was told to fetch this ahead.
    /// - Throws: `unknownFeatureSet` unless it was, or a task that it holds or a ranker that it
    ///   serves needs it.
    @discardableResult
    private func check(_ digest: LanguageSystem.Digest, for worker: Worker) async throws -> Bool {
        if await hub.hasSuggested(digest, to: worker.id) { return true }
        try await ledger.checkBlob(digest, for: worker.id)
        return false
    }

    func completeTraining(
        request: RPCAsyncSequence<Languagesystem_V1_TrainingUpload, any Error>,
        context: ServerContext
    ) async throws -> Languagesystem_V1_CompletionReply {
        let worker = context.worker
        var parts = request.makeAsyncIterator()
        guard let first = try await parts.next() else { throw CoordinatorError.uploadCut() }
        let header = try await taking(from: worker, nil) {
            guard case .header(let header) = first.message else {
                throw CoordinatorError.unexpectedMessage()
            }
            return try TrainingResultHeader(header)
        }
        if header.weightsStay { return try await completeAtHome(header, by: worker) }
        var upload = try await taking(from: worker, nil) { try WeightsUpload(header) }
        let token = upload.token
        // The iterator and the upload are used by this call alone.
        let completion = try await budget.lending(upload.byteCount, to: worker.id) {
            try await taking(from: worker, token) {
                while let part = try await parts.next() {
                    guard case .chunk(let chunk) = part.message else {
                        throw CoordinatorError.unexpectedMessage()
                    }
                    try upload.append(try BlobChunk(chunk))
                }
                let weights = try upload.verified()
                // NaN, absurd shapes, a truncated file, another ranker's: refused here, with a
                // sentence, before SQL sees them.
                try await check(try RankerWeights(safetensors: weights), token, of: worker)
                return try await ledger.completeTraining(
                    by: worker.id, token, digest: upload.digest, weights: weights,
                    report: upload.report)
            }
        }
        await hub.attemptEnded(token, of: worker.id)
        return Languagesystem_V1_CompletionReply(completion)
    }

    /// Of an edge-only ranker: digest, size and report are all that comes. Whether the ranker is
    /// one is the ledger's to say.
    private func completeAtHome(_ header: TrainingResultHeader, by worker: Worker) async throws
        -> Languagesystem_V1_CompletionReply
    {
        let token = header.token
        let completion = try await taking(from: worker, token) {
            try await ledger.completeTraining(
                by: worker.id, token, digest: header.digest, weights: nil, report: header.report,
                byteCount: header.byteCount)
        }
        await hub.attemptEnded(token, of: worker.id)
        return Languagesystem_V1_CompletionReply(completion)
    }

    private func check(_ weights: RankerWeights, _ token: LeaseToken, of worker: Worker)
        async throws
    {
        guard weights.largestMagnitude <= RankerWeights.magnitudeMax else {
            throw CoordinatorError.absurdWeights(weights.largestMagnitude)
        }
        // Without a lease nothing will count, and completeTraining says so.
        guard let json = try await ledger.leasedRankerConfiguration(of: worker.id, token) else {
            return
        }
        let expected = try RankerConfiguration(json: json)
        guard weights.configuration == expected else {
            throw CoordinatorError.weightsOfAnotherRanker(
                found: weights.configuration.json, expected: expected.json)
        }
    }

    func completeEvaluation(
        request: Languagesystem_V1_EvaluationResult, context: ServerContext
    ) async throws -> Languagesystem_V1_CompletionReply {
        let worker = context.worker
        let token = try await taking(from: worker, nil) { try LeaseToken(wire: request.leaseToken) }
        let counted = try await taking(from: worker, token) {
            let reports = try [EvaluationResultReport](request)
            return try await batcher.complete(
                EvaluationResult(worker: worker.id, token: token, reports: reports))
        }
        await hub.attemptEnded(token, of: worker.id)
        return Languagesystem_V1_CompletionReply(Completion(counted: counted, versionID: nil))
    }

    func failAttempt(
        request: Languagesystem_V1_FailAttemptRequest, context: ServerContext
    ) async throws -> Languagesystem_V1_FailAttemptReply {
        let worker = context.worker
        let token = try await taking(from: worker, nil) { try LeaseToken(wire: request.leaseToken) }
        let judgement = try await judgement(of: request, token, worker)
        let counted = try await taking(from: worker, token) {
            try await ledger.failAttempt(
                by: worker.id, token, code: WireLimits.line(request.code),
                message: WireLimits.line(request.message), retryable: request.retryable,
                judgement: judgement)
        }
        await hub.attemptEnded(token, of: worker.id)
        Counter(label: "ls_attempts_failed_total").increment()
        logger.warning(
            "attempt failed",
            metadata: [
                "worker": "\(worker.name)", "code": "\(WireLimits.line(request.code))",
                "message": "\(WireLimits.line(request.message))", "counted": "\(counted)",
                "judgement": "\(judgement?.rawValue ?? "-")",
            ])
        var reply = Languagesystem_V1_FailAttemptReply()
        reply.counted = counted
        return reply
    }

    /// What we see for ourselves of a failure that the worker calls final.
    private func judgement(
        of request: Languagesystem_V1_FailAttemptRequest, _ token: LeaseToken, _ worker: Worker
    ) async throws -> FailureJudgement? {
        guard !request.retryable, let work = try await ledger.leasedWork(of: worker.id, token)
        else { return nil }
        return FailureReview.judgement(code: request.code, message: request.message, of: work)
    }

    /// Runs what takes a worker's result. A result that is refused for what is in it is kept in the
    /// audit log and fails the attempt. Whose fault it was, the worker's or the data's,
    /// ls.refuse_result() says.
    private func taking<Value>(
        from worker: Worker, _ token: LeaseToken?, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let refusal as CoordinatorError where refusal.isOfContent {
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

    func renewCertificate(
        request: Languagesystem_V1_RenewCertificateRequest, context: ServerContext
    ) async throws -> Languagesystem_V1_RenewCertificateReply {
        let chain = try await enrolment.renew(
            context.worker, certificateRequest: [UInt8](request.certificateRequest))
        var reply = Languagesystem_V1_RenewCertificateReply()
        reply.certificateChain = chain
        return reply
    }
}

/// Weights as they arrive: in order, no more than announced, and with the digest announced.
struct WeightsUpload {
    let token: LeaseToken
    let digest: Digest
    let report: String
    let byteCount: Int
    private var bytes: [UInt8] = []

    /// What is held in memory for one upload (WorkerBudget bounds them together); larger rankers
    /// are not for sending around.
    static let byteCountMax = 128 << 20

    init(_ header: TrainingResultHeader) throws(CoordinatorError) {
        guard header.byteCount <= Self.byteCountMax else {
            throw .weightsTooLarge(header.byteCount)
        }
        token = header.token
        digest = header.digest
        report = header.report
        byteCount = Int(header.byteCount)
        bytes.reserveCapacity(min(byteCount, 4 << 20))
    }

    mutating func append(_ chunk: BlobChunk) throws(CoordinatorError) {
        guard chunk.offset == bytes.count, bytes.count + chunk.bytes.count <= byteCount else {
            throw .uploadOutOfOrder(
                offset: chunk.offset, count: chunk.bytes.count, expected: bytes.count, of: byteCount
            )
        }
        bytes += chunk.bytes
    }

    /// - Throws: `unavailable` when the stream ended early: its worker died, or sends it again.
    func verified() throws -> [UInt8] {
        guard bytes.count == byteCount else { throw CoordinatorError.uploadCut() }
        guard Digest(bytes: SHA256.hash(data: bytes)) == digest else {
            throw CoordinatorError.uploadDamaged()
        }
        return bytes
    }
}

extension CoordinatorError {
    static func sessionWithoutHello(_ worker: String) -> Self {
        Self(
            .invalidArgument, "cannot open a session for \(worker): its first message is not Hello")
    }

    static func unexpectedMessage() -> Self {
        Self(
            .invalidArgument, "cannot follow this call: found a message out of its place",
            hint: "are lsworker and lscoord of the same version?")
    }

    static func weightsTooLarge(_ byteCount: Int64) -> Self {
        Self(
            .tooLarge,
            """
            cannot take these weights: found \(byteCount) bytes, expected at most \
            \(WeightsUpload.byteCountMax)
            """
        )
    }

    static func uploadOutOfOrder(offset: Int64, count: Int, expected: Int, of byteCount: Int)
        -> Self
    {
        Self(
            .invalidWeights,
            """
            cannot take these weights: found \(count) bytes at offset \(offset), expected offset \
            \(expected) and \(byteCount) in all
            """
        )
    }

    static func uploadDamaged() -> Self {
        Self(
            .invalidWeights,
            "cannot take these weights: their SHA-256 is another than announced")
    }

    static func uploadCut() -> Self {
        Self(
            .unavailable, "cannot take these weights: the upload ended before they were whole",
            hint: "the worker sends them again")
    }

    static func absurdWeights(_ magnitude: Float) -> Self {
        Self(
            .invalidWeights,
            """
            cannot take these weights: found a number of size \(magnitude), expected at most \
            \(RankerWeights.magnitudeMax)
            """
        )
    }

    static func weightsOfAnotherRanker(found: String, expected: String) -> Self {
        Self(
            .invalidWeights,
            """
            cannot take these weights: found those of \(WireLimits.line(found)), expected \
            \(expected)
            """
        )
    }

    /// What only the sender can be to blame for; not late, not cut off, not our trouble.
    fileprivate var isOfContent: Bool {
        switch code {
        case .invalidArgument, .invalidWeights, .invalidFeatures, .contractMismatch: true
        default: false
        }
    }
}
