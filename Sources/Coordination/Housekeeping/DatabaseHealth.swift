// Looks at the database every few seconds for those who watch: whether it answers, and how many
// tasks are in which state. A scrape reads what was last seen and waits for nobody.
import Concurrency
public import LanguageSystem
public import Ledger
public import ServiceLifecycle

public final class DatabaseHealth: Service {
    public struct Snapshot: Sendable {
        public var isAnswering = false
        /// The tasks in each state, as of the last time it answered.
        public var taskCounts: [TaskState: Int] = [:]
        public var rankerCount = 0
    }

    private enum Question: Hashable { case whetherItAnswers }

    private static let interval: Duration = .seconds(10)
    private let ledger: LedgerStore
    private let seen = Locked(Snapshot())
    private let questions = SingleFlight<Question, Void>()

    public init(ledger: LedgerStore) { self.ledger = ledger }

    public var snapshot: Snapshot { seen.withLock { $0 } }

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
            let answer: Void? = try await questions.value(
                for: .whetherItAnswers, within: deadline
            ) { [ledger] in try await ledger.ping(within: deadline) }
            if answer != nil { return }
        } catch {
            if let refusal = ledger.refusal { throw refusal }
            throw LanguageSystemError(
                .unavailable, "cannot take requests: the database does not answer",
                cause: "\(error)")
        }
        throw LanguageSystemError(
            .unavailable,
            """
            cannot take requests: the database did not answer in \
            \(Int(nearest: deadline / .milliseconds(1))) ms
            """
        )
    }

    private func look() async {
        // Also when nobody asks whether we are ready: another release may have migrated the
        // database.
        try? await ledger.ping(within: Self.interval)
        let found = try? await ledger.statusSummary()
        seen.withLock { seen in
            seen.isAnswering = found != nil
            guard let found else { return }
            seen.taskCounts = found.taskCounts
            seen.rankerCount = found.rankerCount
        }
    }
}
