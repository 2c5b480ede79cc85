// A value behind a lock. NSLock, because the thread sanitizer understands it and reports false
// races under Synchronization.Mutex.
import Foundation

// Unchecked: the value is touched only behind the lock.
final class Locked<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: sending Value) { self.value = value }

    /// `body` must neither block nor call back into the owner.
    func withLock<T>(_ body: (inout Value) throws -> T) rethrows -> T {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
