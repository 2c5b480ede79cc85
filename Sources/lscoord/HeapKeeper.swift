// Keeps the C library's heaps small. A download's buffers are made on one thread and freed on another,
// and small things come to lie between them: with eight downloads glibc's heaps held 158 MB, while the
// same downloads with each block mapped by itself took 73 beside the program. A service: ten times a
// second, pages that nobody uses go back.
import CMalloc
import Foundation
import ServiceLifecycle

struct HeapKeeper: Service {
    private static let interval: Duration = .milliseconds(100)
    /// Less than this is not worth asking for again.
    private static let unusedByteCountMax = 16 << 20

    /// A heap for each core instead of eight. Before there are threads: one that has a heap keeps it.
    static func bound() {
        let coreCount = ProcessInfo.processInfo.activeProcessorCount
        ls_malloc_bound(Int32(max(2, coreCount)), 1 << 20, 2 << 20)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await ContinuousClock().sleep(for: Self.interval)
                if ls_malloc_unused() > Self.unusedByteCountMax { ls_malloc_give_back() }
            }
        }
    }
}
