// Looks at the database every few seconds for those who watch: whether it answers, and how many tasks are in which state.
// A scrape reads what was last seen and waits for nobody.
import Foundation
public import LanguageSystem
public import Ledger
public import ServiceLifecycle

public final class LedgerWatch: Service, @unchecked Sendable {
    public struct Sight: Sendable {
        public var isAnswering = false
        /// As of the last time it answered.
        public var taskCounts: [TaskState: Int] = [:]
        public var rankerCount = 0
    }

    private static let interval: Duration = .seconds(10)
    private let ledger: LedgerStore
    private let lock = NSLock()
    private var seen = Sight()

    public init(ledger: LedgerStore) { self.ledger = ledger }

    public var sight: Sight { lock.withLock { seen } }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat {
                await self.look()
            } while (try? await ContinuousClock().sleep(for: Self.interval)) != nil
        }
    }

    private func look() async {
        let found = try? await ledger.statusSummary()
        lock.withLock {
            seen.isAnswering = found != nil
            guard let found else { return }
            seen.taskCounts = found.taskCounts
            seen.rankerCount = found.rankerCount
        }
    }
}
