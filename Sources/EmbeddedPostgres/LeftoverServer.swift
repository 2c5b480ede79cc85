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

    /// Blocks until no process of a server runs in the directory and no file names one.
    func stop(deadline: Duration) throws(LanguageSystemError) {
        let file = directory.data + "/postmaster.pid"
        if let text = try? String(contentsOfFile: file, encoding: .utf8) {
            if let processID = Self.processID(in: text), isServerOfOurs(processID) {
                logger.notice("stopping a PostgreSQL server left by an earlier run (\(processID))")
                try stop([processID], with: [(SIGINT, deadline), (SIGQUIT, .seconds(5))])
            } else {
                // PostgreSQL would believe any living process of that number to be its rival.
                unlink(file)
            }
        }
        // Of a server that was killed. One at work on a long statement goes on with it, and while
        // it does no new server may start.
        let orphans = processesOfOurs()
        if !orphans.isEmpty {
            logger.notice(
                "stopping \(orphans.count) processes of a PostgreSQL server that was killed")
            try stop(orphans, with: [(SIGQUIT, .seconds(5))])
        }
        // Its number, too, is believed to be a rival's: of a stranger, or of a dead process whose
        // parent has not looked yet.
        unlink(directory.socketPath + ".lock")
    }

    /// Sends each signal and waits its duration, then sends SIGKILL.
    private func stop(_ processIDs: [pid_t], with signals: [(Int32, Duration)])
        throws(LanguageSystemError)
    {
        var remaining = processIDs
        for (signal, wait) in signals + [(SIGKILL, .seconds(5))] {
            for processID in remaining { kill(processID, signal) }
            let end = ContinuousClock.now + wait
            while ContinuousClock.now < end {
                remaining.removeAll { !isServerOfOurs($0) }
                if remaining.isEmpty { return }
                usleep(10_000)
            }
        }
        throw LanguageSystemError(
            .unavailable,
            "a PostgreSQL server left by an earlier run (process \(remaining[0])) does not stop")
    }

    private func processesOfOurs() -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { isServerOfOurs($0) }
    }

    /// Reads the process number in the first line of postmaster.pid.
    static func processID(in text: String) -> pid_t? {
        guard let line = text.split(separator: "\n").first, let number = pid_t(line), number > 1
        else { return nil }
        return number
    }

    /// Whether the process is a postgres whose working directory is our data directory.
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
