// The features of one group as they came, and whether each number of them may be used. Workers,
// coordinators and the command line refuse with this sentence, whatever the features came as.
public import LanguageSystem
import RankerMath

/// The features of groups, in place: [groups, K + 1, D] numbers, row-major, little-endian; row 0 of
/// each group is the instruction. They are valid as long as the bytes are.
public struct GroupFeatures {
    public let bytes: UnsafeRawBufferPointer
    /// The type of the numbers.
    public let dtype: FeatureType
    /// K, the number of candidates in a group.
    public let candidateCount: Int
    /// D, the number of values in one feature.
    public let width: Int

    public init(
        bytes: UnsafeRawBufferPointer, dtype: FeatureType, candidateCount: Int, width: Int
    ) {
        self.bytes = bytes
        self.dtype = dtype
        self.candidateCount = candidateCount
        self.width = width
    }

    /// - Parameter purpose: What cannot be done with bad features, as a verb for the error.
    /// - Throws: `invalidFeatures` for a number that is not finite or beyond `Bounds.magnitudeMax`;
    ///   names the candidate.
    public func check(groupCount: Int = 1, to purpose: String) throws(LanguageSystemError) {
        guard let start = bytes.baseAddress else { return }
        let rowCount = groupCount * (candidateCount + 1)
        guard !dtype.isWithin(Bounds.magnitudeMax, start, count: rowCount * width) else { return }
        let row = (0..<rowCount).first {
            let row = start + $0 * width * dtype.byteCount
            return !dtype.isWithin(Bounds.magnitudeMax, row, count: width)
        }
        let place = (row ?? 0) % (candidateCount + 1)
        let group = groupCount == 1 ? "" : " of group \((row ?? 0) / (candidateCount + 1))"
        let part = place == 0 ? "the instruction" : "candidate \(place - 1)"
        throw LanguageSystemError(
            .invalidFeatures,
            """
            cannot \(purpose): found a feature that is not finite or beyond \
            \(Bounds.magnitudeMax) in \(part)\(group)
            """)
    }
}

extension LanguageSystemError {
    /// - Parameters:
    ///   - what: `the norm of candidate 3`
    ///   - purpose: What cannot be done, as a verb with its object.
    static func notFinite(_ what: String, to purpose: String) -> Self {
        Self(
            .invalidFeatures, "cannot \(purpose): \(what) is not finite",
            hint: "its features are too large for this ranker's weights")
    }
}
