// The end of a sweep as text. Configurations that differ only in batch, optimiser, rate, momentum
// and schedule are shown in the form of the paper's Table 5, each cell the best of its momenta and
// schedules; any others as a list.
import LanguageSystem
import Ledger
import Rankers

struct SweepTable {
    let text: String

    init(_ results: [SweepResult]) {
        let entries = results.map { result in
            (result: result, training: try? TrainingConfiguration(json: result.configuration))
        }
        let whole = entries.compactMap { entry in
            entry.training.map { Entry(result: entry.result, training: $0) }
        }
        let isGrid = whole.count == results.count && Set(whole.map(\.withoutGrid)).count == 1
        let table = isGrid ? Self.grid(whole) : Self.list(results)
        text = ([table] + Self.footer(results)).joined(separator: "\n")
    }

    private struct Entry {
        let result: SweepResult
        let training: TrainingConfiguration

        var column: Column {
            Column(name: training.optimizer.name.rawValue, rate: training.optimizer.rate)
        }

        /// The same for all configurations of one grid.
        var withoutGrid: TrainingConfiguration {
            var other = training
            other.batchGroups = 1
            other.optimizer.name = .adamw
            other.optimizer.rate = 1
            other.optimizer.momentum = 0
            other.optimizer.schedule = .constant
            return other
        }
    }

    private struct Column: Hashable, Comparable {
        let name: String
        let rate: Double

        var heading: String { "\(name == "sgd" ? "SGD" : "AdamW") \(SweepTable.short(rate))" }

        /// SGD first, as in the paper.
        static func < (a: Self, b: Self) -> Bool {
            a.name == b.name ? a.rate < b.rate : a.name == "sgd"
        }
    }

    private static func grid(_ entries: [Entry]) -> String {
        let columns = Set(entries.map(\.column)).sorted()
        var table = TextTable(
            ["batch"] + columns.map(\.heading), rightAligned: Set(0...columns.count))
        var shown: [Double] = []
        for batch in Set(entries.map(\.training.batchGroups)).sorted() {
            let cells = columns.map { column in
                best(
                    entries.filter { $0.column == column && $0.training.batchGroups == batch }
                        .map(\.result))
            }
            shown += cells.compactMap { $0?.accuracy }
            table.add(["\(batch)"] + cells.map { $0.map(figure) ?? "-" })
        }
        var text = "accuracy in %, ± its standard error (bootstrap by problem)\n\(table.text)"
        if shown.count < entries.count(where: { $0.result.accuracy != nil }) {
            text +=
                """
                \neach figure: the best of its momenta and schedules; their spread \
                \(spread(shown)) points
                """
        }
        return text
    }

    /// The best measured one of a cell; none measured: the first, which says what it lacks.
    private static func best(_ cell: [SweepResult]) -> SweepResult? {
        cell.max { ($0.accuracy ?? -.infinity) < ($1.accuracy ?? -.infinity) }
    }

    private static func list(_ results: [SweepResult]) -> String {
        let labels = SweepLabels(results.map(\.configuration)).texts
        var table = TextTable(
            ["", "configuration", "version", "accuracy"], rightAligned: [0, 2, 3])
        for (result, label) in zip(results, labels) {
            table.add([
                "\(result.position)", label, result.versionNumber.map { "@\($0)" } ?? "-",
                figure(result),
            ])
        }
        return "accuracy in %, ± its standard error (bootstrap by problem)\n\(table.text)"
    }

    private static func figure(_ result: SweepResult) -> String {
        guard let accuracy = result.accuracy else { return result.state.rawValue }
        return "\(Percent.text(accuracy)) ±\(result.standardError.map(Percent.text) ?? "?")"
    }

    private static func footer(_ results: [SweepResult]) -> [String] {
        let measured = results.compactMap(\.accuracy)
        var lines: [String] = []
        if !measured.isEmpty {
            lines.append(
                """
                spread (best minus worst of \(measured.count) configurations) \(spread(measured)) \
                points
                """
            )
        }
        if let first = results.lazy.compactMap(\.firstSample).first {
            lines.append("first sample on the same groups \(Percent.text(first))")
        }
        let failed = results.filter { $0.state.isFinal && $0.state != .measured }
        for result in failed.prefix(10) {
            lines.append(
                """
                entry \(result.position) \(result.state.rawValue) (task \(result.taskID)): \
                \(result.error ?? "no reason was kept")
                """
            )
        }
        if failed.count > 10 { lines.append("… and \(failed.count - 10) more") }
        return lines
    }

    private static func spread(_ figures: [Double]) -> String {
        Percent.text((figures.max() ?? 0) - (figures.min() ?? 0))
    }

    /// As the paper writes rates: "1", "0.05", "1e-4", "1e-5".
    private static func short(_ rate: Double) -> String {
        if rate == rate.rounded() { return "\(Int(nearest: rate))" }
        return rate == 1e-4 ? "1e-4" : "\(rate)".replacing("e-0", with: "e-")
    }
}
