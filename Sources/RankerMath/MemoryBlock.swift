// Memory for weights. Blocks of one size lie together, so that a ranker that leaves makes room for
// exactly one that comes. In the C library's heaps small things settle in the gaps: 4.3 GB of
// rankers took 4.5 to 5.3 while some came and others went, and each new one was written to pages
// that the system had to clear first.
internal import Glibc
internal import Synchronization

/// Blocks of one size in one mapping. Its owner's lock guards it.
/// Unchecked: the list of slabs is a Mutex, and a slab changes only under it.
private final class Slab: @unchecked Sendable {
    static let blockCount = 16
    let start: UnsafeMutableRawPointer
    let blockByteCount: Int
    /// One bit for each free block.
    var free: UInt16 = .max

    /// Maps a slab; nil when the system has no more memory.
    init?(blockByteCount: Int) {
        self.blockByteCount = blockByteCount
        let start = mmap(
            nil, Self.blockCount * blockByteCount, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start, start != MAP_FAILED else { return nil }
        self.start = start
    }

    deinit { munmap(start, Self.blockCount * blockByteCount) }

    func takeBlock() -> UnsafeMutableRawPointer {
        let index = free.trailingZeroBitCount
        free &= ~(1 << index)
        return start + index * blockByteCount
    }

    func giveBack(_ block: UnsafeMutableRawPointer) {
        free |= 1 << UInt16((block - start) / blockByteCount)
    }
}

/// A run of bytes, aligned to a page when it is large; what lies in it is whatever lay there
/// before.
/// Unchecked: it owns its bytes alone and orders no access to them; who shares them does.
final class MemoryBlock: @unchecked Sendable {
    /// The sizes of blocks in slabs, which are those of a ranker's parts. The C library allocates
    /// smaller and larger ones.
    private static let slabByteCounts = 128 << 10...2 << 20
    private static let pageByteCount = 4_096
    /// Slabs with a free block, by the size of their blocks.
    private static let slabs = Mutex<[Int: [Slab]]>([:])

    let start: UnsafeMutableRawPointer
    private let slab: Slab?

    init(byteCount: Int) {
        if Self.slabByteCounts.contains(byteCount), let (slab, start) = Self.take(byteCount) {
            self.slab = slab
            self.start = start
        } else {
            slab = nil
            start = .allocate(byteCount: byteCount, alignment: 64)
        }
    }

    deinit {
        guard let slab else { return start.deallocate() }
        Self.giveBack(start, to: slab)
    }

    /// How many free blocks of this size stay mapped.
    static func freeCount(byteCount: Int) -> Int {
        slabs.withLock {
            $0[wholePages(byteCount)]?.reduce(0) { $0 + $1.free.nonzeroBitCount } ?? 0
        }
    }

    private static func wholePages(_ byteCount: Int) -> Int {
        (byteCount + pageByteCount - 1) / pageByteCount * pageByteCount
    }

    private static func take(_ byteCount: Int) -> (Slab, UnsafeMutableRawPointer)? {
        let byteCount = wholePages(byteCount)
        return slabs.withLock { slabs in
            guard let slab = slabs[byteCount]?.last ?? Slab(blockByteCount: byteCount) else {
                return nil
            }
            if slab.free == .max, slabs[byteCount]?.last !== slab {
                slabs[byteCount, default: []].append(slab)
            }
            let start = slab.takeBlock()
            if slab.free == 0 { slabs[byteCount]?.removeLast() }
            return (slab, start)
        }
    }

    /// Frees a block. One unused slab of each size is kept; further ones are unmapped.
    private static func giveBack(_ block: UnsafeMutableRawPointer, to slab: Slab) {
        slabs.withLock { slabs in
            if slab.free == 0 { slabs[slab.blockByteCount, default: []].append(slab) }
            slab.giveBack(block)
            guard slab.free == .max else { return }
            // At the front it is the last to be taken from.
            slabs[slab.blockByteCount]?.removeAll { $0 === slab }
            if slabs[slab.blockByteCount]?.first?.free != .max {
                slabs[slab.blockByteCount]?.insert(slab, at: 0)
            }
        }
    }
}
