// Scores groups of candidates, as requests bring them. Any thread may call it; each call borrows a
// workspace that all rankers of one shape share, so that nothing is allocated after warm-up and a
// ranker costs no more memory than its weights.
public import LanguageSystem
public import RankerMath

/// Scores groups with fixed weights. Any number of threads may use it at once.
public final class RankerScorer: Sendable {
    /// The most candidates in a group.
    public static let candidateCountMax = Bounds.candidateCountMax
    /// The number of tokens that pass through the blocks together, for groups small enough to share
    /// a pass.
    private static let tokenCountMax = 352
    public let configuration: RankerConfiguration
    /// How scores and the signals of a request become one number; nil: scores stand alone.
    public let combiner: Combiner?
    private let weights: FrozenWeights
    private let workspaces: WorkspacePool

    /// - Parameter precision: The precision of the projection; float32 where the processor lacks
    ///   bfloat16.
    public convenience init(_ weights: RankerWeights, precision: Precision = .float32) {
        self.init(FrozenWeights.of(weights, precision: precision), weights.combiner)
    }

    /// Reads a file of weights in place and keeps no reference to the bytes.
    ///
    /// - Throws: `invalidWeights`, as `RankerWeights` would.
    public convenience init(
        safetensors bytes: UnsafeRawBufferPointer, name: String = "weights",
        precision: Precision = .float32
    ) throws(LanguageSystemError) {
        let weights = try WeightsInPlace(safetensors: bytes, name: name)
        self.init(
            weights.isAligned
                ? .of(weights, precision: precision)
                : .of(RankerWeights(weights), precision: precision), weights.combiner)
    }

    private init(_ weights: FrozenWeights, _ combiner: Combiner?) {
        self.weights = weights
        self.combiner = combiner
        configuration = weights.layout.configuration
        workspaces = .shared(for: configuration)
    }

    /// The combined score of each candidate of one group; the scores themselves where the version
    /// has no combiner for what is known. (E19)
    ///
    /// - Parameter scores: Of `score`, shape [K].
    public func combine(_ scores: [Float], _ signals: CandidateSignals) -> [Double] {
        combiner?.combined(scores: scores, signals: signals) ?? scores.map(Double.init)
    }

    /// The memory that the scorer takes, in bytes.
    public var byteCount: Int { weights.byteCount }
    /// The precision that is used: the requested one, or float32 where that is not available.
    public var precision: Precision { weights.projector.precision }

    /// Scores groups; higher is better. Scores are cosines in [-1, 1], unless the similarity is
    /// affine.
    ///
    /// - Parameters:
    ///   - features: [groups, K + 1, D], row-major, little-endian, row 0 of each group the
    ///     instruction (which must be there for learned instructions, too).
    ///   - scores: [groups, K], in the order of the rows.
    /// - Throws: `invalidFeatures` for a wrong size, a number that is not finite or beyond
    ///   `Bounds.magnitudeMax`, and where a norm or a score is not finite; each names the
    ///   candidate. `scores` then mean nothing.
    public func score(
        features: UnsafeRawBufferPointer, dtype: FeatureType, candidateCount: Int,
        groupCount: Int = 1, into scores: UnsafeMutableBufferPointer<Float>
    ) throws(LanguageSystemError) {
        try check(features, dtype, candidateCount, groupCount)
        precondition(scores.count >= groupCount * candidateCount, "no room for the scores")
        keepProductsOnThisThread()
        let tokenCount = min(groupCount * (candidateCount + 1), Self.tokenCountMax)
        let workspace = workspaces.borrow(
            weights, tokenCount: max(tokenCount, candidateCount + 1),
            groupTokenCount: candidateCount + 1)
        defer { workspaces.giveBack(workspace) }
        let groupByteCount = features.count / groupCount
        for first in stride(from: 0, to: groupCount, by: workspace.groupCount(candidateCount)) {
            let count = min(workspace.groupCount(candidateCount), groupCount - first)
            // Both have an address: they were found to hold numbers.
            let found = workspace.score(
                weights, features.baseAddress! + first * groupByteCount, dtype, candidateCount,
                groupCount: count, into: scores.baseAddress! + first * candidateCount)
            if let found {
                let group = groupCount == 1 ? "" : " of group \(first + found.group)"
                throw .notFinite(found.words + group, to: "score")
            }
        }
    }

    public func score(
        features: UnsafeRawBufferPointer, dtype: FeatureType, candidateCount: Int
    ) throws(LanguageSystemError) -> [Float] {
        try check(features, dtype, candidateCount, 1)
        var scores = [Float](repeating: 0, count: candidateCount)
        let result = scores.withUnsafeMutableBufferPointer { buffer in
            Result<Void, LanguageSystemError> { () throws(LanguageSystemError) in
                try score(
                    features: features, dtype: dtype, candidateCount: candidateCount, into: buffer)
            }
        }
        try result.get()
        return scores
    }

    /// Scores the responses `rows` of a feature set's query.
    public func score(
        _ set: FeatureSet, query: Int, rows: [Int]
    ) throws(LanguageSystemError) -> [Float] {
        try checkWidth(configuration, set)
        precondition((0..<set.queryCount).contains(query), "there is no such query")
        let size = configuration.hiddenSize
        var features = [Float](repeating: 0, count: (rows.count + 1) * size)
        features.withUnsafeMutableBufferPointer { buffer in
            // It has an address: a row holds a number at least.
            let start = buffer.baseAddress!
            set.instructionRow(query).widen(0..<size, into: start)
            for (index, row) in rows.enumerated() {
                set.responseRow(row).widen(0..<size, into: start + (index + 1) * size)
            }
        }
        let result = features.withUnsafeBytes { bytes in
            Result<[Float], LanguageSystemError> { () throws(LanguageSystemError) in
                try score(features: bytes, dtype: .float32, candidateCount: rows.count)
            }
        }
        return try result.get()
    }

    private func check(
        _ features: UnsafeRawBufferPointer, _ dtype: FeatureType, _ candidateCount: Int,
        _ groupCount: Int
    ) throws(LanguageSystemError) {
        guard (1...Self.candidateCountMax).contains(candidateCount) else {
            throw LanguageSystemError(
                .invalidFeatures,
                "cannot score: found \(candidateCount) candidates, "
                    + "expected 1 to \(Self.candidateCountMax)")
        }
        precondition(groupCount >= 1, "there is no group to score")
        let count = groupCount * (candidateCount + 1) * configuration.hiddenSize
        guard features.count == count * dtype.byteCount else {
            throw LanguageSystemError(
                .invalidFeatures,
                "cannot score: found \(features.count) bytes of features, expected "
                    + "\(count * dtype.byteCount) for "
                    + (groupCount == 1 ? "" : "\(groupCount) groups of ")
                    + "\(candidateCount) candidates and the instruction, "
                    + "\(configuration.hiddenSize) \(dtype.rawValue) each")
        }
        try GroupFeatures(
            bytes: features, dtype: dtype, candidateCount: candidateCount,
            width: configuration.hiddenSize
        ).check(groupCount: groupCount, to: "score")
    }
}
