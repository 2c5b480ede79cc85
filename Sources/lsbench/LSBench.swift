// Times what this project claims to be fast: training on real or synthetic features, scoring one
// group, the products of matrices beneath both, the ledger at size, the dispatch of tasks and the
// way of features to workers. Prints lines for people and one JSON line per case.
import ArgumentParser
import LanguageSystem
import ProgramSupport

@main
struct LSBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lsbench",
        abstract: "Time training, scoring and serving of rankers, and the dispatch of tasks.",
        discussion: """
            Examples:
              lsbench generate --out mbpp.safetensors       synthetic features of the paper's size
              lsbench train --paper --kind listwise --features mbpp.safetensors --threads 2
              lsbench score --rankers 100
              lsbench kernels --threads 2
              lsbench ledger                                the registry at a million rankers
              lsbench queue
              lsbench fleet --workers 50 --tasks 5000
              lsbench fleet --workers 500 --idle 60
              lsbench transfer
              lsbench serve --rate 0.5 --overload 1.5
              lsbench gate --features deploy/examples/math
              lsbench signals --features deploy/examples/math
            """,
        version: "lsbench \(ProductVersion.current)",
        subcommands: [
            TrainCommand.self, GenerateCommand.self, ScoreCommand.self, KernelsCommand.self,
            LedgerCommand.self, QueueCommand.self, FleetCommand.self, TransferCommand.self,
            ServeCommand.self, GateCommand.self, SignalsCommand.self,
        ])

    static func main() async {
        await Interruption.watch()
        await runProgram()
    }
}
