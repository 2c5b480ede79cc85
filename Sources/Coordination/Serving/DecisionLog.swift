// Keeps a sample of what was served, bounded in every way: a share of requests, so many a second, so many
// waiting to be written; what does not fit is counted and dropped. No request waits for it.
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
    private var waiting: [Decision] = []
    private var byteCount = 0
    private var window: (began: ContinuousClock.Instant, count: Int)
    private var counts = Counts()

    public init(ledger: LedgerStore, settings: DecisionSettings, logger: Logger) {
        self.ledger = ledger
        self.settings = settings
        self.logger = logger
        window = (clock.now, 0)
    }

    var currentCounts: Counts { lock.withLock { counts } }

    /// Whether the request is of the sample: the same on every coordinator.
    func samples(_ request: String) -> Bool {
        settings.share > 0
            && Double(ShareBucket.of(request, in: "decision"))
                < settings.share * Double(ShareBucket.count)
    }

    /// Kept as far as there is room; written within a few seconds.
    func keep(_ decision: Decision) {
        lock.withLock {
            let now = clock.now
            if now - window.began >= .seconds(1) { window = (now, 0) }
            guard window.count < settings.perSecondMax,
                byteCount + decision.features.count <= Self.byteCountMax
            else {
                counts.dropped += 1
                return
            }
            window.count += 1
            byteCount += decision.features.count
            waiting.append(decision)
        }
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await self.clock.sleep(for: Self.interval)) != nil { await self.write() }
        }
        await write()
    }

    /// What cannot be written now waits, as far as there is room.
    private func write() async {
        // What is being written takes its room until it is.
        let batch = lock.withLock {
            defer { waiting = [] }
            return waiting
        }
        guard !batch.isEmpty else { return }
        var waitsFrom = batch.endIndex
        defer {
            lock.withLock {
                byteCount -= batch[..<waitsFrom].reduce(0) { $0 + $1.features.count }
                waiting = batch[waitsFrom...] + waiting
            }
        }
        do {
            try await record(batch)
        } catch  where error.isOfDatabase {
            waitsFrom = batch.startIndex
        } catch  where batch.count == 1 {
            drop(error)
        } catch {
            // One that cannot be kept refuses all that are written with it: each by itself, then.
            waitsFrom = await recordEach(of: batch)
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
