// The workers' port itself: it ends in order, and waits for nobody who says nothing.
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import Ledger
import Testing
import WorkerWire

@testable import Coordination
@testable import CoordinatorServer

@Suite(.timeLimit(.minutes(5))) struct `A workers' port that is stopped` {
    @Test func `a workers' port ends in order while calls are being opened`() async throws {
        try await PeerSite.with { site in
            for round in 1...20 {
                let one = try await TestCoordinator.start(
                    "stopped-\(round)", site.ledger, site.database, site.authority)
                let links = site.links()
                let calls = (0..<32).map { _ in
                    Task {
                        _ = await links.rerank(
                            by: site.worker.id, PeerSite.work(), at: site.place(one.port),
                            within: .seconds(5))
                    }
                }
                await one.stop()
                for call in calls { call.cancel() }
                for call in calls { await call.value }
                await links.keep(only: [])
            }
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `A caller that says nothing` {
    typealias Calls = Languagesystem_V1_WorkerService.Client<HTTP2ClientTransport.Posix>

    private static let soon = CallPatience(first: .milliseconds(100), next: .milliseconds(100))

    /// Until whoever waits for it is cancelled.
    @Sendable private static func silence() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        for await _ in stream {}
        withExtendedLifetime(continuation) {}
    }

    @Test(arguments: ["session", "upload", "upload that began"])
    func `a caller that says nothing loses its call`(kind: String) async throws {
        try await PeerSite.with(patience: Self.soon) { site in
            let worker = try await site.workerCertificate()
            let error = try await site.refusal(
                worker.chain, worker.keyPEM, within: .seconds(240)
            ) { client, options in
                let calls = Calls(wrapping: client)
                if kind == "session" {
                    try await calls.session(options: options) { _ in
                        await Self.silence()
                    } onResponse: {
                        for try await _ in $0.messages {}
                    }
                } else {
                    _ = try await calls.completeTraining(options: options) { writer in
                        if kind == "upload that began" {
                            let header = TrainingResultHeader(
                                token: try LeaseToken(wire: UUID().uuidString.lowercased()),
                                digest: Digest(bytes: [UInt8](repeating: 1, count: 32))!,
                                byteCount: 9, report: "{}", weightsStay: false)
                            try await writer.write(Languagesystem_V1_TrainingUpload(header))
                        }
                        await Self.silence()
                    }
                }
            }
            #expect(error.code == .deadlineExceeded)
            #expect(error.message.hasPrefix("cannot follow this call: its next message"))
        }
    }

    @Test func `a silent caller is waited for without end where silence is no fault`() async throws
    {
        let (stream, input) = AsyncThrowingStream.makeStream(
            of: Int.self, throwing: (any Error).self)
        let messages = TimelyMessages(
            base: RPCAsyncSequence(wrapping: stream), first: .seconds(60), next: nil)
        input.yield(1)
        var iterator = messages.makeAsyncIterator()
        #expect(try await iterator.next() == 1)
        input.yield(2)
        input.finish()
        #expect(try await iterator.next() == 2)
        #expect(try await iterator.next() == nil)
    }
}
