// Scores one group of candidates, as a request brings it. Any thread may call it; each call
// borrows a workspace that is kept for the next one, so that nothing is allocated after warm-up.
public import LanguageSystem
public import RankerMath
internal import Foundation

public final class RankerScorer: @unchecked Sendable {
    public let weights: RankerWeights
    /// Candidates a group may have at most.
    public static let candidateCountMax = 1_024
    private let layout: RankerLayout
    private let parameters: Scratch
    private let values: UnsafeMutablePointer<Float>
    private let lock = NSLock()
    private var idle: [Workspace] = []

    public init(_ weights: RankerWeights) {
        self.weights = weights
        layout = RankerLayout(weights.configuration)
        parameters = Scratch(count: weights.values.count)
        values = parameters.take(weights.values.count)
        weights.values.withUnsafeBufferPointer {
            values.update(from: $0.baseAddress!, count: $0.count)
        }
    }

    public var configuration: RankerConfiguration { weights.configuration }

    /// Scores of one group, higher is better; cosines in [-1, 1] unless the similarity is affine.
    ///
    /// - Parameters:
    ///   - features: [K + 1, D], row-major, little-endian, row 0 the instruction (which must be
    ///     there for learned instructions, too).
    ///   - scores: K numbers, in the order of the rows.
    /// - Throws: `invalidFeatures` for a wrong size or a number that is not finite.
    public func score(
        features: UnsafeRawBufferPointer, dtype: FeatureType, candidateCount: Int,
        into scores: UnsafeMutableBufferPointer<Float>
    ) throws(CoordinatorError) {
        precondition(scores.count >= candidateCount, "no room for the scores")
        try check(features, dtype, candidateCount)
        let workspace = borrow(candidateCount)
        defer { giveBack(workspace) }
        let (size, tokens) = (configuration.hiddenSize, candidateCount + 1)
        let base = features.baseAddress!
        let rowBytes = size * dtype.byteCount
        workspace.projector.project(values, rowCount: tokens, into: workspace.tail.input) {
            row, target in
            dtype.widen(base + row * rowBytes, into: target, count: size)
        }
        if let instruction = layout.instruction {
            workspace.tail.input.update(from: values + instruction, count: configuration.width)
        }
        workspace.tail.forward(values, groups: 1, tokens: tokens, scores: scores.baseAddress!)
    }

    public func score(
        features: UnsafeRawBufferPointer, dtype: FeatureType, candidateCount: Int
    ) throws(CoordinatorError) -> [Float] {
        let count = min(max(candidateCount, 1), Self.candidateCountMax)
        var scores = [Float](repeating: 0, count: count)
        let result = scores.withUnsafeMutableBufferPointer { buffer in
            Result<Void, CoordinatorError> { () throws(CoordinatorError) in
                try check(features, dtype, candidateCount)
                try score(
                    features: features, dtype: dtype, candidateCount: candidateCount, into: buffer)
            }
        }
        try result.get()
        return scores
    }

    /// Scores of responses `rows` of a feature set's query.
    public func score(
        _ set: FeatureSet, query: Int, rows: [Int]
    ) throws(CoordinatorError) -> [Float] {
        try checkWidth(configuration, set)
        precondition((0..<set.queryCount).contains(query), "there is no such query")
        let size = configuration.hiddenSize
        var features = [Float](repeating: 0, count: (rows.count + 1) * size)
        features.withUnsafeMutableBufferPointer { buffer in
            set.widenInstruction(query, into: buffer.baseAddress!)
            for (index, row) in rows.enumerated() {
                set.widenResponse(row, into: buffer.baseAddress! + (index + 1) * size)
            }
        }
        let result = features.withUnsafeBytes { bytes in
            Result<[Float], CoordinatorError> { () throws(CoordinatorError) in
                try score(features: bytes, dtype: .float32, candidateCount: rows.count)
            }
        }
        return try result.get()
    }

    private func check(
        _ features: UnsafeRawBufferPointer, _ dtype: FeatureType, _ candidateCount: Int
    ) throws(CoordinatorError) {
        guard (1...Self.candidateCountMax).contains(candidateCount) else {
            throw CoordinatorError(
                .invalidFeatures,
                "cannot score: found \(candidateCount) candidates, "
                    + "expected 1 to \(Self.candidateCountMax)")
        }
        let expected = (candidateCount + 1) * configuration.hiddenSize * dtype.byteCount
        guard features.count == expected else {
            throw CoordinatorError(
                .invalidFeatures,
                "cannot score: found \(features.count) bytes of features, expected \(expected) "
                    + "for \(candidateCount) candidates and the instruction, "
                    + "\(configuration.hiddenSize) \(dtype.rawValue) each")
        }
        let count = (candidateCount + 1) * configuration.hiddenSize
        guard dtype.isFinite(features.baseAddress!, count: count) else {
            throw CoordinatorError(
                .invalidFeatures, "cannot score: found a feature that is not finite")
        }
    }

    private func borrow(_ candidateCount: Int) -> Workspace {
        keepProductsOnThisThread()
        let kept = lock.withLock { idle.popLast() }
        if let kept, kept.tail.tokenCountMax > candidateCount { return kept }
        return Workspace(layout, tokenCountMax: max(candidateCount + 1, 17))
    }

    private func giveBack(_ workspace: Workspace) {
        lock.withLock { if idle.count < 64 { idle.append(workspace) } }
    }
}

private final class Workspace {
    let projector: Projector
    let tail: Tail

    init(_ layout: RankerLayout, tokenCountMax: Int) {
        projector = Projector(layout)
        tail = Tail(shape: layout.tail, groupCountMax: 1, tokenCountMax: tokenCountMax)
    }
}
