// Times what this project claims to be fast: training on real or synthetic features, scoring one
// group, the products of matrices beneath both, and the ledger at size. Prints lines for people and one JSON line per
// case.
import ArgumentParser
import Foundation
import LanguageSystem

@main
struct LSBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lsbench", abstract: "Time training and scoring of rankers.",
        discussion: """
            Examples:
              lsbench generate --out mbpp.safetensors       synthetic features of the paper's size
              lsbench train --paper --kind listwise --features mbpp.safetensors --threads 2
              lsbench score --rankers 100
              lsbench kernels --threads 2
              lsbench ledger                                the registry at a million rankers
            """,
        version: "lsbench \(ProductVersion.current)",
        subcommands: [
            TrainCommand.self, GenerateCommand.self, ScoreCommand.self, KernelsCommand.self,
            LedgerCommand.self,
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as CoordinatorError {
            FileHandle.standardError.write(Data("lsbench: \(error)\n".utf8))
            Foundation.exit(error.code.exitStatus)
        } catch {
            exit(withError: error)
        }
    }
}
