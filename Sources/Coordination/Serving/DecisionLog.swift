// Keeps a sample of what was served, bounded in every way: a share of requests, so many a second,
// so many waiting to be written, all of it shared evenly among the keys that ask; what does not fit
// is counted and dropped. No request waits for it.
import Concurrency
import LanguageSystem
public import Ledger
public import Logging
public import ServiceLifecycle

public struct DecisionSettings: Sendable {
    /// The share of requests whose decisions are kept, 0 to 1.
    public var share: Double
    /// How many are kept in a second; more are dropped, asked for or not.
    public var perSecondMax: Int

    public init(share: Double = 0.01, perSecondMax: Int = 5) {
        precondition((0...1).contains(share) && perSecondMax >= 0, "a share is 0 to 1")
        self.share = share
        self.perSecondMax = perSecondMax
    }
}

public final class DecisionLog: Service {
    struct Counts: Sendable {
        var kept = 0
        var dropped = 0
    }

    private struct State {
        var waiting: FairQueue<Decision>
        var windowBegan: ContinuousClock.Instant
        /// Who was forgotten since the batch that is being written was taken.
        var forgotten: [String] = []
        var counts = Counts()

        mutating func closeWindow(at now: ContinuousClock.Instant, isLast: Bool = false) {
            guard isLast || now - windowBegan >= .seconds(1) else { return }
            windowBegan = now
            waiting.closeWindow()
        }
    }

    /// The bytes of features that may wait to be written.
    private static let byteCountMax = 32 << 20
    private static let interval: Duration = .seconds(1)

    private let ledger: LedgerStore
    private let settings: DecisionSettings
    private let logger: Logger
    private let clock = ContinuousClock()
    private let state: Locked<State>

    public init(ledger: LedgerStore, settings: DecisionSettings, logger: Logger) {
        self.ledger = ledger
        self.settings = settings
        self.logger = logger
        state = Locked(
            State(
                waiting: FairQueue(
                    windowCountMax: settings.perSecondMax, byteCountMax: Self.byteCountMax),
                windowBegan: clock.now))
    }

    var currentCounts: Counts { state.withLock { $0.counts } }

    /// Whether a request is of the sample: by chance, which no caller can choose.
    func samples() -> Bool { settings.share > 0 && Double.random(in: 0..<1) < settings.share }

    /// Keeps a decision as far as there is room; it is written within a few seconds.
    func keep(_ decision: Decision) {
        state.withLock { state in
            state.closeWindow(at: clock.now)
            state.counts.dropped += state.waiting.add(
                decision, of: decision.keyID ?? "", byteCount: decision.byteCount)
        }
    }

    /// Drops what waits of this user. (What is being written is ls.record_decisions' to leave out.)
    func forget(user: String) {
        state.withLock { state in
            state.forgotten.append(user)
            state.counts.dropped += state.waiting.remove { $0.isOf(user) }
        }
    }

    /// How many decisions wait to be written.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await self.clock.sleep(for: Self.interval)) != nil { await self.write() }
        }
        await write(isLast: true)
    }

    /// Writes what waits. What cannot be written now waits on, as far as there is room.
    private func write(isLast: Bool = false) async {
        // What is being written takes its room until it is.
        let batch = state.withLock { state in
            state.closeWindow(at: clock.now, isLast: isLast)
            state.forgotten = []
            return state.waiting.take()
        }
        let decisions = batch.elements
        guard !decisions.isEmpty else { return }
        var waitsFrom = decisions.endIndex
        defer {
            state.withLock { state in
                state.waiting.written(batch, from: waitsFrom)
                let forgotten = state.forgotten
                state.counts.dropped += state.waiting.remove { decision in
                    forgotten.contains(where: decision.isOf)
                }
            }
        }
        do {
            try await record(decisions)
        } catch  where error.isOfDatabase {
            waitsFrom = decisions.startIndex
        } catch  where decisions.count == 1 {
            drop(error)
        } catch {
            // One that cannot be kept refuses all that are written with it: each by itself, then.
            waitsFrom = await recordEach(of: decisions)
        }
    }

    /// Writes each decision by itself.
    ///
    /// - Returns: From which place on they wait: the database went away.
    private func recordEach(of batch: [Decision]) async -> Int {
        for (place, decision) in batch.enumerated() {
            do {
                try await record([decision])
            } catch  where error.isOfDatabase {
                return place
            } catch {
                drop(error)
            }
        }
        return batch.endIndex
    }

    private func record(_ batch: [Decision]) async throws(LanguageSystemError) {
        let keptCount = try await ledger.recordDecisions(batch)
        state.withLock { state in
            state.counts.kept += keptCount
            state.counts.dropped += batch.count - keptCount
        }
    }

    private func drop(_ error: LanguageSystemError) {
        state.withLock { $0.counts.dropped += 1 }
        logger.error(
            "cannot record a decision",
            metadata: ["error": "\(error.message)", "cause": "\(error.cause ?? "-")"])
    }
}

extension Decision {
    /// Whether it is this user's, byte by byte, as the ledger compares names.
    fileprivate func isOf(_ user: String) -> Bool {
        self.user?.utf8.elementsEqual(user.utf8) ?? false
    }
}
