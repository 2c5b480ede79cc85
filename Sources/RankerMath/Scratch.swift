// Memory that one thread computes in: allocated once, cut into pieces, never grown while in use.
internal import CKernels

/// A block of float32 numbers, from which pieces are taken in order. A piece belongs to its taker.
/// Unchecked: one thread computes in it at a time; what is shared is only read by then.
public final class Scratch: @unchecked Sendable {
    private let block: MemoryBlock
    private let buffer: UnsafeMutableBufferPointer<Float>
    private var used = 0

    /// Allocates `count` numbers of 4 bytes.
    public init(count: Int) {
        let count = Self.rounded(max(count, 1))
        block = MemoryBlock(byteCount: 4 * count)
        let start = block.start.bindMemory(to: Float.self, capacity: count)
        buffer = UnsafeMutableBufferPointer(start: start, count: count)
        buffer.initialize(repeating: 0)
    }

    public var byteCount: Int { 4 * buffer.count }

    /// The next `count` numbers, aligned to 64 bytes.
    public func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        let start = used
        used += Self.rounded(count)
        precondition(used <= buffer.count, "scratch memory was counted wrongly")
        // It has an address: there is room for a number.
        return buffer.baseAddress! + start
    }

    /// The next `count` 32-bit words, aligned to 64 bytes.
    public func takeWords(_ count: Int) -> UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(take(count)).assumingMemoryBound(to: UInt32.self)
    }

    /// The count rounded up to a multiple of 16 numbers (64 bytes).
    public static func rounded(_ count: Int) -> Int { (count + 15) / 16 * 16 }
}

/// Adds `source` to `target`, element by element.
public func add(
    _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int
) {
    ls_add(source, target, count)
}

/// Adds the sum of each column j of x [rows, width] to total[j].
public func addColumnSums(
    of x: UnsafePointer<Float>, to total: UnsafeMutablePointer<Float>, rows: Int, width: Int
) {
    ls_add_column_sums(x, total, rows, width)
}
