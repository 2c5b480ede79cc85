// Runs the HTTPS application and leaves without failing a request: first it is not ready, so that a
// balancer looks elsewhere; then it stops listening and every answer says that its connection ends;
// connections that are still there after that are closed.
import Concurrency
import Hummingbird
import Logging
import NIOCore
public import ServiceLifecycle

public struct RestService: Service {
    let application: any ApplicationProtocol
    public let admission: Admission
    /// The channel that accepts connections, once there is one.
    let listener: Locked<(any Channel)?>
    let drainLead: Duration
    let drainDuration: Duration
    let logger: Logger

    public func run() async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: application)], gracefulShutdownSignals: [],
                logger: logger))
        // Detached: otherwise the application would hear of the shutdown at once, and close idle
        // connections.
        let running = Task.detached { try await group.run() }
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                guard (try? await gracefulShutdown()) != nil else { return }
                await drain()
                await group.triggerGracefulShutdown()
            }
            await withTaskCancellationHandler {
                _ = await running.result
            } onCancel: {
                running.cancel()
            }
            tasks.cancelAll()
        }
        do {
            try await running.value
        } catch is ServiceGroupError where admission.isLeaving {
            // The server ended with its last connection, before it was told to.
        }
    }

    private func drain() async {
        admission.beginLeaving()
        try? await Task.sleep(for: drainLead)
        admission.beginEndingConnections()
        // Connections that are open stay.
        try? await listener.withLock { $0 }?.close()
        try? await Task.sleep(for: drainDuration)
    }
}
