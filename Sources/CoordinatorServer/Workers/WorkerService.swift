// The workers' calls, translated: messages to values, values to messages. What is leased to whom
// is decided by dispatch, what a bad result is by ResultIntake, what counts by the ledger.
import Coordination
import GRPCCore
import LanguageSystem
import Ledger
import PKI
import WorkerWire

struct WorkerService: Languagesystem_V1_WorkerService.SimpleServiceProtocol {
    let hub: DispatchHub
    let results: ResultIntake
    let ledger: LedgerStore
    let enrolment: Enrolment
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
        else { throw LanguageSystemError.sessionWithoutHello(worker.name) }
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
        case .hello, .localData: throw LanguageSystemError.unexpectedMessage()
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
        guard let first = try await parts.next() else { throw LanguageSystemError.uploadCut() }
        let header = try await results.reviewing(from: worker, nil) {
            guard case .header(let header) = first.message else {
                throw LanguageSystemError.unexpectedMessage()
            }
            return try TrainingResultHeader(header)
        }
        if header.weightsStay {
            return Languagesystem_V1_CompletionReply(
                try await results.completeTrainingAtEdge(by: worker, header))
        }
        var upload = try await results.reviewing(from: worker, nil) { try WeightsUpload(header) }
        // The iterator and the upload are used by this call alone.
        let completion = try await budget.lending(upload.byteCount, to: worker.id) {
            let weights = try await results.reviewing(from: worker, header.token) {
                while let part = try await parts.next() {
                    guard case .chunk(let chunk) = part.message else {
                        throw LanguageSystemError.unexpectedMessage()
                    }
                    try upload.append(try BlobChunk(chunk))
                }
                return try upload.verified()
            }
            return try await results.completeTraining(by: worker, header, weights: weights)
        }
        return Languagesystem_V1_CompletionReply(completion)
    }

    func completeEvaluation(
        request: Languagesystem_V1_EvaluationResult, context: ServerContext
    ) async throws -> Languagesystem_V1_CompletionReply {
        let worker = context.worker
        let token = try await token(request.leaseToken, of: worker)
        let reports = try await results.reviewing(from: worker, token) {
            try [EvaluationResultReport](request)
        }
        let counted = try await results.completeEvaluation(by: worker, token, reports)
        return Languagesystem_V1_CompletionReply(Completion(counted: counted, versionID: nil))
    }

    func failAttempt(
        request: Languagesystem_V1_FailAttemptRequest, context: ServerContext
    ) async throws -> Languagesystem_V1_FailAttemptReply {
        let worker = context.worker
        let token = try await token(request.leaseToken, of: worker)
        var reply = Languagesystem_V1_FailAttemptReply()
        reply.counted = try await results.failAttempt(
            by: worker, token, code: WireLimits.line(request.code),
            message: WireLimits.line(request.message), retryable: request.retryable)
        return reply
    }

    private func token(_ wire: String, of worker: Worker) async throws -> LeaseToken {
        try await results.reviewing(from: worker, nil) { try LeaseToken(wire: wire) }
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

extension LanguageSystemError {
    static func sessionWithoutHello(_ worker: String) -> Self {
        Self(
            .invalidArgument, "cannot open a session for \(worker): its first message is not Hello")
    }

    static func unexpectedMessage() -> Self {
        Self(
            .invalidArgument, "cannot follow this call: found a message out of its place",
            hint: "are lsworker and lscoord of the same version?")
    }
}
