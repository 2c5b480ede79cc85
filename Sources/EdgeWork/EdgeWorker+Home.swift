// The part of a worker that is about its own machine: what stays on it, when it takes tasks, how
// much memory they may have, and what is fetched before it is needed.
import Foundation
import LanguageSystem
import Logging
import WorkerWire

extension EdgeWorker {
    /// Looks at the local files for as long as the worker runs, and offers what there is when that
    /// changes.
    func watchLocalFiles() async throws {
        var wasReadable = true
        // Copies of files that were removed, until no task uses them.
        var orphans: Set<Digest> = []
        while true {
            if let local {
                do throws(CoordinatorError) {
                    let gone = try await local.look()
                    if gone != nil || localSets == nil {
                        let sets = await local.sets
                        let problems = await local.problems
                        localSets = sets
                        localProblemCount = problems.count
                        orphans.formUnion(gone ?? [])
                        orphans.subtract(sets.map(\.digest))
                        for (_, problem) in problems { note(problem) }
                        offerLocalData()
                    }
                    wasReadable = true
                } catch {
                    if wasReadable {
                        logger.warning("cannot look", metadata: ["error": "\(error.message)"])
                    }
                    wasReadable = false
                    note(error)
                }
            }
            for digest in orphans where await cache.forget(digest) { orphans.remove(digest) }
            if !refusedLocalData.isEmpty, let offeredAt, clock.now > offeredAt + Self.offerInterval
            {
                offerLocalData()
            }
            try await clock.sleep(for: Self.lookInterval)
        }
    }

    /// All of it, each time: the coordinator compares. Nothing before the first look is done: what
    /// is not named is taken back, and a look may last, or fail.
    func offerLocalData() {
        guard connectedSince != nil, local == nil || localSets != nil else { return }
        offeredAt = clock.now
        outbound?.yield(
            .localData(
                LocalData(
                    sets: localSets ?? [],
                    weights: Array(home.digests.prefix(WireLimits.heldDigestCountMax)))))
    }

    func answered(_ refusals: [DataRefusal]) {
        refusedLocalData = refusals
        for refusal in refusals {
            logger.warning(
                "local data not taken",
                metadata: ["digest": "\(refusal.digest.short)", "reason": "\(refusal.message)"])
            note(CoordinatorError(.invalidFeatures, refusal.message, hint: refusal.hint))
        }
    }

    /// Says so when the owner's hours begin or end. What is under way is finished.
    func sayAvailability() {
        let takesTasks = settings.policy.takesTasks(at: Date())
        guard takesTasks != saidToTakeTasks, connectedSince != nil else { return }
        saidToTakeTasks = takesTasks
        logger.info(takesTasks ? "hours of work" : "outside the hours of work")
        outbound?.yield(.availability(takesTasks: takesTasks))
    }

    /// Stops the task that was begun last when the process takes more than it may.
    func holdToMemory() {
        guard let max = settings.memoryByteCountMax, clock.now >= memoryFreeAt,
            let found = ProcessLimits.privateByteCount, found > max,
            let token = book.tokens.last(where: { !book.isWaiting($0) })
        else { return }
        memoryFreeAt = clock.now + Self.memoryPause
        stops[token]?.stop(because: .memory)
    }

    // MARK: Ahead of time

    /// One feature set at a time, and never in the way: what cannot be had now is fetched when it
    /// is needed.
    func prefetch(_ blob: BlobReference) async {
        defer { isPrefetching = false }
        await cache.retain(blob.digest)
        do {
            _ = try await BlobFetcher(cache: cache, link: link, logger: logger).path(of: blob)
            logger.debug("fetched ahead", metadata: ["blob": "\(blob.name)"])
        } catch {
            logger.debug(
                "cannot fetch ahead", metadata: ["blob": "\(blob.name)", "error": "\(error)"])
        }
        await cache.release(blob.digest)
        await sayInventory()
    }

    func prefetchLater(_ blobs: [BlobReference]) {
        guard !isPrefetching, drainDeadline == nil,
            let blob = blobs.first(where: { settings.policy.refusal(of: [$0]) == nil })
        else { return }
        isPrefetching = true
        startsInput.yield(.prefetch(blob))
    }

    func localDataLine() -> StatusReport.LocalDataLine? {
        let weightsCount = home.digests.count
        guard local != nil || weightsCount > 0 else { return nil }
        let sets = localSets ?? []
        let refused = Set(refusedLocalData.map(\.digest))
        return .init(
            directory: local?.directory, user: settings.dataUser,
            offeredCount: sets.count { !refused.contains($0.digest) },
            refusedCount: sets.count { refused.contains($0.digest) },
            unreadableCount: localProblemCount, weightsCount: weightsCount)
    }
}
