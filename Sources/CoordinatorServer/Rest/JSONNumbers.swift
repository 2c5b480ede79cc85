// Numbers of a JSON body that say where they stand when they do not fit there: of 1.5 for a count Foundation says no more
// than that the body is no JSON.

/// One without a fraction.
struct WholeNumber: Decodable {
    let value: Int

    init(from decoder: any Decoder) throws {
        let number: Double
        do {
            number = try RealNumber(from: decoder).value
        } catch DecodingError.typeMismatch(_, let context) {
            throw DecodingError.typeMismatch(Int.self, context)
        }
        guard let value = Int(exactly: number) else {
            throw DecodingError.typeMismatch(
                Int.self, .init(codingPath: decoder.codingPath, debugDescription: "no whole number")
            )
        }
        self.value = value
    }
}

struct RealNumber: Decodable {
    let value: Double

    init(from decoder: any Decoder) throws {
        do {
            value = try decoder.singleValueContainer().decode(Double.self)
        } catch DecodingError.dataCorrupted {
            throw DecodingError.typeMismatch(
                Double.self, .init(codingPath: decoder.codingPath, debugDescription: "too large"))
        }
    }
}
