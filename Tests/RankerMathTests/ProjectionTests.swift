// The projection and its gradient against sums in Double, over shapes that leave remainders on
// every side of the kernels' tiles.
import RankerMath
import Testing
import LanguageSystem

@Suite struct `Projection of stored features` {
    static let shapes = [
        ProjectionShape(rows: 1, d: 1, size: 1), ProjectionShape(rows: 2, d: 16, size: 64),
        ProjectionShape(rows: 5, d: 7, size: 33), ProjectionShape(rows: 7, d: 64, size: 130),
        ProjectionShape(rows: 11, d: 65, size: 131), ProjectionShape(rows: 49, d: 3, size: 1_030),
        ProjectionShape(rows: 131, d: 9, size: 259), ProjectionShape(rows: 257, d: 6, size: 48),
        // What the matrix unit takes: 16 to 80 columns, a last tile of few rows, a last block of
        // one tile.
        ProjectionShape(rows: 3, d: 64, size: 544), ProjectionShape(rows: 17, d: 16, size: 32),
        ProjectionShape(rows: 19, d: 80, size: 64), ProjectionShape(rows: 16, d: 48, size: 96),
    ]

    @Test(arguments: shapes, ProjectionWay.all)
    func `a projection agrees with sums in Double, whatever the features are stored in`(
        shape: ProjectionShape, way: ProjectionWay
    ) {
        for types in [[FeatureType.float16], [.bfloat16], [.float32], [.float16, .float32]] {
            let run = ProjectionRun(shape, way, types, seed: 1)
            let z = run.forward()
            for row in 0..<shape.rows {
                for output in 0..<shape.d {
                    let expected = run.expectedForward(row, output)
                    #expect(abs(Double(z[row * shape.d + output]) - expected) < run.tolerance)
                }
            }
        }
    }

    @Test(arguments: shapes, Precision.allCases)
    func `a projection has the gradient that sums in Double have, in any share of columns`(
        shape: ProjectionShape, precision: Precision
    ) {
        for types in [[FeatureType.float16], [.bfloat16, .float16], [.float32]] {
            let run = ProjectionRun(shape, ProjectionWay(precision), types, seed: 2)
            let whole = run.gradient(cuts: [])
            for output in 0..<shape.d {
                for column in 0..<shape.size {
                    let expected = run.expectedGradient(output, column)
                    let found = Double(whole[output * shape.size + column])
                    #expect(abs(found - expected) < run.tolerance)
                }
            }
            let parts = run.gradient(cuts: [shape.size / 3 / 16 * 16, shape.size / 2 / 16 * 16])
            let count = shape.size * shape.d
            #expect(zip(whole, parts).prefix(count).allSatisfy { abs($0 - $1) < 1e-4 })
            #expect((whole + parts).count { $0.isNaN } == 2 * shape.d, "only the bias is untouched")
        }
    }

    @Test(arguments: ProjectionWay.all)
    func `a projection gives each row the same bits whatever stands beside it`(way: ProjectionWay) {
        let many = ProjectionRun(
            ProjectionShape(rows: 50, d: 64, size: 704), way, [.float16], seed: 3)
        let all = many.forward()
        for row in [0, 5, 6, 47, 48, 49] {
            #expect(Array(all[row * 64..<(row + 1) * 64]) == many.forward(rows: row..<row + 1))
        }
    }
}

struct ProjectionShape: Sendable, CustomTestStringConvertible {
    let rows, d, size: Int
    var testDescription: String { "\(rows) x \(size) to \(d)" }
}

/// What processors choose between: each is tried on any that can.
struct ProjectionWay: Sendable, CustomTestStringConvertible {
    static let all = [
        Self(.float32), Self(.bfloat16), Self(.bfloat16, .widened), Self(.bfloat16, .tiles),
    ]
    let precision: Precision
    let pairs: PairProducts
    var testDescription: String { "\(precision), \(pairs)" }

    init(_ precision: Precision, _ pairs: PairProducts = .dots) {
        self.precision = precision
        self.pairs = pairs
    }
}

/// Random features, weights and dz; factors that are rounded are rounded in the expectation, too.
private final class ProjectionRun {
    let shape: ProjectionShape
    let precision: Precision
    private let features: [(type: FeatureType, bytes: [UInt8], values: [Double])]
    private let parameters: [Float]
    private let dz: [Float]
    private let weights: ProjectionWeights

