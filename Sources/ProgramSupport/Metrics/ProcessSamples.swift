// What the process itself uses, in the names that dashboards know.
import Foundation

extension MetricSamples {
    public mutating func addProcess() {
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        // The name is in brackets and may hold anything; fields are counted after it (proc(5)).
        if let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            let close = text.lastIndex(of: ")")
        {
            let fields = text[text.index(after: close)...].split(separator: " ").map { Double($0) }
            if fields.count > 21, let user = fields[11], let system = fields[12],
                let start = fields[19], let pages = fields[21]
            {
                counter("process_cpu_seconds_total", (user + system) / ticks)
                gauge("process_resident_memory_bytes", pages * Double(sysconf(Int32(_SC_PAGESIZE))))
                if let boot = Self.bootTime {
                    gauge("process_start_time_seconds", boot + start / ticks)
                }
            }
        }
        if let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            gauge("process_open_fds", files.count)
        }
    }

    /// Seconds since 1970.
    private static let bootTime: Double? = {
        guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8) else {
            return nil
        }
        return text.split(separator: "\n").first { $0.hasPrefix("btime ") }
            .flatMap { Double($0.dropFirst(6)) }
    }()
}
