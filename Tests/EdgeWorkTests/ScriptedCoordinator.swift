// A real gRPC server over real mutual TLS, that does what a test says and remembers what it heard.
import Crypto
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import PKI
import SwiftProtobuf
import Testing
import WorkerWire

@testable import EdgeWork

/// Asks again and again; a test never waits longer than it must. The limit only tells a hang, since
/// a machine may be busy.
func eventually(
    _ what: String, within limit: Duration = .seconds(180),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        try #require(
            ContinuousClock.now < deadline, "\(what): not within \(limit)",
            sourceLocation: sourceLocation)
        try await Task.sleep(for: .milliseconds(10))
    }
}

actor ScriptedCoordinator {
    struct Upload: Sendable {
        var header: TrainingResultHeader
        var bytes: [UInt8]
    }

    nonisolated let authority: CertificateAuthority
    private(set) var port: Int
    private var server: GRPCServer<HTTP2ServerTransport.Posix>?
    private var serving: Task<Void, any Error>?
    private var outbound: AsyncStream<CoordinatorCommand>.Continuation?

    // What it heard.
    private(set) var hellos: [WorkerHello] = []
    private(set) var heartbeats: [[LeaseProgress]] = []
    private(set) var inventories: [[LanguageSystem.Digest]] = []
    private(set) var isDraining = false
    private(set) var uploads: [Upload] = []
    private(set) var evaluations: [[EvaluationResultReport]] = []
    private(set) var failures: [Languagesystem_V1_FailAttemptRequest] = []
    private(set) var fetches: [Int64] = []
    private(set) var renewalCount = 0
    private(set) var serials: Set<String> = []
    private(set) var offers: [LocalData] = []
    private(set) var availabilities: [Bool] = []
    private(set) var rerankAnswers: [EdgeRerankReply] = []
    /// Every byte of every message that a worker sent, before encryption.
    private(set) var wire: [UInt8] = []

    // What it does.
    private var blobs: [LanguageSystem.Digest: [UInt8]] = [:]
    /// The next fetch breaks after so many bytes.
    private var breakFetchAfter: Int?
    /// The next fetch sends damaged bytes.
    private var damageNextFetch = false
    private var breakNextUpload = false
    private var refusal: LanguageSystemError?
    private var hasStarted = false

    /// - Parameter port: By default one that the system gives to no outgoing connection: it is
    ///   opened again after a stop.
    init(authority: CertificateAuthority, port: Int = .random(in: 15_000..<32_000)) {
        self.authority = authority
        self.port = port
    }

    /// The next of them breaks (a fetch after so many bytes) or brings damaged bytes.
    func breakNextFetch(after byteCount: Int) { breakFetchAfter = byteCount }
    func damageNextFetchOnce() { damageNextFetch = true }
    func breakNextUploadOnce() { breakNextUpload = true }
    /// Every call from now on.
    func refuse(_ error: LanguageSystemError) { refusal = error }

    func add(_ content: [UInt8], name: String) -> BlobReference {
        let digest = LanguageSystem.Digest(bytes: SHA256.hash(data: content))!
        blobs[digest] = content
        return BlobReference(digest: digest, byteCount: Int64(content.count), name: name)
    }

    var sessionIsOpen: Bool { outbound != nil }

    func say(_ notice: CoordinatorCommand) { outbound?.yield(notice) }

    /// - Parameter issuer: Whose server certificate is shown; another authority's is an impostor's.
    func start(names: [String] = ["localhost", "127.0.0.1"], issuer: CertificateAuthority? = nil)
        async throws
    {
        var failureCount = 0
        while true {
            do {
                try await listen(names: names, issuer: issuer)
                hasStarted = true
                return
            } catch {
                await stop()
                failureCount += 1
                // Another test, or another program, has the port. Again there, if workers know it.
                guard failureCount < 100 else { throw error }
                if hasStarted {
                    try await Task.sleep(for: .milliseconds(100))
                } else {
                    port = .random(in: 15_000..<32_000)
                }
            }
        }
    }

    private func listen(names: [String], issuer: CertificateAuthority?) async throws {
        let certificate = try (issuer ?? authority).issueServerCertificate(names: names)
        let transport = HTTP2ServerTransport.Posix(
            address: .ipv4(host: "127.0.0.1", port: port),
            transportSecurity: .mTLS(
                certificateChain: certificate.chain.map { .bytes(Array($0.utf8), format: .pem) },
                privateKey: .bytes(Array(certificate.keyPEM.utf8), format: .pem)
            ) {
                $0.trustRoots = .certificates([
                    .bytes(Array(authority.trustedPEM.utf8), format: .pem)
                ])
                $0.requireALPN = true
            },
            config: .defaults { $0.rpc.maxRequestPayloadSize = WireLimits.messageByteCountMax })
        let server = GRPCServer(transport: transport, services: [Service(script: self)])
        self.server = server
        serving = Task { try await server.serve() }
        port = try #require(try await transport.listeningAddress.ipv4?.port)
    }

    /// Ends what is under way at once. Not by cancelling alone: a server that is cancelled while
    /// a stream is being opened drops it, and ends the program.
    func stop() async {
        outbound?.finish()
        outbound = nil
        server?.beginGracefulShutdown()
        if let serving {
            let cancelling = Task {
                try await Task.sleep(for: .milliseconds(300))
                serving.cancel()
            }
            _ = await serving.result
            cancelling.cancel()
        }
        serving = nil
        server = nil
    }

    fileprivate func opened(_ hello: WorkerHello) -> AsyncStream<CoordinatorCommand> {
        hellos.append(hello)
        let (stream, outbound) = AsyncStream.makeStream(of: CoordinatorCommand.self)
        self.outbound = outbound
        outbound.yield(
            .welcome(
                workerName: "edge-1", coordinatorVersion: "test",
                heartbeatInterval: .milliseconds(100)))
        return stream
    }

    fileprivate func record(_ message: some SwiftProtobuf.Message) throws {
        wire += try message.serializedBytes() as [UInt8]
    }

    fileprivate func heard(_ report: WorkerEvent) {
        switch report {
        case .hello: break
        case .heartbeat(let leases):
            heartbeats.append(leases)
            outbound?.yield(.stop(lost: [], cancelled: [], leaseDuration: .seconds(10)))
        case .inventory(let digests): inventories.append(digests)
        case .draining: isDraining = true
        case .localData(let data): offers.append(data)
        case .availability(let takesTasks): availabilities.append(takesTasks)
        case .reranked(let answer): rerankAnswers.append(answer)
        }
    }

    fileprivate func checkCaller(_ context: ServerContext) throws {
        let transport = context.transportSpecific as? HTTP2ServerTransport.Posix.Context
        let identity = try PeerIdentity(try #require(transport?.peerCertificate))
        serials.insert(identity.serial)
        if let refusal { throw RPCError(refusal) }
    }

    fileprivate func fetch(_ digest: LanguageSystem.Digest, _ offset: Int64) throws -> (
        pieces: [BlobChunk], breaks: Bool
    ) {
        fetches.append(offset)
        guard var content = blobs[digest] else {
            throw RPCError(LanguageSystemError(.unknownFeatureSet, "no such blob"))
        }
        if damageNextFetch {
            damageNextFetch = false
            content[content.count / 2] ^= 1
        }
        var end = content.count
        if let limit = breakFetchAfter { end = min(end, Int(offset) + limit) }
        let breaks = breakFetchAfter != nil
        breakFetchAfter = nil
        return (
            stride(from: Int(offset), to: end, by: 100_000).map {
                BlobChunk(
                    offset: Int64($0), bytes: Array(content[$0..<min($0 + 100_000, end)]),
                    byteCount: Int64(content.count))
            }, breaks
        )
    }

    fileprivate func uploadMayFinish() -> Bool {
        defer { breakNextUpload = false }
        return !breakNextUpload
    }

    fileprivate func uploaded(_ upload: Upload) -> Completion {
        uploads.append(upload)
        return Completion(counted: true, versionID: RankerVersionID(77))
    }

    fileprivate func evaluated(_ reports: [EvaluationResultReport]) -> Completion {
        evaluations.append(reports)
        return Completion(counted: true, versionID: nil)
    }

    fileprivate func failed(_ request: Languagesystem_V1_FailAttemptRequest) {
        failures.append(request)
    }

    fileprivate func renew(_ der: [UInt8]) throws -> String {
        renewalCount += 1
        return try authority.issueWorkerCertificate(
            try authority.check(certificateRequest: der), workerName: "edge-1"
        ).chainPEM
    }
}

private struct Service: Languagesystem_V1_WorkerService.SimpleServiceProtocol {
    let script: ScriptedCoordinator

    func session(
        request: RPCAsyncSequence<Languagesystem_V1_WorkerMessage, any Error>,
        response: RPCWriter<Languagesystem_V1_CoordinatorMessage>, context: ServerContext
    ) async throws {
        try await script.checkCaller(context)
        var messages = request.makeAsyncIterator()
        guard case .hello(let hello)? = try await messages.next().map({ try WorkerEvent($0) })
        else {
            throw RPCError(code: .invalidArgument, message: "no hello")
        }
        let notices = await script.opened(hello)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await notice in notices {
                    try await response.write(Languagesystem_V1_CoordinatorMessage(notice))
                }
            }
            nonisolated(unsafe) var messages = messages
            group.addTask {
                while let message = try await messages.next() {
                    try await script.record(message)
                    await script.heard(try WorkerEvent(message))
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    func fetchBlob(
        request: Languagesystem_V1_FetchBlobRequest,
        response: RPCWriter<Languagesystem_V1_BlobChunk>,
        context: ServerContext
    ) async throws {
        try await script.checkCaller(context)
        let (pieces, breaks) = try await script.fetch(
            try Digest(wire: request.digest), Int64(request.offset))
        for piece in pieces { try await response.write(Languagesystem_V1_BlobChunk(piece)) }
        if breaks { throw RPCError(code: .unavailable, message: "the line went dead") }
    }

    func completeTraining(
        request: RPCAsyncSequence<Languagesystem_V1_TrainingUpload, any Error>,
        context: ServerContext
    ) async throws -> Languagesystem_V1_CompletionReply {
        try await script.checkCaller(context)
        var upload: ScriptedCoordinator.Upload?
        for try await part in request {
            try await script.record(part)
            switch part.message {
            case .header(let header):
                upload = .init(header: try TrainingResultHeader(header), bytes: [])
            case .chunk(let chunk):
                let piece = try BlobChunk(chunk)
                try #require(Int(piece.offset) == upload?.bytes.count)
                upload?.bytes += piece.bytes
                if await !script.uploadMayFinish() {
                    throw RPCError(code: .unavailable, message: "the line went dead")
                }
            case nil: break
            }
        }
        return Languagesystem_V1_CompletionReply(await script.uploaded(try #require(upload)))
    }

    func completeEvaluation(request: Languagesystem_V1_EvaluationResult, context: ServerContext)
        async throws
        -> Languagesystem_V1_CompletionReply
    {
        try await script.record(request)
        return Languagesystem_V1_CompletionReply(
            await script.evaluated(try [EvaluationResultReport](request)))
    }

    func failAttempt(request: Languagesystem_V1_FailAttemptRequest, context: ServerContext)
        async throws
        -> Languagesystem_V1_FailAttemptReply
    {
        try await script.record(request)
        await script.failed(request)
        return .with { $0.counted = true }
    }

    func renewCertificate(
        request: Languagesystem_V1_RenewCertificateRequest, context: ServerContext
    ) async throws
        -> Languagesystem_V1_RenewCertificateReply
    {
        let chain = try await script.renew([UInt8](request.certificateRequest))
        return .with { $0.certificateChain = chain }
    }
}
