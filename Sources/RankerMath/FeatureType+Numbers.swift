// What is done with features as they are stored; widening to float32 is exact for all three types.
internal import CKernels
public import LanguageSystem

extension FeatureType {
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

    /// Whether every number is finite and of size `magnitudeMax` or less; `source` need not be
    /// aligned.
    public func isWithin(
        _ magnitudeMax: Float, _ source: UnsafeRawPointer, count: Int
    ) -> Bool {
        // Without their sign, floating-point numbers are ordered as their bits are, NaN above
        // infinity.
        switch self {
        case .float16:
            let greatest = Float16(bitPattern: ls_greatest_16(source, count))
            return greatest.isFinite && Float(greatest) <= magnitudeMax
        case .bfloat16:
            return Float(bitPattern: UInt32(ls_greatest_16(source, count)) << 16) <= magnitudeMax
        case .float32:
            return Float(bitPattern: ls_greatest_32(source, count)) <= magnitudeMax
        }
    }

    /// Whether no number is infinite or not a number; `source` need not be aligned.
    public func isFinite(_ source: UnsafeRawPointer, count: Int) -> Bool {
        isWithin(.greatestFiniteMagnitude, source, count: count)
    }
}
