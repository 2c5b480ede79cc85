// SIGTERM and SIGINT while a program works: the first asks it to stop, the second insists.
import Foundation
import UnixSignals

public actor StopSignals {
    private var action: (@Sendable () async -> Void)?

    /// What the first signal starts. Until this is said, the first signal ends the program: there
    /// is nothing to finish.
    public func onFirst(_ action: @escaping @Sendable () async -> Void) { self.action = action }

    /// Listens for signals while `body` runs.
    public static func during<Value: Sendable>(
        _ body: (StopSignals) async throws -> Value
    ) async throws -> Value {
        // Nobody reads our log any more: no reason to die.
        signal(SIGPIPE, SIG_IGN)
        // A program that is a container's first process dies of no signal that it ignores.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let stopping = StopSignals()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await stopping.listen(to: signals) }
            defer { group.cancelAll() }
            return try await body(stopping)
        }
    }

    private func listen(to signals: UnixSignalsSequence) async {
        await withDiscardingTaskGroup { started in
            var isFirst = true
            for await signal in signals {
                guard isFirst, let action else { _exit(128 + signal.rawValue) }
                isFirst = false
                started.addTask { await action() }
            }
        }
    }
}
