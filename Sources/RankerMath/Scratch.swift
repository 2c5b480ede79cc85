// Memory that one thread computes in: allocated once, cut into pieces, never grown while in use.
internal import CKernels

/// A run of float32 numbers; pieces are handed out in order and belong to whoever asked.
/// Unchecked: one thread computes in it at a time; what is shared is only read by then.
public final class Scratch: @unchecked Sendable {
    private let block: MemoryBlock
    private let buffer: UnsafeMutableBufferPointer<Float>
    private var used = 0

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

    /// The same as 32-bit words.
    public func takeWords(_ count: Int) -> UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(take(count)).assumingMemoryBound(to: UInt32.self)
    }

    public static func rounded(_ count: Int) -> Int { (count + 15) / 16 * 16 }
}

/// Adds `source` to `target`, number by number.
public func add(
    _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int
) {
    ls_add(source, target, count)
}

/// total[j] += the sum of column j of x [rows, width].
public func addColumnSums(
    of x: UnsafePointer<Float>, to total: UnsafeMutablePointer<Float>, rows: Int, width: Int
) {
    ls_add_column_sums(x, total, rows, width)
}
