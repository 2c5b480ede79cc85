// Keeps the tables of work small: ended tasks to the archive, old months out of it. Every
// coordinator runs one; the database lets one at a time work (a lock of the transaction, so that it
// is free the moment its holder dies), and the others find nothing to do. What it decides is in
// ls.housekeep().
public import Ledger
public import Logging
public import ServiceLifecycle

public struct Housekeeping: Service {
    private let ledger: LedgerStore
    private let interval: Duration
    private let logger: Logger

    /// How many tasks are moved in one transaction: some milliseconds' work, and as little to wait
    /// for.
    private static let batchCount = 1_000

    /// - Parameter interval: between looks when there was nothing to do; a quarter more or less, so
    ///   that coordinators do not ask in step.
    public init(ledger: LedgerStore, interval: Duration = .seconds(60), logger: Logger) {
        self.ledger = ledger
        self.interval = interval
        self.logger = logger
    }

    /// Keeps house until asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let isMore = await step()
                let pause =
                    isMore ? .milliseconds(20) : interval * Double.random(in: 0.75...1.25)
                try? await ContinuousClock().sleep(for: pause)
            }
        }
    }

    /// - Returns: Whether there is more to do at once.
    private func step() async -> Bool {
        do {
            guard let report = try await ledger.housekeep(countMax: Self.batchCount) else {
                return false
            }
            if report.archivedCount > 0 || !report.prunedMonths.isEmpty {
                logger.info(
                    "housekeeping",
                    metadata: [
                        "tasks.archived": "\(report.archivedCount)",
                        "months.pruned": "\(report.prunedMonths.joined(separator: " "))",
                    ])
            }
            return report.archivedCount == Self.batchCount
        } catch {
            if !ledger.isLogged(error) {
                logger.warning("cannot keep house", metadata: ["error": "\(error)"])
            }
            return false
        }
    }
}
