// z = P x + b for many stored features at once, and the gradient of P: nearly all of a ranker's
// arithmetic. Three ways to the same numbers: our float32 kernel, our bfloat16 kernel, oneDNN;
// `ProjectionWeights` knows which, and keeps P as that way reads it.
internal import CKernels

/// How pairs of bfloat16 are multiplied. Each way has the same rounded factors and float32 sums,
/// but its own order of sums.
package enum PairProducts: Sendable, CaseIterable {
    /// The dot product of AVX-512.
    case dots
    /// Products in float32, for processors whose dot product is slow.
    case widened
    /// The processor's matrix unit.
    case tiles

    /// Whether this processor and system can multiply a layer of this shape in this way.
    package func serves(_ layer: Dense) -> Bool {
        switch self {
        case .dots, .widened: Precision.bfloat16.available == .bfloat16
        case .tiles: hasTiles && layer.inputs.isMultiple(of: 32) && layer.outputs.isMultiple(of: 16)
        }
    }

    static func quickest(for layer: Dense) -> Self {
        if Self.tiles.serves(layer) { return .tiles }
        return ls_prefers_widened_pairs() ? .widened : .dots
    }
}

private let hasTiles = ls_request_tiles()

/// P and b in the order that the products read. Threads share them and fill them together.
/// Unchecked: each thread fills rows of its own, and afterwards it is only read.
public final class ProjectionWeights: @unchecked Sendable {
    public let layer: Dense
    /// The precision that is used, float32 where the processor lacks bfloat16.
    public let precision: Precision
    let pairs: PairProducts
    private let scratch: Scratch
    /// float32: P' [D, d]; bfloat16: pairs [(D + 1) / 2, d]; oneDNN: P [d, D] itself.
    let packed: UnsafeMutablePointer<Float>
    let bias: UnsafeMutablePointer<Float>

    /// - Parameter precision: The precision of the product; float32 replaces bfloat16 where the
    ///   processor lacks it.
    public convenience init(_ layer: Dense, precision: Precision) {
        self.init(layer, precision: precision, pairs: .quickest(for: layer))
    }

    /// - Parameter pairs: A way that serves the layer; nil for float32.
    package init(_ layer: Dense, precision: Precision, pairs: PairProducts) {
        self.layer = layer
        self.precision = precision.available
        self.pairs = pairs
        let count =
            self.precision == .bfloat16
            ? (layer.inputs + 1) / 2 * layer.outputs : layer.inputs * layer.outputs
        scratch = Scratch(count: Scratch.rounded(count) + Scratch.rounded(layer.outputs))
        packed = scratch.take(count)
        bias = scratch.take(layer.outputs)
    }

    /// The memory that the weights take.
    public var byteCount: Int { scratch.byteCount }

    /// The step in which columns are divided among threads.
    public static let columnStep = 16

    /// Copies P and b.
    public func fill(from parameters: UnsafePointer<Float>) {
        fill(from: parameters, columns: 0..<layer.inputs)
        fillBias(from: parameters)
    }

    /// Copies P [d, D] and b [d] from their addresses.
    public func fill(weight: UnsafePointer<Float>, bias: UnsafePointer<Float>) {
        fill(from: weight - layer.weight, columns: 0..<layer.inputs)
        fillBias(from: bias - layer.bias)
    }

    /// Copies b alone.
    public func fillBias(from parameters: UnsafePointer<Float>) {
        bias.update(from: parameters + layer.bias, count: layer.outputs)
    }

    /// Copies the columns `columns` of P.
    /// - Precondition: `columns` starts at a multiple of `columnStep`.
    public func fill(from parameters: UnsafePointer<Float>, columns: Range<Int>) {
        guard !columns.isEmpty else { return }
        let (d, size, first) = (layer.outputs, layer.inputs, columns.lowerBound)
        let source = parameters + layer.weight + first
        if precision == .bfloat16 {
            ls_pair_columns(source, size, words + first / 2 * d, d, d, columns.count)
        } else if hasOwnProducts {
            ls_transpose(source, size, packed + first * d, d, d, columns.count)
        } else {
            for output in 0..<d {
                (packed + output * size + first).update(
                    from: source + output * size, count: columns.count)
            }
        }
    }

    var words: UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(packed).assumingMemoryBound(to: UInt32.self)
    }
}

/// The memory of one thread for blocks of features.
public final class ProjectionScratch {
    /// The number of rows that are multiplied with one part of P before the next part is read.
    static let rowCount = 96
    /// Rows of C the kernels keep in registers; of the matrix unit's.
    static let (tileRowCount, unitRowCount) = (6, 16)
    static let depth = 512
    static let libraryRowCount = 64
    static let gradientRowCount = 192
    static let gradientColumnCount = 256
    private let scratch: Scratch
    let block: UnsafeMutablePointer<Float>
    var words: UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(block).assumingMemoryBound(to: UInt32.self)
    }

    /// - Parameter inputs: The D of the widest projection that uses it.
    public init(inputs: Int) {
        let own = max(
            Self.unitRowCount * Self.depth, Self.gradientRowCount * Self.gradientColumnCount)
        let count = hasOwnProducts ? own : max(own, Self.libraryRowCount * inputs)
        scratch = Scratch(count: count)
        block = scratch.take(count)
    }
}
