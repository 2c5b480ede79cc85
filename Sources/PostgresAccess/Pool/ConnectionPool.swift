// A bounded set of connections and the callers that want one. Decides nothing: PoolState does.
// Here are the lock around it, the threads, the timers and the callers' continuations. Actions are
// done under the lock, so that they happen in the order decided; none of them blocks.
import Concurrency
public import Logging
public import ServiceLifecycle

/// A pool of connections to one PostgreSQL. Each connection has its own thread and serves one
/// caller at a time.
public final class ConnectionPool: Service, Sendable {
    private typealias ConnectionID = PoolState.ConnectionID
    private typealias WaiterID = PoolState.WaiterID

    private struct Lease: Sendable {
        let id: ConnectionID
        let host: ConnectionHost
    }

    private struct Waiter {
        let continuation: CheckedContinuation<Lease, any Error>
        let waits: Duration
        var timer: Task<Void, Never>?
    }

    private struct Shared {
        var state: PoolState
        var hosts: [ConnectionID: ConnectionHost] = [:]
        var waiters: [WaiterID: Waiter] = [:]
        var waiterCount = 0
        var lastFailure: String?
        /// The last permanent failure to connect.
        var refusal: PostgresError?
        /// Whether a connection has succeeded once. Later failures then count as outages, not as
        /// wrong settings.
        var wasConnected = false
        var isClosed = false
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    public let configuration: PoolConfiguration
    let logger: Logger
    private let backoff = Backoff.ofDatabase
    private let shared: Locked<Shared>

    /// Makes a pool without connecting; it connects when a caller needs a connection.
    public init(_ configuration: PoolConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        shared = Locked(
            Shared(
                state: PoolState(
                    connectionCountMax: configuration.connectionCountMax,
                    waiterCountMax: configuration.waiterCountMax)))
    }

    // MARK: Use

    /// Runs `body` with a connection, on that connection's own thread, where it may block.
    ///
    /// A connection that died while idle is replaced before `body` begins; one that dies inside it
    /// makes it throw, and the caller decides whether the same can be done again. If the calling
    /// task is cancelled, a running statement is, too.
    ///
    /// - Parameters:
    ///   - deadline: For the wait and all statements together. Without it, the wait has
    ///     `acquireDeadline` and each statement `statementDeadline`.
    ///   - purpose: Of all the connections, listings hold a quarter at most.
    @discardableResult
    public func withConnection<T: Sendable>(
        deadline: Duration? = nil, for purpose: PoolPurpose = .service,
        _ body: @escaping @Sendable (Connection) throws -> T
    ) async throws -> T {
        let start = ContinuousClock.now
        let waits = deadline ?? configuration.acquireDeadline
        var isAgain = false
        while true {
            let lease = try await acquire(
                waits, since: start, atFront: isAgain, purpose)
            let use = lease.host.interrupt.begin()
            let outcome = await withTaskCancellationHandler {
                await lease.host.run(deadline: deadline.map { start + $0 }, body)
            } onCancel: {
                lease.host.interrupt.raise(use: use)
            }
            switch outcome {
            case .value(let value, let isReusable):
                handle(.released(lease.id, isReusable: isReusable))
                return value
            case .failure(let error, let isReusable):
                handle(.released(lease.id, isReusable: isReusable))
                throw error
            case .stale:
                logger.debug("an idle connection to PostgreSQL was dead and is replaced")
                handle(.released(lease.id, isReusable: false))
                isAgain = true
            }
        }
    }

    /// Runs `body` between begin and commit; if it throws, rolls back.
    ///
    /// Serialization failures are thrown like any other error: the caller knows whether the same
    /// transaction makes sense again.
    @discardableResult
    public func transaction<T: Sendable>(
        _ isolation: Isolation = .readCommitted, deadline: Duration? = nil,
        _ body: @escaping @Sendable (Connection) throws -> T
    ) async throws -> T {
        try await withConnection(deadline: deadline) { connection in
            try connection.transaction(isolation) { try body(connection) }
        }
    }

    /// Runs one statement as its own transaction.
    @discardableResult
    public func execute(
        _ sql: String, _ parameters: (any PostgresEncodable)?..., deadline: Duration? = nil
    ) async throws -> Rows {
        try await withConnection(deadline: deadline) { connection in
            try connection.execute(sql, parameters: parameters)
        }
    }

    // MARK: Life

    /// Waits for the graceful shutdown (or cancellation), then closes.
    public func run() async throws {
        try? await gracefulShutdown()
        await close()
    }

    /// Refuses new callers, waits for connections in use (up to `closeDeadline`, then interrupts
    /// their statements), and returns when every connection is closed.
    public func close() async {
        let interrupting = Task { [closeDeadline = configuration.closeDeadline] in
            try? await Task.sleep(for: closeDeadline)
            if Task.isCancelled { return }
            self.shared.withLock { shared in
                for host in shared.hosts.values { host.interrupt.raise() }
            }
        }
        await withCheckedContinuation { continuation in
            shared.withLock { shared in
                if shared.isClosed {
                    continuation.resume()
                } else {
                    shared.closers.append(continuation)
                    perform(shared.state.handle(.closeAsked), &shared)
                }
            }
        }
        interrupting.cancel()
    }

