// SIGTERM and SIGINT: the first asks, the second insists.
import Dispatch
import Foundation

// Unchecked: what changes is behind the lock.
final class StopSignals: @unchecked Sendable {
    private let lock = NSLock()
    private var sources: [any DispatchSourceSignal] = []
    private var count = 0
    private var action: (@Sendable () async -> Void)?

    init() {
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in self?.received(number) }
            source.resume()
            sources.append(source)
        }
        // Nobody reads our log any more: no reason to die.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Before this, the first signal ends the program: there is nothing to finish.
    func onFirst(_ action: @escaping @Sendable () async -> Void) {
        lock.withLock { self.action = action }
    }

    private func received(_ number: Int32) {
        let (count, action) = lock.withLock {
            self.count += 1
            return (self.count, self.action)
        }
        guard count == 1, let action else { _exit(128 + number) }
        // Not structured: a signal comes from outside of everything.
        Task { await action() }
    }
}
