// How near a mistyped name is to a known one.

extension StringProtocol {
    /// Whether a person who wrote this may have meant `other`: one letter in four is another, is
    /// missing or is too many, and at least one may be. Case, `-` and `_` count for nothing.
    func isNearly(_ other: some StringProtocol) -> Bool {
        distance(to: other) <= Swift.max(1, other.count / 4)
    }

    /// The letters to change, add or take away (Levenshtein).
    func distance(to other: some StringProtocol) -> Int {
        let (own, other) = (letters, other.letters)
        var row = Array(0...other.count)
        for (count, letter) in own.enumerated() {
            var diagonal = row[0]
            row[0] = count + 1
            for column in other.indices {
                let changed = diagonal + (letter == other[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = Swift.min(changed, diagonal + 1, row[column] + 1)
            }
        }
        return row[other.count]
    }

    fileprivate var letters: [Character] {
        lowercased().filter { $0 != "-" && $0 != "_" }.map { $0 }
    }
}
