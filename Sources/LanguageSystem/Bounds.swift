// The bounds that several parts hold each other to, each stated here and nowhere else in Swift; in
// SQL each is one function or check, and a test compares the two. Why they are what they are:
// Rankers' page Numbers.

/// The largest numbers that any surface accepts; SQL and the wire use the same ones.
public enum Bounds {
    /// The largest absolute value of a feature or a label. It is far above what a model computes,
    /// and far enough below the largest float32 that norms, squares and means of such numbers stay
    /// finite. SQL: `ls.magnitude_max()`.
    public static let magnitudeMax: Float = 1e15
    /// The largest D, the number of values in one feature. SQL: the check of `ls.base_model`.
    public static let hiddenSizeMax = 65_536
    /// K, the candidates of one group that a ranker scores, learns from or is measured on. SQL:
    /// `ls.request_scaling_curve`.
    public static let candidateCountMax = 1_024
    /// K of one rerank request. The REST description and `rerank.proto` say it to clients.
    public static let requestCandidateCountMax = 1_000
    /// The tasks that a worker may have at once.
    public static let capacityMax = 64
    /// Of the features of one rerank at the edge; larger groups are scored by the coordinator.
    public static let edgeFeaturesByteCountMax = 4 << 20
}
