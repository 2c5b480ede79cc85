// Keeps the C library's heaps small. A download's buffers are made on one thread and freed on
// another, and small things come to lie between them: with eight downloads glibc's heaps held 158
// MB, while the same downloads with each block mapped by itself took 73 beside the program. A
// service: it looks ten times a second, and pages that were used since and are not any more go
// back. A coordinator at rest gives nothing back.
import CMalloc
import ServiceLifecycle

struct MallocTrimmer: Service {
    private static let interval: Duration = .milliseconds(100)
    /// Less than this, freed since pages were last given back, is not worth asking for again.
    private static let freedByteCountMax = 16 << 20

    /// Smaller blocks come from a heap. A ranker's weights as PostgreSQL sends them are 1.25 MB: in
    /// a mapping of their own each miss of the cache would begin with 300 pages that the system has
    /// to clear.
    private static let ownMappingByteCount: Int32 = 4 << 20
    /// What a heap's end may hold unused before it goes back at once.
    private static let keptByteCount: Int32 = 2 << 20

    /// A heap for each core instead of eight. Before there are threads: one that has a heap keeps
    /// it.
    static func bound() {
        ls_malloc_bound(Int32(max(2, Cores.count)), ownMappingByteCount, keptByteCount)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // What is unused counts pages that went back already: what was freed is the rise from
            // its lowest.
            var lowest = Int.max
            while !Task.isCancelled {
                try? await ContinuousClock().sleep(for: Self.interval)
                let unused = Int(ls_malloc_unused())
                lowest = min(lowest, unused)
                if unused - lowest > Self.freedByteCountMax {
                    ls_malloc_give_back()
                    lowest = unused
                }
            }
        }
    }
}
