// `lsbench generate`: a feature file with a planted signal, of the size of the paper's MBPP set
// unless told otherwise. Another seed with `--split test` gives new queries of the same task.
import ArgumentParser
import Benchmarking
import LanguageSystem

struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Write synthetic features with a planted signal.")

    @Option(help: "The file to write.") var out: String
    @Option(help: "Queries.") var queries = 374
    @Option(help: "Responses of each query.") var responses = 100
    @Option(help: "Numbers of one feature.") var hiddenSize = 4096
    @Option(help: "Seed; the planted direction is the same for all.") var seed: UInt64 = 1
    @Option(help: "Distance by which a label moves a response along the planted direction.")
    var delta: Float = 8
    @Option(help: "train or test.") var split: Split = .train

    func validate() throws {
        guard (1...100_000).contains(queries), (2...10_000).contains(responses),
            (1...Bounds.hiddenSizeMax).contains(hiddenSize), delta.isFinite
        else {
            throw ValidationError(
                "expected 1 to 100000 queries, 2 to 10000 responses, hidden size 1 to "
                    + "\(Bounds.hiddenSizeMax) and a finite delta")
        }
    }

    func run() throws {
        let signal = PlantedSignal(
            hiddenSize: hiddenSize, responseCount: responses, seed: seed, delta: delta)
        let start = ContinuousClock.now
        let summary = try signal.write(to: out, queryCount: queries, split: split)
        let seconds = (ContinuousClock.now - start).inSeconds
        print(
            "\(out): \(queries) queries x \(responses) responses x \(hiddenSize), "
                + "\(millions(summary.byteCount)) MB, \(text(100 * summary.positiveShare, 1)) % "
                + "positive, \(text(seconds, 1)) s")
    }
}
