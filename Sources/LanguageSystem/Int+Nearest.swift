// From a number that was measured, sent or stored to a whole one. Swift's own conversion ends the
// program for what is not a number or too large, and nothing that comes from outside may do that.

extension Int {
    /// The nearest whole number; of what is not a number 0, of what is too large the largest there
    /// is.
    public init(nearest value: Double) {
        let value = value.rounded()
        if value.isNaN {
            self = 0
        } else if let whole = Int(exactly: value) {
            self = whole
        } else {
            self = value < 0 ? .min : .max
        }
    }
}
