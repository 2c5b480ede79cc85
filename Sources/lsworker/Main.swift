// The program: arguments to settings, settings to a worker, run. It decides nothing.
import ArgumentParser
import LanguageSystem
import ProgramSupport

@main
struct Worker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lsworker",
        abstract: "Trains, evaluates and serves rankers for a coordinator on this machine.",
        discussion: """
            Examples:
              lsworker join --coordinator coordinator.example.org --token-file token
              lsworker join                  start again with the saved identity
              lsworker status

            Settings come from flags, then LSWORKER_… in the environment, then files in
            LSWORKER_SECRETS_DIR, then config.json in the state directory (or --config
            FILE), then defaults.
            """,
        version: "lsworker \(ProductVersion.current)",
        subcommands: [Join.self, Status.self])

    static func main() async {
        await runProgram(hidingValuesOf: ["--token"])
    }
}
