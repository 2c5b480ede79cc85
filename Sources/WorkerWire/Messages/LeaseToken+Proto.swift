// LeaseToken as the text it travels as.
public import LanguageSystem

extension LeaseToken {
    /// - Throws: `invalidArgument` for a text that no coordinator issues as a token.
    public init(wire text: String) throws(LanguageSystemError) {
        guard let token = LeaseToken(text) else {
            throw .malformedOnTheWire(
                "lease token", "found '\(text.printable(40))', expected a UUID")
        }
        self = token
    }
}
