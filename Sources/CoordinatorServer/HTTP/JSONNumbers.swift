// Numbers of a JSON body that say where they stand when they do not fit there: of 1.5 for a count
// Foundation says no more than that the body is no JSON.

/// A number that does not fit where it stands.
struct NumberRefusal: Error {
    let path: [any CodingKey]
    let found: String
    let expected: String
}

/// A number without a fraction.
struct WholeNumber: Decodable {
    let value: Int

    init(from decoder: any Decoder) throws {
        // Exact where a double is not.
        if let value = try? decoder.singleValueContainer().decode(Int.self) {
            self.value = value
            return
        }
        let number: Double
        do {
            number = try RealNumber(from: decoder).value
        } catch DecodingError.typeMismatch(_, let context) {
            throw DecodingError.typeMismatch(Int.self, context)
        }
        guard let value = Int(exactly: number) else {
            let isTooLarge = number.rounded() == number
            throw NumberRefusal(
                path: decoder.codingPath, found: "\(number)",
                expected: isTooLarge
                    ? "a whole number from \(Int.min) to \(Int.max)" : "a whole number")
        }
        self.value = value
    }
}

/// A number that a double holds: JSONScan has refused the others.
struct RealNumber: Decodable {
    let value: Double

    init(from decoder: any Decoder) throws {
        value = try decoder.singleValueContainer().decode(Double.self)
    }
}
