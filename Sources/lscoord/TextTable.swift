// Columns lined up for a terminal: words to the left, figures to the right. A list is as long as
// somebody reads.
import ArgumentParser

/// How much of a list is shown.
struct ListOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Rows to show at most.", valueName: "n"))
    var limit = 100

    func validate() throws {
        guard (1...1_000_000).contains(limit) else {
            throw ValidationError("found --limit \(limit), expected 1 to 1000000")
        }
    }

    /// One more is asked for than is shown: then it is known that there are more.
    var askedFor: Int { limit + 1 }

    /// To be printed beneath a table of so many found rows; nil: that is all.
    func more(_ foundCount: Int) -> String? {
        foundCount > limit ? "… and more; --limit shows more than \(limit)" : nil
    }
}

struct TextTable {
    private var rows: [[String]] = []
    private let rightAligned: Set<Int>

    init(_ heading: [String], rightAligned: Set<Int> = []) {
        rows = [heading]
        self.rightAligned = rightAligned
    }

    mutating func add(_ row: [String]) {
        precondition(row.count == rows[0].count, "a row has as many cells as the heading")
        rows.append(row)
    }

    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let line = row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return rightAligned.contains(column) ? padding + row[column] : row[column] + padding
            }.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}
