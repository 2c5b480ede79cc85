// The program: arguments to settings, settings to services, run. It decides nothing.
import ArgumentParser
import LanguageSystem
import ProgramSupport

@main
struct Coordinator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lscoord",
        abstract:
            """
            Coordinates rankers for one frozen base model: registry, training, routing, reranking.
            """,
        discussion: """
            Examples:
              lscoord serve                                  start with an embedded PostgreSQL
              lscoord token create --name edge-1             a token for one worker
              lscoord key create --name app                  a key for rerank requests
              lscoord features import features/math          every feature file beneath a directory
              lscoord train --domain 'math/*' --wait         train, and show progress
              lscoord train RANKER --sweep paper             40 configurations, compared
              lscoord transfer --base-model M --wait         the transfer matrix
              lscoord curve RANKER                           accuracy against the number of \
            candidates
              lscoord rerank --model M --features FILE --query 3

            Settings come from flags, then LSCOORD_… in the environment, then files in \
            LSCOORD_SECRETS_DIR,
            then --config FILE, then defaults.
            """,
        version: "lscoord \(ProductVersion.current)",
        subcommands: [
            Serve.self, Migrate.self, Register.self, Features.self, Token.self,
            KeyCommand.self, Replay.self,
            WorkerCommand.self, AuthorityCommand.self, Train.self,
            Transfer.self, Curve.self, Judge.self, Promote.self, Status.self, Rerank.self,
            Forget.self, Psql.self,
        ])

    static func main() async {
        MallocTrimmer.bound()
        Cores.giveEachAnEventLoop()
        await runProgram(hidingValuesOf: ["--database"])
    }
}
