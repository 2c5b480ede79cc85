// A machine that speaks the protocol with an identity it has, or had, and does none of the work:
// what it is told, what it may read, and how its session ends.
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import Logging
import PKI
import WorkerWire

@testable import EdgeWork

actor StrangeMachine {
    private let client: GRPCClient<HTTP2ClientTransport.Posix>
    private let service: WorkerClient
    private let running: Task<Void, any Error>
    private var session: Task<Void, Never>?
    private var input: AsyncStream<WorkerEvent>.Continuation?
    private(set) var notices: [CoordinatorCommand] = []
    private(set) var isWelcome = false
    private(set) var isOver = false
    /// Why the session ended, when that was said.
    private(set) var reason: LanguageSystemError?
    private let identity: WorkerIdentity

    /// Joins as lsworker does; in a state directory with a key, with that key.
    static func join(_ restPort: Int, token: String, state: URL) async throws -> StrangeMachine {
        try StrangeMachine(
            try await Joining(
                address: try CoordinatorAddress("localhost:\(restPort)"),
                token: try JoinToken(token), name: nil,
                logger: Logger(label: "strange") { _ in SwiftLogNoOpLogHandler() }
            ).join(StateDirectory(state.path)))
    }

    /// The identity that a state directory holds.
    init(_ identity: WorkerIdentity) throws {
        self.identity = identity
        let client = GRPCClient(transport: try identity.transport())
        self.client = client
        service = WorkerClient(wrapping: client)
        running = Task { try await client.runConnections() }
    }

    var leases: [TaskLease] {
        notices.compactMap { if case .begin(let work) = $0 { work } else { nil } }
    }

    var suggested: [BlobReference] {
        notices.flatMap { notice -> [BlobReference] in
            if case .prefetch(let blobs) = notice { blobs } else { [] }
        }
    }

    /// Opens a session and waits for the welcome, or for its end.
    func open(_ instance: String = UUID().uuidString, place: String = "strange") async throws {
        let (reports, input) = AsyncStream.makeStream(of: WorkerEvent.self)
        self.input = input
        (isWelcome, isOver, reason, notices) = (false, false, nil, [])
        input.yield(
            .hello(
                WorkerHello(
                    programVersion: "strange", capacity: 1, taskKinds: [.train], heldDigests: [],
                    heldLeases: [], reranks: true)))
        let metadata = WorkerProcess(instance: instance, place: place)?.metadata ?? [:]
        let service = service
        session = Task {
            do {
                try await service.session(metadata: metadata) { writer in
                    for await report in reports {
                        try await writer.write(Languagesystem_V1_WorkerMessage(report))
                    }
                } onResponse: { response in
                    for try await message in response.messages {
                        await self.heard(try CoordinatorCommand(message))
                    }
                }
                self.ended(nil)
            } catch let error as RPCError {
                self.ended(LanguageSystemError(error))
            } catch {
                self.ended(LanguageSystemError(.internal, "\(error)"))
            }
        }
        let deadline = Patience.end(of: 20)
        while !isWelcome, !isOver, .now < deadline { try await Task.sleep(for: .milliseconds(10)) }
    }

    func say(_ report: WorkerEvent) { input?.yield(report) }

    /// - Returns: How many bytes came.
    /// - Throws: What the coordinator says.
    func fetch(_ digest: LanguageSystem.Digest) async throws -> Int {
        do {
            return try await service.fetchBlob(
                Languagesystem_V1_FetchBlobRequest(digest: digest, offset: 0)
            ) { response in
                var count = 0
                for try await message in response.messages {
                    count += try BlobChunk(message).bytes.count
                }
                return count
            }
        } catch let error as RPCError {
            throw LanguageSystemError(error)
        }
    }

    /// A fresh certificate, which it does not use.
    func renew() async throws {
        var request = Languagesystem_V1_RenewCertificateRequest()
        request.certificateRequest = Data(
            try identity.key.certificateRequest(name: identity.workerName))
        do {
            _ = try await service.renewCertificate(request)
        } catch let error as RPCError {
            throw LanguageSystemError(error)
        }
    }

    func leave() {
        input?.finish()
        session?.cancel()
        running.cancel()
    }

    private func heard(_ notice: CoordinatorCommand) {
        if case .welcome = notice { isWelcome = true }
        notices.append(notice)
    }

    private func ended(_ reason: LanguageSystemError?) {
        self.reason = reason
        isOver = true
    }
}
