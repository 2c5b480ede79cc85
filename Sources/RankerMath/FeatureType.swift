// How features are stored; widening to float32 is exact for all three.
internal import CKernels

public enum FeatureType: String, Sendable, Codable, Hashable, CaseIterable {
    case float16 = "F16"
    case bfloat16 = "BF16"
    case float32 = "F32"

    public var byteCount: Int { self == .float32 ? 4 : 2 }

    /// - Precondition: `source` is aligned to `byteCount` and holds `count` numbers.
    public func widen(
        _ source: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>, count: Int
    ) {
        switch self {
        case .float16:
            ls_widen_f16(source.assumingMemoryBound(to: UInt16.self), target, count)
        case .bfloat16:
            ls_widen_bf16(source.assumingMemoryBound(to: UInt16.self), target, count)
        case .float32:
            target.update(from: source.assumingMemoryBound(to: Float.self), count: count)
        }
    }

    /// Whether no number is infinite or not a number.
    public func isFinite(_ source: UnsafeRawPointer, count: Int) -> Bool {
        switch self {
        case .float16: ls_finite_f16(source.assumingMemoryBound(to: UInt16.self), count)
        case .bfloat16: ls_finite_bf16(source.assumingMemoryBound(to: UInt16.self), count)
        case .float32: ls_finite_f32(source.assumingMemoryBound(to: Float.self), count)
        }
    }
}
