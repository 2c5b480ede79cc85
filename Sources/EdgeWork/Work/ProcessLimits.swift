// How much of its machine a worker takes: the priority of its working threads, and its memory.
import Foundation
import LanguageSystem

enum ProcessLimits {
    /// Lowers the priority of the calling thread and of those it starts, by `nice` of 0 to 19. What
    /// keeps the leases keeps its priority.
    static func lowerPriority(by nice: Int) {
        // On Linux 0 is the calling thread. Lowering it cannot be refused; a kernel that would,
        // only makes the work less polite.
        if nice > 0 { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Int32(nice)) }
    }

    /// Memory that is this process's own: not the files it maps. Nil where the system does not say.
    static var privateByteCount: Int64? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
            return nil
        }
        let pages = text.split(separator: " ").compactMap { Int64($0) }
        guard pages.count >= 3 else { return nil }
        return (pages[1] - pages[2]) * Int64(sysconf(Int32(_SC_PAGESIZE)))
    }
}

extension LanguageSystemError {
    static func tooMuchMemory(_ found: Int64, max: Int64) -> Self {
        Self(
            .tooLarge,
            """
            cannot finish here: found \(found >> 20) MB of memory in use, this worker's owner \
            allows \(max >> 20)
            """,
            hint: "its owner allows what it takes: lsworker join --memory")
    }
}
