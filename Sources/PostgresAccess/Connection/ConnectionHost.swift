// The actor around one connection: its executor is the connection's own thread, so what runs here
// may block. The pool owns it and lets one caller in at a time.
import Concurrency
import Logging

actor ConnectionHost {
    /// How one use of the connection ended.
    enum Outcome<T: Sendable>: Sendable {
        case value(T, isReusable: Bool)
        case failure(any Error, isReusable: Bool)
        /// The connection was dead before the body began, so nothing was done.
        case stale
    }

    nonisolated let interrupt = Interrupt()
    private nonisolated let executor: ThreadExecutor
    private let configuration: ConnectionConfiguration
    private let logger: Logger
    private var connection: Connection?

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ configuration: ConnectionConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        executor = ThreadExecutor(name: "postgres")
    }

    /// - Returns: A warning for the log about the protection of the connection, if any.
    func connect() throws(PostgresError) -> String? {
        let connection = try Connection(configuration, interrupt: interrupt, logger: logger)
        self.connection = connection
        return connection.securityWarning
    }

    func close() { connection = nil }

    func run<T: Sendable>(
        deadline: ContinuousClock.Instant?, _ body: @Sendable (Connection) throws -> T
    ) -> Outcome<T> {
        guard let connection, connection.isAlive() else { return .stale }
        let result = Result {
            try connection.beginUse(deadline: deadline)
            return try body(connection)
        }
        let isForgotten = connection.endUse()
        let isReusable = !connection.isSpent
        if !isReusable { self.connection = nil }
        switch result {
        case .success where isForgotten:
            return .failure(
                PostgresError.usage(
                    "a transaction was begun but neither committed nor rolled back"),
                isReusable: isReusable)
        case .success(let value): return .value(value, isReusable: isReusable)
        case .failure(let error): return .failure(error, isReusable: isReusable)
        }
    }
}
