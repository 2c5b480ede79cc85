// On what a figure was measured, and how much memory it took: Linux says both as text.
internal import Foundation

/// The properties of the processor that speed depends on.
package struct Machine: Encodable, Sendable, Hashable {
    package let cpu: String
    /// The instruction sets in /proc/cpuinfo by which our kernels or oneDNN choose.
    package let instructionSets: [String]
    package let cores: Int

    package static let known = [
        "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16",
        "avx512_fp16", "amx_bf16", "amx_tile",
    ]

    package static func current() -> Machine {
        let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
        return Machine(
            cpuInfo: text ?? "", cores: ProcessInfo.processInfo.activeProcessorCount)
    }

    /// - Parameter cpuInfo: The text of /proc/cpuinfo; "unknown" where it names no model.
    package init(cpuInfo: String, cores: Int) {
        let model = value(of: "model name", in: cpuInfo)
        let flags = value(of: "flags", in: cpuInfo) ?? ""
        let present = Set(flags.split(separator: " ").map(String.init))
        cpu = model ?? "unknown"
        instructionSets = Self.known.filter(present.contains)
        self.cores = cores
    }
}

/// The peak resident memory of this process in bytes, with mapped files; nil when the system does
/// not report it.
package func peakResidentBytes() -> Int? {
    let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    return text.flatMap(peakResidentBytes(status:))
}

/// - Parameter status: the text of /proc/self/status.
package func peakResidentBytes(status: String) -> Int? {
    let words = value(of: "VmHWM", in: status)?.split(separator: " ")
    guard let words, words.count == 2, words[1] == "kB", let count = Int(words[0]) else {
        return nil
    }
    return count * 1_024
}

/// The first `key : value` of the text, without the spaces around it.
private func value(of key: String, in text: String) -> String? {
    for line in text.split(separator: "\n") {
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { continue }
        if parts[0].trimmingCharacters(in: .whitespaces) == key {
            return parts[1].trimmingCharacters(in: .whitespaces)
        }
    }
    return nil
}
