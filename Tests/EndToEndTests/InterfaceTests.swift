// What people and programs outside rely on, compared with what was recorded in Tests/Interface: the
// commands and their flags, the REST description that is served, and the protocols. Schema `ls` is
// LedgerTests' part.
import Foundation
import RecordedTexts
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Interface that is recorded` {
    @Test(arguments: ["lscoord", "lsworker"])
    func `the recorded interface of a program is its help, command by command`(program: String)
        async throws
    {
        let dumped = try await run(Programs.path(program), ["--experimental-dump-help"])
        let commands = try JSONDecoder().decode(
            ProgramDescription.self, from: Data(dumped.output.utf8)
        ).command.paths()
        try #require(commands.count > 2)
        let pages = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for (index, command) in commands.enumerated() {
                group.addTask { (index, try await Self.help(of: command)) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        let text = commands.indices.compactMap { pages[$0] }.joined(separator: "\n")
        let difference = try RecordedText("\(program).txt").difference(from: text)
        #expect(difference == nil, "\(difference ?? "")")
    }

    @Test func `the recorded interface of the HTTPS port is the description that it serves`()
        async throws
    {
        try await Installation.with { installation in
            let served = try await installation.curl("/openapi.json")
            try #require(served.status == 0, "\(served)")
            let difference = try RecordedText("openapi.json").difference(from: served.output)
            #expect(difference == nil, "\(difference ?? "")")
        }
    }

    @Test(arguments: ["WorkerWire/worker.proto", "RerankWire/rerank.proto"])
    func `the recorded interface of a gRPC port is its protocol, whatever is said beside it`(
        path: String
    ) throws {
        let file = Programs.repository.appendingPathComponent("Sources/\(path)")
        let lines = try String(contentsOf: file, encoding: .utf8)
            .replacing(/[ \t]*\/\/[^\n]*/, with: "").split(separator: "\n")
        let difference = try RecordedText(file.lastPathComponent)
            .difference(from: lines.joined(separator: "\n") + "\n")
        #expect(difference == nil, "\(difference ?? "")")
    }

    /// One page of help, under the command that shows it.
    private static func help(of command: [String]) async throws -> String {
        let arguments = command.dropFirst() + ["--help"]
        let ending = try await run(
            Programs.path(command[0]), Array(arguments), environment: ["COLUMNS": "100"])
        try #require(ending.status == 0, "\(command): \(ending)")
        return "$ \(command.joined(separator: " ")) --help\n\(ending.output)"
    }
}

/// What `--experimental-dump-help` says, as far as it is asked here.
private struct ProgramDescription: Decodable {
    struct Command: Decodable {
        let commandName: String
        let subcommands: [Command]?

        /// Itself, then everything under it, in the order of the help.
        func paths(under parents: [String] = []) -> [[String]] {
            let path = parents + [commandName]
            return [path]
                + (subcommands ?? []).filter { $0.commandName != "help" }
                .flatMap { $0.paths(under: path) }
        }
    }

    let command: Command
}
