// Runs the HTTPS application and leaves without failing a request: first it is not ready, so that a
// balancer looks elsewhere; then it stops listening and every answer says that its connection ends;
// connections that are still there after that are closed.
import Foundation
import Hummingbird
import Logging
import NIOCore
public import ServiceLifecycle

/// The channel that accepts connections, once there is one.
/// Unchecked: what changes is behind the lock.
final class Listener: @unchecked Sendable {
    private let lock = NSLock()
    private var channel: (any Channel)?

    func set(_ channel: any Channel) { lock.withLock { self.channel = channel } }

    /// Connections that are open stay.
    func close() async { try? await lock.withLock { channel }?.close() }
}

public struct RestService: Service {
    let application: any ApplicationProtocol
    public let admission: Admission
    let listener: Listener
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
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                do {
                    try await running.value
                } catch is ServiceGroupError where admission.isLeaving {
                    // The server ended with its last connection, before it was told to.
                }
            } onGracefulShutdown: {
                admission.beginLeaving()
                Task.detached {
                    try? await Task.sleep(for: drainLead)
                    admission.beginEndingConnections()
                    await listener.close()
                    try? await Task.sleep(for: drainDuration)
                    await group.triggerGracefulShutdown()
                }
            }
        } onCancel: {
            running.cancel()
        }
    }
}
