// Looks at the database every few seconds for those who watch: whether it answers, and how many
// tasks are in which state. A scrape reads what was last seen and waits for nobody.
import Foundation
public import LanguageSystem
public import Ledger
public import ServiceLifecycle

// Unchecked: what changes is behind the lock.
public final class DatabaseHealth: Service, @unchecked Sendable {
    public struct Snapshot: Sendable {
        public var isAnswering = false
        /// As of the last time it answered.
        public var taskCounts: [TaskState: Int] = [:]
        public var rankerCount = 0
    }

    private static let interval: Duration = .seconds(10)
    private let ledger: LedgerStore
    private let lock = NSLock()
    private var seen = Snapshot()
    private var asking: Task<Void, any Error>?

    public init(ledger: LedgerStore) { self.ledger = ledger }

    public var snapshot: Snapshot { lock.withLock { seen } }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat {
                await self.look()
            } while (try? await ContinuousClock().sleep(for: Self.interval)) != nil
        }
    }

    /// Asks the database whether it answers: one question for all who ask at the same time. One
    /// that hangs is not waited for beyond the deadline, nor asked again beside.
    ///
    /// - Throws: `unavailable`.
    public func checkAnswering(within deadline: Duration) async throws {
        do {
            if try await value(of: ask(deadline), within: deadline) != nil { return }
        } catch {
            if let refusal = ledger.refusal { throw refusal }
            throw CoordinatorError(
                .unavailable, "cannot take requests: the database does not answer",
                cause: "\(error)")
        }
        throw CoordinatorError(
            .unavailable,
            """
            cannot take requests: the database did not answer in \
            \(Int(nearest: deadline / .milliseconds(1))) ms
            """
        )
    }

    private func ask(_ deadline: Duration) -> Task<Void, any Error> {
        lock.withLock {
            if let asking { return asking }
            let task = Task {
                let answered = await Task { try await ledger.ping(within: deadline) }.result
                lock.withLock { asking = nil }
                try answered.get()
            }
            asking = task
            return task
        }
    }

    private func look() async {
        // Also when nobody asks whether we are ready: another release may have migrated the
        // database.
        try? await ledger.ping(within: Self.interval)
        let found = try? await ledger.statusSummary()
        lock.withLock {
            seen.isAnswering = found != nil
            guard let found else { return }
            seen.taskCounts = found.taskCounts
            seen.rankerCount = found.rankerCount
        }
    }
}
