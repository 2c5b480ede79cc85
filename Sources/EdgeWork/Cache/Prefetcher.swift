// Fetches features before a task needs them: one set at a time, and never in the way. What cannot
// be had now is fetched when it is needed.
import Concurrency
import LanguageSystem
import Logging

final class Prefetcher: Sendable {
    private let policy: WorkPolicy
    private let cache: BlobCache
    private let fetcher: BlobFetcher
    private let outbox: SessionOutbox
    private let logger: Logger
    private let isBusy = Locked(false)
    private let orders: AsyncStream<BlobReference>
    private let order: AsyncStream<BlobReference>.Continuation

    init(
        policy: WorkPolicy, cache: BlobCache, link: CoordinatorLink, outbox: SessionOutbox,
        logger: Logger
    ) {
        self.policy = policy
        self.cache = cache
        fetcher = BlobFetcher(cache: cache, link: link, logger: logger)
        self.outbox = outbox
        self.logger = logger
        (orders, order) = AsyncStream.makeStream()
    }

    /// Fetches what is wanted until it is cancelled.
    func run() async {
        for await blob in orders {
            await fetch(blob)
            isBusy.withLock { $0 = false }
            await outbox.sendInventory(of: cache)
        }
    }

    /// Has the first that the owner allows fetched, unless another is on its way.
    func want(_ blobs: [BlobReference]) {
        guard let blob = blobs.first(where: { policy.refusal(of: [$0]) == nil }) else { return }
        let wasBusy = isBusy.withLock { isBusy in
            defer { isBusy = true }
            return isBusy
        }
        if !wasBusy { order.yield(blob) }
    }

    private func fetch(_ blob: BlobReference) async {
        await cache.retain(blob.digest)
        do {
            _ = try await fetcher.path(of: blob)
            logger.debug("fetched ahead", metadata: ["blob": "\(blob.name)"])
        } catch {
            logger.debug(
                "cannot fetch ahead", metadata: ["blob": "\(blob.name)", "error": "\(error)"])
        }
        await cache.release(blob.digest)
    }
}
