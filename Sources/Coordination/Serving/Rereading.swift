// Reading something again for whoever needs it as it is now. A reading that is under way may have
// begun before what is to be heard of happened: whoever asks meanwhile shares the next one.
// However many ask, one reading is under way and one waits, and they begin no closer together
// than `spacing`.
import Foundation

// Unchecked: all that changes is read and written under `lock`. A Mutex would say so to the
// compiler, but the thread sanitizer does not see it and reports a race.
final class Rereading: @unchecked Sendable {
    private let spacing: Duration
    private let clock = ContinuousClock()
    private let lock = NSLock()
    /// Under way, or the last that was.
    private var present: Task<Void, any Error>?
    /// Has not begun: it waits for the present one, and for its time.
    private var next: Task<Void, any Error>?
    private var begunAt: ContinuousClock.Instant?

    init(spacing: Duration) { self.spacing = spacing }

    /// A reading that begins after this call; the same for all who ask before it does.
    ///
    /// - Parameter body: How to read; the same at each call. Called by one task at a time.
    func fromNow(_ body: @escaping @Sendable () async throws -> Void) -> Task<Void, any Error> {
        lock.withLock {
            if let next { return next }
            let previous = present
            // Not structured: it is shared by all who ask, and who leaves must not end it for the
            // others.
            let task = Task {
                _ = await previous?.result
                if let pause = pause() { try? await clock.sleep(for: pause) }
                begin()
                try await body()
            }
            next = task
            return task
        }
    }

    private func pause() -> Duration? {
        lock.withLock {
            begunAt.map { $0 + spacing - clock.now }.flatMap { $0 > .zero ? $0 : nil }
        }
    }

    private func begin() {
        lock.withLock {
            begunAt = clock.now
            present = next
            next = nil
        }
    }
}
