// What running programs have used so far, from /proc: processor time, memory, and who started whom.
internal import Foundation

package struct ProcessUsage: Sendable, Hashable {
    package let processID: Int32
    package let parentID: Int32
    /// The CPU time of the process and of the children that it has waited for.
    package let cpuSeconds: Double
    package let residentBytes: Int

    /// - Parameters:
    ///   - stat: the text of /proc/PID/stat.
    ///   - ticksPerSecond: what its times are counted in.
    ///   - pageSize: what its memory is counted in.
    package init?(stat: String, ticksPerSecond: Double, pageSize: Int) {
        // The name is in brackets and may hold anything, brackets and spaces included.
        guard let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")"),
            let processID = Int32(stat[..<open].trimmingCharacters(in: .whitespaces))
        else { return nil }
        // From the state, which is field 3 of proc(5).
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        guard fields.count > 21, let parentID = Int32(fields[1]), let pages = Int(fields[21])
        else { return nil }
        let ticks = fields[11...14].compactMap { Double($0) }
        guard ticks.count == 4 else { return nil }
        self.processID = processID
        self.parentID = parentID
        cpuSeconds = ticks.reduce(0, +) / ticksPerSecond
        residentBytes = pages * pageSize
    }

    /// The usage of a process; nil when there is no such process any more.
    package static func of(_ processID: Int32) -> ProcessUsage? {
        guard
            let text = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8)
        else { return nil }
        return ProcessUsage(
            stat: text, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))),
            pageSize: sysconf(Int32(_SC_PAGESIZE)))
    }

    /// The peak resident memory of a process since its start or since `forgetPeak`; nil when it has
    /// ended.
    package static func peakResidentBytes(of processID: Int32) -> Int? {
        let text = try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)
        return text.flatMap(Benchmarking.peakResidentBytes(status:))
    }

    /// Resets the peak of a process (proc(5), clear_refs).
    package static func forgetPeak(of processID: Int32) {
        try? Data("5".utf8).write(to: URL(filePath: "/proc/\(processID)/clear_refs"))
    }

    /// All running processes that `processID` started, directly or indirectly.
    package static func descendants(of processID: Int32) -> [ProcessUsage] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return descendants(of: processID, among: names.compactMap { Int32($0).flatMap(of) })
    }

    static func descendants(of processID: Int32, among all: [ProcessUsage]) -> [ProcessUsage] {
        let children = Dictionary(grouping: all, by: \.parentID)
        var found: [ProcessUsage] = []
        var left = children[processID] ?? []
        while let next = left.popLast() {
            found.append(next)
            left += children[next.processID] ?? []
        }
        return found
    }
}
