// One mistake, made on every surface: psql, the command line, REST and a worker's calls say the
// same sentence and the same hint, under the same code.
import Foundation
import LanguageSystem
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `The words of an error` {
    @Test func `an error's words are the same on every surface`() async throws {
        try await Installation.with { installation in
            try await installation.registerDemo(["geometry"])
            try await installation.join("edge-1")
            try await unknownBaseModel(installation)
            try await unknownRanker(installation)
            try await unknownVersion(installation)
            try await refusedToken(installation)
            try await revokedWorker(installation)
        }
    }

    private func unknownBaseModel(_ installation: Installation) async throws {
        let words = try await inPsql("select * from ls.route('nobody')", installation)
        #expect(words.code == .unknownBaseModel)
        #expect(words.message == "cannot use base model 'nobody': it is not registered")
        #expect(words.hint != nil)
        #expect(
            try await onCommandLine(["transfer", "--base-model", "nobody", "--wait"], installation)
                == words)
        #expect(
            try await onCommandLine(
                ["register", "ranker", "--base-model", "nobody", "--kind", "listwise"], installation
            )
                == words)
    }

    private func unknownRanker(_ installation: Installation) async throws {
        let words = try await inPsql(
            "select * from ls.resolve('math/topology.listwise:champion')", installation)
        #expect(words.code == .unknownRanker)
        #expect(words.message == "cannot use ranker 'math/topology.listwise': it is not registered")
        #expect(
            try await onCommandLine(["train", "math/topology.listwise"], installation) == words)
        let overREST = try await overREST(
            model: "math/topology.listwise:champion", installation)
        #expect(overREST == words)
    }

    private func unknownVersion(_ installation: Installation) async throws {
        let name = "math/geometry.listwise@7"
        let words = try await inPsql("select * from ls.resolve('\(name)')", installation)
        #expect(words.code == .unknownVersion)
        #expect(words.hint == nil)
        #expect(try await onCommandLine(["curve", name], installation) == words)
        let overREST = try await overREST(model: name, installation)
        #expect(overREST == words)
    }

    /// A worker that joins with a token nobody made; the secret goes over HTTPS.
    private func refusedToken(_ installation: Installation) async throws {
        let secret = String(repeating: "0", count: 64)
        let words = try await inPsql(
            "select * from ls.redeem_join_token('0123456789ab', '\(secret)', sha256(''), 'edge-2')",
            installation)
        #expect(words.code == .tokenRefused)
        let pin = try await installation.sql("select split_part(ls.create_join_token(), '::', 1)")
        let ending = try await run(
            Programs.path("lsworker"),
            [
                "join", "--coordinator", "localhost:\(installation.restPort)", "--state-dir",
                installation.home.appendingPathComponent("edge-2").path,
            ], environment: ["LSWORKER_TOKEN": pin + "::0123456789ab." + secret], within: 30)
        #expect(try Words(program: "lsworker", ending) == words)
    }

    /// A worker that is shut out while it works; it hears so in a call over mutual TLS.
    private func revokedWorker(_ installation: Installation) async throws {
        _ = try await installation.sql("select ls.revoke_worker('edge-1', 'its disk was stolen')")
        let words = try await inPsql("select ls.authenticate_worker('edge-1')", installation)
        #expect(words.code == .identityRefused)
        #expect(
            words.message == "cannot serve worker 'edge-1': it was revoked: its disk was stolen")
        let worker = try #require(installation.workers["edge-1"])
        try await eventually(within: 30, "its session ends, and it with it") {
            !worker.process.isRunning
        }
        // It comes back with the identity it has.
        let ending = try await run(
            Programs.path("lsworker"),
            [
                "join", "--coordinator", "localhost:\(installation.restPort)", "--state-dir",
                installation.home.appendingPathComponent("edge-1").path,
            ], within: 60)
        #expect(try Words(program: "lsworker", ending) == words)
    }

    // MARK: Surfaces

    private func inPsql(_ statement: String, _ installation: Installation) async throws -> Words {
        let ending = try await installation.lscoord(
            "psql", "-Xq", "-v", "VERBOSITY=verbose", "-v", "ON_ERROR_STOP=1", "-c", statement)
        return try Words(psql: ending)
    }

    private func onCommandLine(_ arguments: [String], _ installation: Installation) async throws
        -> Words
    {
        let ending = try await run(
            Programs.path("lscoord"), arguments,
            environment: ["LSCOORD_DATA_DIR": installation.dataDirectory])
        return try Words(program: "lscoord", ending)
    }

    private func overREST(model: String, _ installation: Installation) async throws -> Words {
        let zeros = Data(count: 3 * 384 * 2).base64EncodedString()
        let reply = try await installation.curl(
            "/v1/rerank",
            body: #"""
                {"model": "\#(model)", "features": {"dtype": "float16", "shape": [3, 384], \#
                "data": "\#(zeros)"}}
                """#)
        return try Words(rest: reply)
    }
}

/// What a person reads of an error, however it came.
private struct Words: Equatable {
    let code: ErrorCode
    let message: String
    let hint: String?

    /// `ERROR:  LS010: message`, and a line `HINT:  …`; VERBOSITY verbose shows the SQLSTATE.
    init(psql ending: Ending) throws {
        let lines = ending.errors.split(separator: "\n").map(String.init)
        let error = try #require(
            lines.compactMap { $0.firstMatch(of: /ERROR:  (LS\d\d\d): (.*)/) }.first, "\(ending)")
        code = try #require(ErrorCode(sqlState: String(error.1)))
        message = String(error.2)
        hint = lines.first { $0.hasPrefix("HINT:  ") }.map { String($0.dropFirst(7)) }
    }

    /// `lscoord: message`, `  hint: …`; the code is the exit status, of which several codes share
    /// one.
    init(program: String, _ ending: Ending) throws {
        let lines = ending.errors.split(separator: "\n").map(String.init)
        let place = try #require(
            lines.firstIndex { $0.hasPrefix("\(program): ") }, "\(ending)")
        let message = String(lines[place].dropFirst(program.count + 2))
        self.message = message
        hint = lines[(place + 1)...].first { $0.hasPrefix("  hint: ") }.map {
            String($0.dropFirst(8))
        }
        let codes = ErrorCode.allCases.filter { $0.exitStatus == ending.status }
        code = try #require(
            codes.first { Self.code(of: message, among: codes) == $0 }, "\(ending)")
    }

    init(rest ending: Ending) throws {
        struct Body: Decodable {
            struct Content: Decodable {
                let message: String
                let code: String
                let hint: String?
            }
            let error: Content
        }
        let body = try JSONDecoder().decode(Body.self, from: Data(ending.output.utf8)).error
        code = try #require(ErrorCode(rawValue: body.code), "\(ending)")
        message = body.message
        hint = body.hint
    }

    /// The exit status says which group; within it the sentence names the thing.
    private static func code(of message: String, among codes: [ErrorCode]) -> ErrorCode? {
        let words: [(String, ErrorCode)] = [
            ("cannot use base model ", .unknownBaseModel), ("cannot use ranker ", .unknownRanker),
            ("cannot use '", .unknownVersion), ("cannot join", .tokenRefused),
            ("cannot serve worker ", .identityRefused),
        ]
        return words.first { message.hasPrefix($0.0) }.map(\.1).flatMap {
            codes.contains($0) ? $0 : nil
        }
    }
}
