// The cores that this process may run on: under taskset or a cpuset fewer than the machine has,
// which Foundation does not see.
import CMalloc
import Foundation
import NIOCore

enum Cores {
    static let count: Int = {
        let allowed = Int(ls_core_count())
        return allowed > 0
            ? min(allowed, System.coreCount) : ProcessInfo.processInfo.activeProcessorCount
    }()

    /// An event loop for each. Before anything listens.
    static func giveEachAnEventLoop() { NIOSingletons.groupLoopCountSuggestion = count }
}
