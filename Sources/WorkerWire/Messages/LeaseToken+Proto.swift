// LeaseToken as the text it travels as.
public import LanguageSystem

extension LeaseToken {
    /// - Throws: `invalidArgument`: no coordinator gave that out.
    public init(wire text: String) throws(CoordinatorError) {
        guard let token = LeaseToken(text) else {
            throw .malformedOnTheWire(
                "lease token", "found '\(text.printable(40))', expected a UUID")
        }
        self = token
    }
}
