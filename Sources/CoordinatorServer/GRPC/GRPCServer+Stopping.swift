// Cancelling a server while a connection or a stream is being opened ends the program: what was
// accepted and not yet taken is dropped, and NIOAsyncWriter insists on being finished. So a
// cancellation is a graceful shutdown first, after which nothing is being opened any more.
import GRPCCore
import GRPCNIOTransportHTTP2Posix

extension GRPCServer<CheckedServerTransport> {
    /// What is under way when it is cancelled gets so long to end.
    private static var grace: Duration { .seconds(1) }

    /// Serves until it is asked to shut down, or cancelled.
    func serveUntilStopped() async throws {
        // Not structured: its cancellation must come later than ours.
        let serving = Task { try await serve() }
        try await withTaskCancellationHandler {
            try await serving.value
        } onCancel: {
            beginGracefulShutdown()
            Task {
                try? await Task.sleep(for: Self.grace)
                serving.cancel()
            }
        }
    }
}
