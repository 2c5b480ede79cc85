// The bounds that several parts hold each other to, each stated here and nowhere else in Swift; in
// SQL each is one function or check, and a test compares the two. Why they are what they are:
// Rankers' page Numbers.

public enum Bounds {
    /// Of any feature, and of any label. Far beyond what a model computes, and far enough from the
    /// end of float32 that norms, squares and means of such numbers stay finite. SQL:
    /// `ls.magnitude_max()`.
    public static let magnitudeMax: Float = 1e15
    /// D, the numbers of one feature. SQL: the check of `ls.base_model`.
    public static let hiddenSizeMax = 65_536
    /// K, the candidates of one group.
    public static let candidateCountMax = 1_024
    /// Of the features of one rerank at the edge; larger groups are scored by the coordinator.
    public static let edgeFeaturesByteCountMax = 4 << 20
}
