// In which numbers products of matrices are computed: all of them in training, the projection's in
// scoring. Everything else, sums included, is float32.
internal import CKernels

/// The precision of matrix products.
public enum Precision: String, Sendable, Codable, Hashable, CaseIterable {
    case float32
    /// Factors rounded to bfloat16 (8 significant bits), summed in float32.
    case bfloat16

    /// The precision that this processor uses for this one. bfloat16 needs AVX-512's dot products;
    /// without them it would be slower and less exact, so float32 is used.
    public var available: Precision {
        self == .bfloat16 && !ls_has_products_bf16() ? .float32 : self
    }
}
