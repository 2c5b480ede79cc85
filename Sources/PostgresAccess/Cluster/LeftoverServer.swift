// A server that outlived us (we were SIGKILLed) still runs in our data directory. We hold the
// directory's lock, so nobody else uses it: it is stopped, and ours is started. Numbers in
// postmaster.pid may be stale and belong to anybody by now, so /proc decides.
import Foundation
import Glibc
import LanguageSystem
import Logging

struct LeftoverServer: Sendable {
    let directory: ClusterDirectory
    let logger: Logger

    /// Blocks until no server runs in the directory.
    func stop(deadline: Duration) throws(CoordinatorError) {
        let file = directory.data + "/postmaster.pid"
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return }
        guard let processID = Self.processID(in: text), isServerOfOurs(processID) else {
            // PostgreSQL would believe any living process of that number to be its rival.
            unlink(file)
            return
        }
        logger.notice("stopping a PostgreSQL server left by an earlier run (\(processID))")
        for (signal, wait) in [
            (SIGINT, deadline), (SIGQUIT, Duration.seconds(5)), (SIGKILL, .seconds(5)),
        ] {
            kill(processID, signal)
            let end = ContinuousClock.now + wait
            while ContinuousClock.now < end {
                if !isServerOfOurs(processID) { return }
                usleep(10_000)
            }
        }
        throw CoordinatorError(
            .unavailable,
            "a PostgreSQL server left by an earlier run (process \(processID)) does not stop")
    }

    /// postmaster.pid's first line.
    static func processID(in text: String) -> pid_t? {
        guard let line = text.split(separator: "\n").first, let number = pid_t(line), number > 1
        else { return nil }
        return number
    }

    /// A postgres whose working directory is our data directory.
    func isServerOfOurs(_ processID: pid_t) -> Bool {
        guard let program = link("/proc/\(processID)/exe"),
            let workingDirectory = link("/proc/\(processID)/cwd")
        else { return false }
        // An upgraded package leaves "… (deleted)" behind.
        let name = program.replacingOccurrences(of: " (deleted)", with: "")
        return (name as NSString).lastPathComponent == "postgres"
            && workingDirectory == directory.realPath(directory.data)
    }

    private func link(_ path: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: path)
    }
}
