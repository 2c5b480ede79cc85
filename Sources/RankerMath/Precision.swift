// In which numbers products of matrices are computed: all of them in training, the projection's in
// scoring. Everything else, sums included, is float32.
internal import CKernels

public enum Precision: String, Sendable, Codable, Hashable, CaseIterable {
    case float32
    /// Factors rounded to bfloat16 (8 significant bits), summed in float32.
    case bfloat16

    /// What this processor computes when asked for this precision: bfloat16 needs AVX-512's dot
    /// products, elsewhere it would only be slower and less exact.
    public var available: Precision {
        self == .bfloat16 && !ls_has_products_bf16() ? .float32 : self
    }
}
