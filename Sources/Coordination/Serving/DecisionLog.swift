// Keeps a sample of what was served, bounded in every way: a share of requests, so many a second,
// so many waiting to be written, all of it shared evenly among the keys that ask; what does not fit
// is counted and dropped. No request waits for it.
import Foundation
import LanguageSystem
public import Ledger
public import Logging
public import ServiceLifecycle

public struct DecisionSettings: Sendable {
    /// Of requests, 0 to 1.
    public var share: Double
    /// More than these in a second are dropped, asked for or not.
    public var perSecondMax: Int

    public init(share: Double = 0.01, perSecondMax: Int = 5) {
        precondition((0...1).contains(share) && perSecondMax >= 0, "a share is 0 to 1")
        self.share = share
        self.perSecondMax = perSecondMax
    }
}

// Unchecked: what changes is behind the lock.
public final class DecisionLog: Service, @unchecked Sendable {
    struct Counts: Sendable {
        var kept = 0
        var dropped = 0
    }

    /// Waiting to be written.
    private static let byteCountMax = 32 << 20
    private static let interval: Duration = .seconds(1)

    private let ledger: LedgerStore
    private let settings: DecisionSettings
    private let logger: Logger
    private let clock = ContinuousClock()
    private let lock = NSLock()
    private var waiting: FairQueue<Decision>
    private var windowBegan: ContinuousClock.Instant
    /// Since the batch that is being written was taken.
    private var forgotten: [String] = []
    private var counts = Counts()

    public init(ledger: LedgerStore, settings: DecisionSettings, logger: Logger) {
        self.ledger = ledger
        self.settings = settings
        self.logger = logger
        waiting = FairQueue(
            windowCountMax: settings.perSecondMax, byteCountMax: Self.byteCountMax)
        windowBegan = clock.now
    }

    var currentCounts: Counts { lock.withLock { counts } }

    /// Whether a request is of the sample: by chance, which no caller can choose.
    func samples() -> Bool { settings.share > 0 && Double.random(in: 0..<1) < settings.share }

    /// Kept as far as there is room; written within a few seconds.
    func keep(_ decision: Decision) {
        lock.withLock {
            closeWindow()
            counts.dropped += waiting.add(
                decision, of: decision.keyID ?? "", byteCount: decision.features.count)
        }
    }

    /// Under the lock.
    private func closeWindow(isLast: Bool = false) {
        let now = clock.now
        guard isLast || now - windowBegan >= .seconds(1) else { return }
        windowBegan = now
        waiting.closeWindow()
    }

    /// What waits of this user is not written. (What is being written is ls.record_decisions' to
    /// leave out.)
    func forget(user: String) {
        lock.withLock {
            forgotten.append(user)
            counts.dropped += waiting.remove { $0.isOf(user) }
        }
    }

    /// Waiting to be written.
    var waitingCount: Int { lock.withLock { waiting.count } }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await self.clock.sleep(for: Self.interval)) != nil { await self.write() }
        }
        await write(isLast: true)
    }

    /// What cannot be written now waits, as far as there is room.
    private func write(isLast: Bool = false) async {
        // What is being written takes its room until it is.
        let batch = lock.withLock {
            closeWindow(isLast: isLast)
            forgotten = []
            return waiting.take()
        }
        let decisions = batch.elements
        guard !decisions.isEmpty else { return }
        var waitsFrom = decisions.endIndex
        defer {
            lock.withLock {
                waiting.written(batch, from: waitsFrom)
                counts.dropped += waiting.remove { decision in
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

    /// - Returns: From which on they wait: the database went away.
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

    private func record(_ batch: [Decision]) async throws(CoordinatorError) {
        let keptCount = try await ledger.recordDecisions(batch)
        lock.withLock {
            counts.kept += keptCount
            counts.dropped += batch.count - keptCount
        }
    }

    private func drop(_ error: CoordinatorError) {
        lock.withLock { counts.dropped += 1 }
        logger.error(
            "cannot record a decision",
            metadata: ["error": "\(error.message)", "cause": "\(error.cause ?? "-")"])
    }
}

extension Decision {
    /// Byte by byte, as the ledger compares names.
    fileprivate func isOf(_ user: String) -> Bool {
        self.user?.utf8.elementsEqual(user.utf8) ?? false
    }
}
