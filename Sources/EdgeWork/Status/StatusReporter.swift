// Writes what `lsworker status` shows, now and then and whenever a connection begins or ends. The
// parts of the worker tell it what went wrong; all else it asks them when it writes.
import Concurrency
import Foundation
import LanguageSystem
import Logging
import PKI

final class StatusReporter: Sendable {
    private let state: StateDirectory
    private let logger: Logger
    private let errors = Locked(RecentErrors())
    private let changes: AsyncStream<Void>
    private let change: AsyncStream<Void>.Continuation

    init(_ state: StateDirectory, logger: Logger) {
        self.state = state
        self.logger = logger
        // What changes while the file is written is in the next one.
        (changes, change) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Something went wrong that a person may want to know.
    func note(_ error: LanguageSystemError) { errors.withLock { $0.note(error, at: Date()) } }

    /// A connection began or ended: the status is written soon.
    func connectionChanged() { change.yield() }

    /// Writes until it is cancelled.
    func run(_ parts: WorkerParts, every interval: Duration) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while true {
                    try await ContinuousClock().sleep(for: interval)
                    self.change.yield()
                }
            }
            group.addTask { for await _ in self.changes { await self.write(parts) } }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// - Parameter hasStopped: The worker is about to end.
    func write(_ parts: WorkerParts, hasStopped: Bool = false) async {
        let report = await report(parts, hasStopped: hasStopped)
        do {
            try state.save(report)
        } catch {
            // Work goes on without it.
            logger.debug("cannot write the status", metadata: ["error": "\(error.message)"])
        }
    }

    private func report(_ parts: WorkerParts, hasStopped: Bool) async -> StatusReport {
        let (cache, supervisor) = (parts.cache, parts.supervisor)
        let identity = await parts.renewal.identity
        let (book, counts) = await (supervisor.book, supervisor.counts)
        let isDraining = await supervisor.isDraining
        let openSince = parts.outbox.openSince
        return StatusReport(
            programVersion: ProductVersion.current,
            processId: ProcessInfo.processInfo.processIdentifier, writtenAt: Date(),
            worker: identity.workerName, coordinator: identity.coordinator,
            connection: hasStopped
                ? .stopped : isDraining ? .draining : openSince != nil ? .connected : .connecting,
            connectedSince: openSince, certificateUntil: identity.certificate.notAfter,
            tasks: book.all.map(StatusReport.TaskLine.init),
            completedCount: counts.completed, failedCount: counts.failed, lostCount: counts.lost,
            cache: StatusReport.CacheLine(
                blobCount: await cache.blobCount, byteCount: await cache.byteCount,
                byteCountMax: cache.byteCountMax),
            errors: errors.withLock { $0.lines }, tlsVersion: parts.outbox.tlsVersion,
            takesTasks: parts.settings.policy.takesTasks(at: Date()),
            allows: parts.settings.policy.lines,
            localData: await parts.localData.statusLine(),
            reranks: parts.reranks.statusLine())
    }
}

extension StatusReport.TaskLine {
    fileprivate init(_ entry: LeaseBook.Entry) {
        self.init(
            taskId: entry.work.taskID.rawValue, attempt: entry.work.attempt,
            kind: entry.work.kind, ranker: entry.work.rankerName, phase: entry.phase.rawValue,
            progress: entry.progress, note: entry.note)
    }
}