    init(_ shape: ProjectionShape, _ way: ProjectionWay, _ types: [FeatureType], seed: UInt64) {
        self.shape = shape
        precision = way.precision.available
        var generator = Generator(seed: seed)
        func number() -> Float { 2 * generator.unitFloat() - 1 }
        features = (0..<shape.rows).map { row in
            let values = (0..<shape.size).map { _ in number() }
            return Self.stored(values, as: types[row % types.count])
        }
        parameters = (0..<(shape.size + 1) * shape.d).map { _ in number() }
        dz = (0..<shape.rows * shape.d).map { _ in number() }
        let layer = Dense(
            weight: 0, bias: shape.size * shape.d, inputs: shape.size, outputs: shape.d)
        weights = ProjectionWeights(
            layer, precision: way.precision, pairs: way.pairs.serves(layer) ? way.pairs : .dots)
        weights.fill(from: parameters)
        precondition(weights.precision == precision)
    }

    /// Of sums of products of numbers in [-1, 1] in float32.
    var tolerance: Double { 3e-7 * Double(max(shape.size, shape.rows)) + 1e-5 }

    func forward(rows range: Range<Int>? = nil) -> [Float] {
        let range = range ?? 0..<shape.rows
        var z = [Float](repeating: .nan, count: range.count * shape.d)
        withRows { rows in
            weights.forward(
                UnsafeBufferPointer(rebasing: rows[range]), ProjectionScratch(inputs: shape.size),
                into: &z)
        }
        return z
    }

    /// Computed in shares that begin at 0 and at each of `cuts`.
    func gradient(cuts: [Int]) -> [Float] {
        var gradient = [Float](repeating: .nan, count: parameters.count)
        var pairs = [UInt32](repeating: .max, count: (shape.rows + 1) / 2 * shape.d)
        if precision == .bfloat16 {
            pairRows(dz, into: &pairs, rows: shape.rows, width: shape.d)
        }
        let scratch = ProjectionScratch(inputs: shape.size)
        let ends = cuts + [shape.size]
        withRows { rows in
            for (start, end) in zip([0] + cuts, ends) {
                weights.gradient(
                    rows, columns: start..<end, dz: dz, pairs: pairs, scratch, into: &gradient)
            }
        }
        return gradient
    }

    func expectedForward(_ row: Int, _ output: Int) -> Double {
        (0..<shape.size).reduce(Double(parameters[shape.size * shape.d + output])) { sum, column in
            sum + factor(features[row].values[column])
                * factor(Double(parameters[output * shape.size + column]))
        }
    }

    func expectedGradient(_ output: Int, _ column: Int) -> Double {
        (0..<shape.rows).reduce(0) { sum, row in
            sum + factor(Double(dz[row * shape.d + output])) * factor(features[row].values[column])
        }
    }

    private func factor(_ x: Double) -> Double {
        precision == .bfloat16 ? roundedToBFloat16(x) : x
    }

    private func withRows(_ body: (UnsafeBufferPointer<StoredRow>) -> Void) {
        // Each row in memory of its own, so that reading past its end would be seen.
        let memory = features.map { feature in
            let copy = UnsafeMutableRawBufferPointer.allocate(
                byteCount: feature.bytes.count, alignment: 4)
            copy.copyBytes(from: feature.bytes)
            return copy
        }
        defer { memory.forEach { $0.deallocate() } }
        let rows = zip(memory, features).map { StoredRow(start: $0.baseAddress!, type: $1.type) }
        rows.withUnsafeBufferPointer(body)
    }

    private static func stored(
        _ values: [Float], as type: FeatureType
    ) -> (type: FeatureType, bytes: [UInt8], values: [Double]) {
        switch type {
        case .float16:
            let half = values.map { Float16($0) }
            return (type, half.withUnsafeBytes(Array.init), half.map(Double.init))
        case .bfloat16:
            let rounded = values.map { roundedToBFloat16(Double($0)) }
            let bits = rounded.map { UInt16(Float($0).bitPattern >> 16) }
            return (type, bits.withUnsafeBytes(Array.init), rounded)
        case .float32:
            return (type, values.withUnsafeBytes(Array.init), values.map(Double.init))
        }
    }
}

/// To the nearest number of 8 significant bits, ties to even.
private func roundedToBFloat16(_ x: Double) -> Double {
    let bits = Float(x).bitPattern
    let rounded = (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000
    return Double(Float(bitPattern: rounded))
}