    /// The number of connections that are being made, idle or in use.
    var connectionCount: Int { shared.withLock { $0.state.connectionCount } }

    var waiterCount: Int { shared.withLock { $0.state.waiterCount } }

    // MARK: The shell around PoolState

    private func acquire(
        _ waits: Duration, since start: ContinuousClock.Instant, atFront: Bool,
        _ purpose: PoolPurpose
    ) async throws -> Lease {
        let id = shared.withLock { shared in
            shared.waiterCount += 1
            return WaiterID(number: shared.waiterCount)
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                shared.withLock { shared in
                    shared.waiters[id] = Waiter(continuation: continuation, waits: waits)
                    perform(
                        shared.state.handle(.wanted(id, atFront: atFront, purpose: purpose)),
                        &shared)
                    if shared.waiters[id] == nil { return }
                    // Cancelled before the handler could find the waiter.
                    if Task.isCancelled {
                        return perform(shared.state.handle(.waiterGone(id, .cancelled)), &shared)
                    }
                    shared.waiters[id]?.timer = Task { [weak self] in
                        try? await Task.sleep(until: start + waits, clock: .continuous)
                        if !Task.isCancelled { self?.handle(.waiterGone(id, .late)) }
                    }
                }
            }
        } onCancel: {
            handle(.waiterGone(id, .cancelled))
        }
    }

    private func handle(_ event: PoolState.Event) {
        shared.withLock { shared in perform(shared.state.handle(event), &shared) }
    }

    private func perform(_ actions: [PoolState.Action], _ shared: inout Shared) {
        for action in actions {
            switch action {
            case .connect(let id): connect(id, &shared)
            case .lend(let id, let waiter): lend(id, to: waiter, &shared)
            case .close(let id):
                // Closed on its own thread: saying goodbye may block.
                let host = shared.hosts.removeValue(forKey: id)
                Task { await host?.close() }
            case .refuse(let waiter, let refusal): refuse(waiter, refusal, &shared)
            case .pause(let failureCount):
                let pause = backoff.pause(failureCount: failureCount)
                Task { [weak self] in
                    try? await Task.sleep(for: pause)
                    self?.handle(.pauseOver)
                }
            case .closed:
                shared.isClosed = true
                for closer in shared.closers { closer.resume() }
                shared.closers.removeAll()
            }
        }
    }

    private func connect(_ id: ConnectionID, _ shared: inout Shared) {
        let host = ConnectionHost(configuration.connection, logger: logger)
        shared.hosts[id] = host
        Task { [self] in
            do {
                let warning = try await host.connect()
                self.shared.withLock { shared in
                    if let warning, !shared.wasConnected { logger.warning("\(warning)") }
                    shared.wasConnected = true
                    shared.lastFailure = nil
                    perform(shared.state.handle(.connected(id)), &shared)
                }
            } catch {
                let failure = error as? PostgresError
                let reason = failure?.message ?? String(describing: error)
                self.shared.withLock { shared in
                    shared.lastFailure = reason
                    shared.hosts[id] = nil
                    if let failure, failure.kind == .refused, !shared.wasConnected {
                        shared.refusal = failure
                        perform(shared.state.handle(.connectRefused(id)), &shared)
                    } else {
                        logger.warning("\(reason); trying again")
                        perform(shared.state.handle(.connectFailed(id)), &shared)
                    }
                }
            }
        }
    }

    private func lend(_ id: ConnectionID, to waiterID: WaiterID, _ shared: inout Shared) {
        guard let waiter = shared.waiters.removeValue(forKey: waiterID),
            let host = shared.hosts[id]
        else { preconditionFailure("a connection was lent to nobody, or none was lent") }
        waiter.timer?.cancel()
        waiter.continuation.resume(returning: Lease(id: id, host: host))
    }

    private func refuse(
        _ waiterID: WaiterID, _ refusal: PoolState.Refusal, _ shared: inout Shared
    ) {
        guard let waiter = shared.waiters.removeValue(forKey: waiterID) else { return }
        waiter.timer?.cancel()
        let error: any Error =
            switch refusal {
            case .cancelled: CancellationError()
            case .closed: PostgresError.poolClosed
            case .refused:
                shared.refusal ?? .noConnection(after: waiter.waits, lastFailure: nil)
            case .busy: PostgresError.tooManyWaiters(configuration.waiterCountMax)
            case .late where shared.lastFailure == nil && shared.state.lentCount > 0:
                PostgresError.noConnectionFree(
                    after: waiter.waits, count: shared.state.lentCount)
            case .late:
                PostgresError.noConnection(after: waiter.waits, lastFailure: shared.lastFailure)
            }
        waiter.continuation.resume(throwing: error)
    }
}
