// From a number that was measured, sent or stored to a whole one. Swift's own conversion ends the
// program for what is not a number or too large, and nothing that comes from outside may do that.

extension Int {
    /// The nearest whole number. NaN gives 0, and a value out of range the nearest Int.
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
