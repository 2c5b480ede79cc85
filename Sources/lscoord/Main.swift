// The program: arguments to settings, settings to services, run. It decides nothing.
import ArgumentParser
import Foundation
import LanguageSystem
import ProgramLog

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
              lscoord serve                                  start, on an embedded PostgreSQL
              lscoord token create --name edge-1             a token for one worker
              lscoord key create --name app                  a key for rerank requests
              lscoord features import features/math          every feature file beneath a directory
              lscoord train --domain 'math/*' --wait         train, and watch
              lscoord train RANKER --sweep paper             40 configurations, compared
              lscoord transfer --base-model M --wait         the transfer matrix
              lscoord curve RANKER                           accuracy against the number of \
            candidates
              lscoord rerank --model M --features FILE --query 3

            Settings come from flags, then LSCOORD_… in the environment, then --config FILE, then \
            defaults.
            """,
        version: "lscoord \(ProductVersion.current)",
        subcommands: [
            Serve.self, Migrate.self, Register.self, Features.self, Token.self,
            KeyCommand.self, Replay.self,
            WorkerCommand.self, AuthorityCommand.self, Train.self,
            Transfer.self, Curve.self, Judge.self, Promote.self, Status.self, Rerank.self, Forget.self, Psql.self,
        ])

    static func main() async {
        HiddenArguments.hide(valuesOf: ["--database"])
        MallocTrimmer.bound()
        Cores.giveEachAnEventLoop()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as CoordinatorError {
            report(error)
        } catch is CancellationError {
            report(CoordinatorError(.cancelled, "cannot finish: interrupted"))
        } catch {
            exit(withError: error)
        }
    }

    private static func report(_ error: CoordinatorError) -> Never {
        FileHandle.standardError.write(Data("lscoord: \(error)\n".utf8))
        if let cause = error.cause,
            ProcessInfo.processInfo.environment["LSCOORD_LOG_LEVEL"] == "debug"
        {
            FileHandle.standardError.write(Data("  cause: \(cause)\n".utf8))
        }
        Foundation.exit(error.code.exitStatus)
    }
}
