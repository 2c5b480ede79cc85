// Lines for people whose columns have fixed widths, since a row is printed as its case ends.
import Foundation

struct Columns {
    private let widths: [Int]

    /// Prints the heading. The first column is aligned to the left, the others, which are figures,
    /// to the right.
    init(_ heading: [(name: String, width: Int)]) {
        widths = heading.map { max($0.width, $0.name.count) }
        row(heading.map(\.name))
    }

    func row(_ cells: [String]) {
        precondition(cells.count == widths.count, "a row has as many cells as the heading")
        let padded = zip(cells, widths).enumerated().map { index, cell in
            let padding = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
            return index == 0 ? cell.0 + padding : padding + cell.0
        }
        print(padded.joined(separator: "  "))
        // A run takes seconds: what is known is shown.
        fflush(nil)
    }
}

func text(_ value: Double, _ decimals: Int) -> String {
    String(format: "%.\(decimals)f", value)
}

func millions(_ bytes: Int) -> String { text(Double(bytes) / 1e6, 0) }
