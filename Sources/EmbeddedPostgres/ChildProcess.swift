// A program of ours, started with posix_spawn in a session of its own (Ctrl-C at the terminal is
// for us, not for it), with no inherited descriptors and no inherited signal settings. A thread
// waits for its end.
import CLibPQ
import Concurrency
import Foundation
import Glibc
import PostgresAccess

// Unchecked: what changes is behind the condition.
final class ChildProcess: @unchecked Sendable {
    let processID: pid_t
    private let condition = NSCondition()
    private var exitStatus: Int32?
    private var waiters: [CheckedContinuation<Int32, Never>] = []

    /// - Parameter outputPath: The file to which stdout and stderr are appended.
    init(_ arguments: [String], environment: [String], outputPath: String) throws(PostgresError) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(
            &actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes,
            Int16(
                POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
                    | Int32(LS_POSIX_SPAWN_SETSID)))

        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) }
        defer { for text in argv + envp { free(text) } }
        argv.append(nil)
        envp.append(nil)
        var processID: pid_t = 0
        let status = posix_spawn(&processID, arguments[0], &actions, &attributes, argv, envp)
        guard status == 0 else {
            throw PostgresError(
                .connection,
                "\(arguments[0]) could not be started: \(String(cString: strerror(status)))")
        }
        self.processID = processID
        startThread(name: "pg-wait") { self.waitUntilExit() }
    }

    /// Sends the signal, unless the program has ended: another process may have its number by then.
    func signal(_ number: Int32) {
        condition.lock()
        if exitStatus == nil { kill(processID, number) }
        condition.unlock()
    }

    /// The status from waitpid(2); nil while the program runs.
    var status: Int32? {
        condition.lock()
        defer { condition.unlock() }
        return exitStatus
    }

    /// Blocks until the program ends; returns false when it still runs after `duration`.
    func waitForExit(atMost duration: Duration) -> Bool {
        let end = Date(timeIntervalSinceNow: duration / .seconds(1))
        condition.lock()
        defer { condition.unlock() }
        while exitStatus == nil {
            if !condition.wait(until: end) { break }
        }
        return exitStatus != nil
    }

    func exit() async -> Int32 {
        await withCheckedContinuation { continuation in
            condition.lock()
            defer { condition.unlock() }
            if let exitStatus {
                continuation.resume(returning: exitStatus)
            } else {
                waiters.append(continuation)
            }
        }
    }

    private func waitUntilExit() {
        // First without reaping, so that `signal` never meets a number that is free again.
        var information = siginfo_t()
        while waitid(P_PID, id_t(processID), &information, WEXITED | WNOWAIT) != 0 && errno == EINTR
        {}
        condition.lock()
        var status: Int32 = 0
        while waitpid(processID, &status, 0) < 0 && errno == EINTR {}
        exitStatus = status
        let waiters = self.waiters
        self.waiters = []
        condition.broadcast()
        condition.unlock()
        for waiter in waiters { waiter.resume(returning: status) }
    }

    /// The status for people: "exit status 1", "signal 9".
    static func words(for status: Int32) -> String {
        status & 0x7F == 0 ? "exit status \(status >> 8 & 0xFF)" : "signal \(status & 0x7F)"
    }
}
