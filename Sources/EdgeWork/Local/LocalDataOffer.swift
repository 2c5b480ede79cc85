// What stays on this machine, as the coordinator is told of it: watches the local files, and offers
// what there is whenever that changes.
import Foundation
import LanguageSystem
import Logging
import WorkerWire

actor LocalDataOffer {
    /// How often local files are looked at, and how often what was refused is offered again.
    static let lookInterval: Duration = .seconds(2)
    static let offerInterval: Duration = .seconds(60)

    /// The feature files; nil: this worker has none of its own.
    nonisolated let files: LocalFiles?
    nonisolated let weights: LocalWeights
    private let user: String?
    private let cache: BlobCache
    private let outbox: SessionOutbox
    private let reporter: StatusReporter
    private let logger: Logger
    private let clock = ContinuousClock()

    /// As of the last look, which may be going on; nil before the first.
    private var sets: [FeatureSetDescription]?
    private var unreadableCount = 0
    private var refusals: [DataRefusal] = []
    private var offeredAt: ContinuousClock.Instant?
    /// Copies of files that were removed, until no task uses them.
    private var orphans: Set<Digest> = []
    private var wasReadable = true

    init(
        of files: LocalFiles?, user: String?, weights: LocalWeights, cache: BlobCache,
        outbox: SessionOutbox, reporter: StatusReporter, logger: Logger
    ) {
        self.files = files
        self.user = user
        self.weights = weights
        self.cache = cache
        self.outbox = outbox
        self.reporter = reporter
        self.logger = logger
    }

    /// Watches until it is cancelled.
    func run() async throws {
        while true {
            if let files { await look(at: files) }
            for digest in orphans where await cache.forget(digest) { orphans.remove(digest) }
            if !refusals.isEmpty, let offeredAt, clock.now > offeredAt + Self.offerInterval {
                offer()
            }
            try await clock.sleep(for: Self.lookInterval)
        }
    }

    /// All of it, each time: the coordinator compares. Nothing before the first look is done: what
    /// is not named is taken back, and a look may last, or fail.
    func offer() {
        guard files == nil || sets != nil else { return }
        let data = LocalData(
            sets: sets ?? [],
            weights: Array(weights.digests.prefix(WireLimits.heldDigestCountMax)))
        if outbox.sendIfOpen(.localData(data)) { offeredAt = clock.now }
    }

    /// The coordinator has answered to an offer.
    func answered(_ refusals: [DataRefusal]) {
        self.refusals = refusals
        for refusal in refusals {
            logger.warning(
                "local data not taken",
                metadata: ["digest": "\(refusal.digest.short)", "reason": "\(refusal.message)"])
            reporter.note(
                LanguageSystemError(.invalidFeatures, refusal.message, hint: refusal.hint))
        }
    }

    /// Nil when nothing stays here.
    func statusLine() -> StatusReport.LocalDataLine? {
        let weightsCount = weights.digests.count
        guard files != nil || weightsCount > 0 else { return nil }
        let sets = sets ?? []
        let refused = Set(refusals.map(\.digest))
        return .init(
            directory: files?.directory, user: user,
            offeredCount: sets.count { !refused.contains($0.digest) },
            refusedCount: sets.count { refused.contains($0.digest) },
            unreadableCount: unreadableCount, weightsCount: weightsCount)
    }

    private func look(at files: LocalFiles) async {
        do throws(LanguageSystemError) {
            let gone = try await files.look()
            if gone != nil || sets == nil {
                let found = await files.sets
                let problems = await files.problems
                sets = found
                unreadableCount = problems.count
                orphans.formUnion(gone ?? [])
                orphans.subtract(found.map(\.digest))
                for (_, problem) in problems { reporter.note(problem) }
                offer()
            }
            wasReadable = true
        } catch {
            if wasReadable {
                logger.warning("cannot look", metadata: ["error": "\(error.message)"])
            }
            wasReadable = false
            reporter.note(error)
        }
    }
}
