// What `main` of every program does: reads the arguments, runs the command that they name, and
// says what went wrong in one sentence, with the exit status of its code.
public import ArgumentParser
import Foundation
import LanguageSystem

extension AsyncParsableCommand {
    /// Runs the command that the arguments name. Returns when it has done its work; every failure
    /// ends the process.
    ///
    /// - Parameter flags: Their values are secrets: once read, they are overwritten in the list of
    ///   arguments that other users of the machine can see.
    public static func runProgram(hidingValuesOf flags: [String] = []) async {
        HiddenArguments.hide(valuesOf: flags)
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as LanguageSystemError {
            report(error)
        } catch is CancellationError {
            report(LanguageSystemError(.cancelled, "cannot finish: interrupted"))
        } catch {
            exit(withError: error)
        }
    }

    private static func report(_ error: LanguageSystemError) -> Never {
        let program = configuration.commandName ?? "program"
        FileHandle.standardError.write(Data("\(program): \(error)\n".utf8))
        let level = ProcessInfo.processInfo.environment["\(program.uppercased())_LOG_LEVEL"]
        if level == "debug", let cause = error.cause {
            FileHandle.standardError.write(Data("  cause: \(cause)\n".utf8))
        }
        Foundation.exit(error.code.exitStatus)
    }
}
