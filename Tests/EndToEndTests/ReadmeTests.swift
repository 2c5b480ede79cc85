// The commands of README.md, and of the page Commands, that work as they stand beside what
// deploy/quickstart leaves running, done in their order in one shell. Left out is what takes
// minutes, what needs another machine, and what undoes a second promotion.
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(10))) struct `The commands of the README` {
    @Test func `the README's commands work beside what the quickstart leaves running`() async throws
    {
        let commands = try Self.commands()
        for start in ["lscoord train --domain", "select ", "KEY=", "curl ", "lscoord replay"] {
            try #require(commands.contains { $0.contains(start) }, "none with \(start)")
        }
        try await Installation.with(workers: ["edge-1", "edge-2"]) { installation in
            try await Self.prepare(installation)
            let script = commands.map {
                $0.replacing("/tmp/", with: installation.home.path + "/")
                    .replacing("https://localhost:8443", with: installation.url)
            }.joined(separator: "\n")
            // A decision is kept a moment after its answer.
            let kept = "until lscoord replay monday-1; do sleep 0.2; done"
            let file = installation.home.appendingPathComponent("readme.sh")
            try "set -euo pipefail\n\(script.replacing("lscoord replay monday-1", with: kept))\n"
                .write(to: file, atomically: true, encoding: .utf8)
            var environment = installation.environment
            environment["LSCOORD_API_KEY"] = nil
            environment["PATH"] = Programs.directory.path + ":/usr/bin:/bin"
            let ending = try await run(
                "/bin/bash", ["-x", file.path], environment: environment,
                in: Programs.repository, within: 400)
            try #require(ending.status == 0, "\(ending)")
            #expect(ending.output.contains("\"model\":\"~ada.listwise@1\""), "\(ending)")
            // Both bodies are of the same numbers.
            let answers = ending.output.matches(of: /"results":\[[^\]]*\]/).map { String($0.0) }
            #expect(answers.count == 2 && Set(answers).count == 1, "\(answers)")
        }
    }

    /// What of the quickstart the commands speak of, with fewer rankers.
    private static func prepare(_ installation: Installation) async throws {
        try await installation.registerDemo(["algebra"])
        let model = Installation.baseModel
        let others = [
            "prealgebra", "number_theory", "counting_and_probability", "geometry",
            "intermediate_algebra", "precalculus",
        ]
        let steps =
            others.map { ["register", "domain", "math/\($0)"] } + [
                [
                    "register", "ranker", "--base-model", model, "--domain", "math", "--kind",
                    "listwise",
                ],
                [
                    "register", "ranker", "--base-model", model, "--user", "ada", "--kind",
                    "listwise",
                ],
                [
                    "register", "ranker", "--base-model", model, "--user", "ben", "--domain",
                    "math", "--kind", "listwise",
                ],
                ["features", "import", "deploy/examples/math"],
                ["train", "--domain", "math/*", "--domain", "math", "--wait"],
                ["train", "~ada.listwise", "--features", "math/algebra", "--wait"],
                ["train", "~ben/math.listwise", "--features", "math/geometry", "--wait"],
                ["promote", "~ada.listwise@1", "--anyway", "--reason", "ada asked for it"],
            ]
        for step in steps {
            let ending = try await run(
                Programs.path("lscoord"), step, environment: installation.environment,
                in: Programs.repository, within: 240)
            try #require(ending.status == 0, "\(step): \(ending)")
        }
    }

    /// Those of the first request, then those of the page that goes on from there.
    private static func commands() throws -> [String] {
        let page = "Sources/LanguageSystem/LanguageSystem.docc/Commands.md"
        return try commands(of: "README.md", from: "## A first request", to: "## Where next")
            + commands(of: page, from: "works as it stands", to: "## Settings")
    }

    /// One a shell command, in order; SQL as psql is given it.
    private static func commands(
        of page: String, from start: String, to end: String
    ) throws -> [String] {
        let text = try String(
            contentsOf: Programs.repository.appendingPathComponent(page), encoding: .utf8)
        let lines = text.replacing("\\\n", with: " ").components(separatedBy: "\n")
        let first = try #require(lines.firstIndex { $0.contains(start) }, "\(page): \(start)")
        let last = try #require(lines.firstIndex { $0.hasPrefix(end) }, "\(page): \(end)")
        let starts = ["lscoord ", "KEY=", "HEADER=", "ANSWERS=", "curl ", "(printf", "select "]
        let leftOut = ["HOST", "--sweep", "ada-laptop", "~ada/", "ls.rollback", "ls.request_sweep"]
        return lines[first..<last].filter { $0.hasPrefix("    ") }.map {
            String($0.dropFirst(4))
        }.filter { line in
            starts.contains { line.hasPrefix($0) } && !leftOut.contains { line.contains($0) }
        }.map { line in
            line.hasPrefix("select ")
                ? "lscoord psql -v ON_ERROR_STOP=1 -c \"\(line)\"" : line
        }
    }
}
