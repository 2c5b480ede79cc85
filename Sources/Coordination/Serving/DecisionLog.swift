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
    /// Since the batch that is being written was taken.
    private var forgotten: [String] = []
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

    /// What waits of this user is not written. (What is being written is ls.record_decisions' to leave out.)
    func forget(user: String) {
        lock.withLock {
            forgotten.append(user)
            let (gone, kept) = (waiting.filter { $0.isOf(user) }, waiting.filter { !$0.isOf(user) })
            waiting = kept
            byteCount -= gone.reduce(0) { $0 + $1.features.count }
            counts.dropped += gone.count
        }
    }

    /// Waiting to be written.
    var waitingCount: Int { lock.withLock { waiting.count } }

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
            forgotten = []
            return waiting
        }
        guard !batch.isEmpty else { return }
        var isWritten = true
        defer {
            lock.withLock {
                if isWritten {
                    byteCount -= batch.reduce(0) { $0 + $1.features.count }
                } else {
                    let gone = batch.filter { decision in forgotten.contains(where: decision.isOf) }
                    byteCount -= gone.reduce(0) { $0 + $1.features.count }
                    counts.dropped += gone.count
                    waiting =
                        batch.filter { decision in !forgotten.contains(where: decision.isOf) }
                        + waiting
                }
            }
        }
        do {
            let keptCount = try await ledger.recordDecisions(batch)
            lock.withLock {
                counts.kept += keptCount
                counts.dropped += batch.count - keptCount
            }
        } catch  where error.isOfDatabase {
            isWritten = false
        } catch {
            lock.withLock { counts.dropped += batch.count }
            logger.error("cannot record decisions", metadata: ["error": "\(error.message)"])
        }
    }
}

extension Decision {
    /// Byte by byte, as the ledger compares names.
    fileprivate func isOf(_ user: String) -> Bool {
        self.user?.utf8.elementsEqual(user.utf8) ?? false
    }
}
