// A run that is interrupted leaves nothing behind: the coordinator or PostgreSQL that it started
// would go on using a core, and the next run would measure that, too.
import Benchmarking
import Foundation
import UnixSignals

enum Interruption {
    private static let lock = NSLock()
    nonisolated(unsafe) private static var directories: [URL] = []
    private static let patience: TimeInterval = 10

    /// Registers a directory to remove when the run is interrupted.
    static func remove(_ directory: URL) { lock.withLock { directories.append(directory) } }

    /// From now on SIGINT, SIGTERM and SIGHUP end the processes that this program started, and then
    /// this program.
    static func watch() async {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        // Unstructured: it lasts as long as the program.
        Task {
            for await signal in signals {
                endChildren()
                for directory in lock.withLock({ directories }) {
                    try? FileManager.default.removeItem(at: directory)
                }
                exit(128 + signal.rawValue)
            }
        }
    }

    private static func endChildren() {
        let own = ProcessInfo.processInfo.processIdentifier
        let children = ProcessUsage.descendants(of: own).filter { $0.parentID == own }
        for child in children { kill(child.processID, SIGTERM) }
        let deadline = Date(timeIntervalSinceNow: patience)
        while children.contains(where: isRunning), Date() < deadline { usleep(50_000) }
        for child in children where isRunning(child) { kill(child.processID, SIGKILL) }
    }

    /// Whether the process still runs and is not just a zombie.
    private static func isRunning(_ child: ProcessUsage) -> Bool {
        guard
            let stat = try? String(
                contentsOfFile: "/proc/\(child.processID)/stat", encoding: .utf8),
            let close = stat.lastIndex(of: ")")
        else { return false }
        return !stat[close...].hasPrefix(") Z")
    }
}
