// Times what this project claims to be fast: training on real or synthetic features, and scoring
// one group. Prints a line for people and one JSON line per case.
import ArgumentParser

@main
struct LSBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lsbench", abstract: "Time training and scoring of rankers.",
        subcommands: [TrainCommand.self, ScoreCommand.self])
}
