// An answer as JSON has it.

/// The answer that was found in a response: a string, or a whole number, which is the string of its
/// digits.
struct CandidateAnswer: Decodable {
    let text: String

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self.text = text
            return
        }
        do {
            text = String(try WholeNumber(from: decoder).value)
        } catch DecodingError.typeMismatch(_, let context) {
            throw DecodingError.typeMismatch(Self.self, context)
        }
    }
}
