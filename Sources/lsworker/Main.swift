// The program: arguments to settings, settings to a worker, run. It decides nothing.
import ArgumentParser
import LanguageSystem
import ProgramSupport

@main
struct Worker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lsworker",
        abstract: "Trains and evaluates rankers for a coordinator, on this machine's processors.",
        discussion: """
            Examples:
              lsworker join --coordinator coordinator.example.org --token-file token
              lsworker join                  start again: the identity from before is used
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
