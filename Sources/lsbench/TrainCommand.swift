// `lsbench train`: reads the inputs, runs, reports. With `--paper` or `--groups` it times the steps
// over given groups, as a peer would do them; otherwise it runs training as a worker does.
import ArgumentParser
import Benchmarking
import LanguageSystem
import RankerMath
import Rankers

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train rankers, and print how long each phase took.",
        discussion: """
            Examples:
              lsbench train --kind listwise --features deploy/examples/math/*/train.safetensors \
            --test deploy/examples/math/*/test.safetensors
              lsbench train --paper --kind pointwise --features mbpp.safetensors --threads 2 \
            --write-groups g.safetensors --write-init i.safetensors
              lsbench train --paper --kind pointwise --features mbpp.safetensors --threads 2 \
            --groups g.safetensors --init i.safetensors --trace losses.json
            """)

    @Option(name: .long, parsing: .upToNextOption, help: "Feature files to train on.")
    var features: [String]
    @Option(name: .long, parsing: .upToNextOption, help: "Feature files to evaluate on.")
    var test: [String] = []
    @Option(help: "listwise or pointwise.") var kind: RankerKind = .listwise
    @Option(help: "Threads, 1 to 256.") var threads = 1
    @Option(help: "Number of runs; each uses the next seed.") var repeats = 1
    @Option(help: "Seed of the first run.") var seed: UInt64 = 1
    @Option(help: "Passes over the groups, in place of the configuration's.") var epochs: Int?
    @Option(help: "Training configuration as JSON, in place of the preset.") var training: String?
    @Option(help: "Ranker configuration as JSON, in place of the preset.") var ranker: String?
    @Option(help: "float32 or bfloat16.") var precision: Precision = .float32
    @Flag(
        help: """
            The paper's setting: SGD 0.5, momentum 0.9, weight decay 1e-4, 256 groups a step, \
            100 groups of 10 a query after filtering, temperature 1, uniform start.
            """)
    var paper = false
    @Option(help: "File of the groups to train on, in their order (safetensors, groups/1).")
    var groups: String?
    @Option(help: "File for the groups that were drawn; they are drawn as with --paper.")
    var writeGroups: String?
    @Option(
        name: .customLong("init"),
        help: "File of the initial weights (safetensors, with or without our metadata).")
    var initial: String?
    @Option(help: "File for the initial weights.") var writeInit: String?
    @Option(help: "File for the loss of every step of the last run, as JSON.")
    var trace: String?
    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Numbers of candidates (K) to evaluate on --test.")
    var candidates = [10]
    @Option(help: "File for the weights of the last run.") var out: String?
    @Flag(help: "Print the phases of the last run's time; needs --paper or --groups.")
    var profile = false

    func validate() throws {
        guard !features.isEmpty else { throw ValidationError("--features names no file") }
        guard (1...256).contains(threads), (1...1_000).contains(repeats) else {
            throw ValidationError("expected 1 to 256 threads and 1 to 1000 repeats")
        }
        guard !paper || training == nil else {
            throw ValidationError("--paper and --training both say how to train; give one")
        }
        guard groups == nil || writeGroups == nil else {
            throw ValidationError("--groups reads what --write-groups would write; give one")
        }
    }

    func run() throws {
        try precision.check(for: "train")
        let peak = MachinePeak.gigaflops(threadCount: threads)
        // A refusal stands alone: the heading waits for the first run.
        var runs = [try TrainRun(self, seed: seed)]
        let columns = Columns(TrainCase.heading)
        columns.row(runs[0].cells(peak: peak))
        for index in 1..<repeats {
            let run = try TrainRun(self, seed: seed + UInt64(index))
            columns.row(run.cells(peak: peak))
            runs.append(run)
        }
        print(oneLine(TrainCase(self, runs, peak: peak)))
        if profile { printProfile(of: runs[runs.count - 1]) }
        try writeResults(of: runs[runs.count - 1])
        guard !test.isEmpty else { return }
        try printAccuracy(
            of: runs.map(\.weights), on: test, candidateCounts: candidates, threadCount: threads)
    }

    private func writeResults(of run: TrainRun) throws {
        if let trace {
            let losses = LossTrace(
                impl: "lsbench-\(precision.rawValue)", losses: run.losses, weights: run.weights)
            try write(losses.json.utf8, to: trace)
        }
        if let out { try write(run.weights.safetensors(), to: out) }
    }

    private func printProfile(of run: TrainRun) {
        guard let phases = run.phases else { return }
        let columns = Columns([("phase", 32), ("seconds", 8), ("of run", 7)])
        for (name, seconds) in phases.named + [("between steps", run.trainSeconds - phases.total)] {
            columns.row([
                name, text(seconds, 3), text(100 * seconds / run.trainSeconds, 1) + " %",
            ])
        }
    }
}
