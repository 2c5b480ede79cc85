// The one lock of this project: a value that can be reached only while the lock is held. NSLock,
// because the thread sanitizer understands it and reports false races under Synchronization.Mutex.
public import Foundation

/// A value that several threads and tasks change in turn.
// Unchecked: the value is touched only behind the lock.
public final class Locked<Value>: @unchecked Sendable {
    // Seen by the other targets' compiler: unspecialized, a use takes half as long again.
    @usableFromInline let lock = NSLock()
    @usableFromInline var value: Value

    public init(_ value: sending Value) { self.value = value }

    /// Runs `body` with the value, while nobody else has it.
    ///
    /// - Parameter body: Must neither block nor come back to this lock.
    @inlinable public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
