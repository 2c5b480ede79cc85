// How another thread reaches one that waits in poll(2) for PostgreSQL: an eventfd that the wait
// also watches. Each use of a connection has its number, so that a late cancellation of one caller
// never hits the next.
import CLibPQ
import Concurrency
import Glibc

package final class Interrupt: Sendable {
    private struct State {
        var use = 0
        var isRaised = false
    }

    let descriptor: Int32
    private let state = Locked(State())

    package init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        precondition(descriptor >= 0, "no file descriptor is left for an eventfd")
    }

    deinit { close(descriptor) }

    var isRaised: Bool { state.withLock { $0.isRaised } }

    /// Begins a use: earlier interrupts are forgotten, and earlier numbers no longer interrupt.
    func begin() -> Int {
        state.withLock { state in
            state.use += 1
            if state.isRaised {
                state.isRaised = false
                var count: UInt64 = 0
                _ = read(descriptor, &count, 8)
            }
            return state.use
        }
    }

    /// Wakes the wait if that use is still the present one.
    func raise(use: Int) {
        state.withLock { state in
            if state.use == use { raise(&state) }
        }
    }

    /// Wakes the present use.
    func raise() {
        state.withLock { raise(&$0) }
    }

    private func raise(_ state: inout State) {
        guard !state.isRaised else { return }
        state.isRaised = true
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }
}

extension Interrupt {
    /// Sleeps until the duration is over or it is interrupted.
    func wait(_ duration: Duration) {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&watched, 1, duration.milliseconds)
    }
}
