// A started program: posix_spawn and waitpid. Foundation's Process learns of an end through a
// socket that other children, started at the same moment, may inherit and keep open; with tests
// side by side that happens.
import Foundation
import Testing

final class ChildProcess: @unchecked Sendable {
    let processIdentifier: pid_t
    private let lock = NSLock()
    private var status: Int32?

    /// - Parameters:
    ///   - environment: laid over ours.
    ///   - input: a file to read; by default there is nothing to read.
    ///   - output: where both outputs are appended.
    ///   - errors: for the second one, if not the same.
    ///   - workingDirectory: where it starts, if not where we are.
    init(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:],
        input: String = "/dev/null", output: String, errors: String? = nil,
        workingDirectory: String? = nil
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        let flags = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0o644)
        if let errors {
            posix_spawn_file_actions_addopen(&actions, 2, errors, flags, 0o644)
        } else {
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }

        // Its own group, so that Ctrl-C reaches the tests alone, and no signal of ours blocked.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        // posix_spawn has no such wish everywhere; env does.
        let (executable, arguments) =
            workingDirectory.map { ("/usr/bin/env", ["-C", $0, executable] + arguments) }
            ?? (executable, arguments)
        let values = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var argv = ([executable] + arguments).map { strdup($0) } + [nil]
        var envp = values.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var identifier: pid_t = 0
        let error = posix_spawn(&identifier, executable, &actions, &attributes, &argv, &envp)
        try #require(error == 0, "\(executable) did not start: \(String(cString: strerror(error)))")
        processIdentifier = identifier
    }

    var isRunning: Bool { ending(options: WNOHANG) == nil }

    /// What it exited with; minus the signal that ended it.
    var terminationStatus: Int32 { ending(options: 0)! }

    func waitUntilExit() { _ = ending(options: 0) }

    func terminate() { if isRunning { kill(processIdentifier, SIGTERM) } }

    private func ending(options: Int32) -> Int32? {
        lock.lock()
        defer { lock.unlock() }
        if let status { return status }
        var found: Int32 = 0
        var answer: pid_t
        repeat {
            answer = waitpid(processIdentifier, &found, options)
        } while answer < 0 && errno == EINTR
        guard answer != 0 else { return nil }
        let signal = found & 0x7f
        status = answer < 0 ? -1 : signal == 0 ? (found >> 8) & 0xff : -signal
        return status
    }
}
