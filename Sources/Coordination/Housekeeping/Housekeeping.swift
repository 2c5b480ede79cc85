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

    /// - Parameter interval: between looks; a quarter more or less, so that coordinators do not ask
    ///   in step. Only tasks that are left to archive are seen to at once.
    public init(ledger: LedgerStore, interval: Duration = .seconds(60), logger: Logger) {
        self.ledger = ledger
        self.interval = interval
        self.logger = logger
    }

    /// Keeps house until asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            let clock = ContinuousClock()
            var due = clock.now
            while !Task.isCancelled {
                let archivesOnly = clock.now < due
                let isMore = await step(archivesOnly: archivesOnly)
                if !archivesOnly { due = clock.now + interval * Double.random(in: 0.75...1.25) }
                try? await clock.sleep(
                    until: isMore ? min(due, clock.now + .milliseconds(20)) : due)
            }
        }
    }

    /// - Returns: Whether more is left to archive.
    private func step(archivesOnly: Bool) async -> Bool {
        do {
            guard
                let report = try await ledger.housekeep(
                    countMax: Self.batchCount, archivesOnly: archivesOnly)
            else { return false }
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
