// One feature where it lies in its file; read a stretch of columns at a time, in whatever order and
// type a product wants, so that no feature is ever kept in float32.
internal import CKernels
public import LanguageSystem

/// - Warning: valid as long as the feature set it points into.
public struct StoredRow {
    let start: UnsafeRawPointer
    let type: FeatureType

    public init(start: UnsafeRawPointer, type: FeatureType) {
        self.start = start
        self.type = type
    }

    func at(_ column: Int) -> UnsafeRawPointer { start + column * type.byteCount }

    /// Writes the columns `columns` as float32.
    public func widen(_ columns: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        type.widen(at(columns.lowerBound), into: target, count: columns.count)
    }
}

extension FeatureType {
    var stored: ls_stored {
        switch self {
        case .float16: LS_STORED_F16
        case .bfloat16: LS_STORED_BF16
        case .float32: LS_STORED_F32
        }
    }
}
