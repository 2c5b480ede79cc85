// What becomes of a call whose connection ends under it.
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Synchronization
import Testing
import WorkerWire

@testable import EdgeWork

@Suite struct `Calls to the coordinator` {
    /// Nobody runs its connections: a call on it waits until it is cancelled.
    func idleClient() throws -> WorkerClient {
        WorkerClient(
            wrapping: GRPCClient(
                transport: try HTTP2ClientTransport.Posix(
                    target: .ipv4(address: "127.0.0.1", port: 9),
                    transportSecurity: .plaintext)))
    }

    @Test(.timeLimit(.minutes(20)))
    func `a call that the transport forgets is made again on the next connection`() async throws {
        let link = CoordinatorLink()
        let first = try idleClient()
        await link.open(first)
        let (begun, began) = AsyncStream.makeStream(of: Void.self)
        let count = Atomic(0)
        async let answer = link.call { client in
            guard count.add(1, ordering: .relaxed).newValue == 1 else { return "answered" }
            began.yield()
            _ = try await client.failAttempt(.init())
            return "never"
        }
        for await _ in begun { break }
        await link.close()
        await link.open(try idleClient())
        #expect(try await answer == "answered")
        #expect(count.load(ordering: .relaxed) == 2)
    }

    @Test(.timeLimit(.minutes(20)))
    func `a call ends with its caller`() async throws {
        let link = CoordinatorLink()
        await link.open(try idleClient())
        let call = Task { try await link.call { _ = try await $0.failAttempt(.init()) } }
        call.cancel()
        await #expect(throws: (any Error).self) { try await call.value }
    }

    @Test(.timeLimit(.minutes(20)))
    func `a call ends with the worker, whether it waits or is under way`() async throws {
        for isOpen in [false, true] {
            let link = CoordinatorLink()
            if isOpen { await link.open(try idleClient()) }
            let call = Task { try await link.call { _ = try await $0.failAttempt(.init()) } }
            await link.shutDown()
            await #expect(throws: CancellationError.self) { try await call.value }
        }
    }

    @Test func `a call that is refused is not made again`() async throws {
        let link = CoordinatorLink()
        await link.open(try idleClient())
        let count = Atomic(0)
        await #expect(throws: (any Error).self) {
            try await link.call { _ in
                count.add(1, ordering: .relaxed)
                throw RPCError(code: .permissionDenied, message: "no")
            }
        }
        #expect(count.load(ordering: .relaxed) == 1)
    }
}
