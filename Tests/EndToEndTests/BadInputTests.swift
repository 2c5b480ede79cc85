// What a person gets wrong: one clear sentence each, the right exit status, and nothing is lost.
import Foundation
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `Bad input` {
    @Test func `each bad input gets one sentence, and the installation goes on`() async throws {
        try await Installation.with { installation in
            try await installation.registerDemo(["geometry"])
            try await featureFiles(installation)
            try await tokens(installation)
            try await requests(installation)
            try await occupied(installation)
            // Nothing was lost or half done by any of it.
            #expect(try await installation.sql("select count(*) from ls.feature_set_status") == "2")
            #expect(
                try await installation.sql(
                    "select string_agg(state, ', ' order by state) from ls.worker_status")
                    == "connected, revoked")
        }
    }

    /// The sentence is on standard error, in one line, after the program's name.
    private func expect(
        _ ending: Ending, status: Int32, says words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(ending.status == status, "\(ending)", sourceLocation: sourceLocation)
        let lines = ending.errors.split(separator: "\n").map(String.init)
        let sentences = lines.filter { $0.hasPrefix("lscoord: ") || $0.hasPrefix("lsworker: ") }
        #expect(sentences.count == 1, "\(ending)", sourceLocation: sourceLocation)
        let sentence = sentences.first ?? ""
        for word in words {
            #expect(sentence.contains(word), "\(ending)", sourceLocation: sourceLocation)
        }
        #expect(!ending.errors.contains("Fatal"), "\(ending)", sourceLocation: sourceLocation)
    }

    private func featureFiles(_ installation: Installation) async throws {
        let good = try Data(contentsOf: URL(fileURLWithPath: Programs.demo("geometry", "test")))
        func write(_ name: String, _ bytes: Data) throws -> String {
            let file = installation.home.appendingPathComponent(name)
            try bytes.write(to: file)
            return file.path
        }
        let truncated = try write("truncated.safetensors", good.prefix(good.count - 1_000))
        expect(
            try await installation.lscoord("features", "import", truncated), status: 65,
            says: "truncated.safetensors", "bytes")

        // The last response's last number becomes a NaN; responses are the last tensor of the file.
        var poisoned = good
        poisoned.replaceSubrange(good.count - 2..<good.count, with: [0x00, 0x7E])
        let nan = try write("nan.safetensors", poisoned)
        expect(
            try await installation.lscoord("features", "import", nan), status: 65,
            says: "nan.safetensors")

        let unknown = try write(
            "unknown.safetensors", renamed(good, "math/geometry", "math/astrology"))
        expect(
            try await installation.lscoord("features", "import", unknown), status: 66,
            says: "math/astrology")

        // Of a whole directory all that is missing, and nothing of it is stored.
        let directory = installation.home.appendingPathComponent("features")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        _ = try write("features/a.safetensors", good)
        for subject in ["astrology", "numerology"] {
            _ = try write(
                "features/\(subject).safetensors", renamed(good, "geometry", subject))
        }
        let all = try await installation.lscoord("features", "import", directory.path)
        expect(
            all, status: 66, says: "these 3 files",
            "domains 'math/astrology', 'math/numerology' are not registered; nothing was imported")
        #expect(
            all.errors.contains(
                "hint: lscoord register domain math/astrology && "
                    + "lscoord register domain math/numerology"), "\(all)")
        #expect(!all.output.contains("queries"), "\(all)")

        let other = try await installation.lscoord(
            "register", "base-model", "other", "--hidden-size", "4096")
        try #require(other.status == 0, "\(other)")
        let wide = try write("wide.safetensors", renamed(good, Installation.baseModel, "other"))
        expect(
            try await installation.lscoord("features", "import", wide), status: 65, says: "384",
            "4096")

        expect(
            try await installation.lscoord("features", "import", "/nowhere/x.safetensors"),
            status: 64,
            says: "/nowhere/x.safetensors")
    }

    /// A text in the file's header, replaced; the header's length is kept right.
    private func renamed(_ file: Data, _ old: String, _ new: String) -> Data {
        let count = Int(file.prefix(8).withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        let header = String(decoding: file[8..<8 + count], as: UTF8.self)
            .replacingOccurrences(of: old, with: new).trimmingCharacters(in: .whitespaces)
        var bytes = Array(header.utf8)
        while bytes.count % 8 != 0 { bytes.append(UInt8(ascii: " ")) }
        var result = withUnsafeBytes(of: UInt64(bytes.count)) { Data($0) }
        result.append(contentsOf: bytes)
        result.append(file[(8 + count)...])
        return result
    }

    private func tokens(_ installation: Installation) async throws {
        func join(_ token: String, _ state: String) async throws -> Ending {
            try await run(
                Programs.path("lsworker"),
                [
                    "join", "--coordinator", "localhost:\(installation.restPort)", "--state-dir",
                    installation.home.appendingPathComponent(state).path,
                ], environment: ["LSWORKER_TOKEN": token], within: 30)
        }
        expect(
            try await run(
                Programs.path("lsworker"), ["join", "--allow", "dream", "--state-dir", "w0"]),
            status: 78, says: "--allow 'dream'", "train, evaluate, rerank")
        try await installation.join("edge-1")
        let pin = try await installation.sql(
            "select split_part(ls.create_join_token(), '::', 1)")
        expect(try await join("nonsense", "w1"), status: 77, says: "token")
        expect(try await join(pin + "::000000000000.0000", "w2"), status: 77, says: "token")
        // Another authority's token: nothing secret may be sent, so nothing is used up.
        let other = "LS1" + String(repeating: "ab", count: 32) + "::000000000000.0000"
        expect(try await join(other, "w3"), status: 77)

        let token = try await installation.lscoord("token", "create", "--quiet")
        let text = token.output.trimmingCharacters(in: .whitespacesAndNewlines)
        // Used once by a program that is killed as soon as it is in.
        let first = try Program(
            Programs.path("lsworker"),
            [
                "join", "--coordinator", "localhost:\(installation.restPort)", "--state-dir",
                installation.home.appendingPathComponent("w4").path,
            ], environment: ["LSWORKER_TOKEN": text],
            log: installation.home.appendingPathComponent("w4.log"))
        try await eventually(within: 20, "the token is used") {
            try await installation.sql(
                "select count(*) from ls.worker_status where state = 'connected'") == "2"
        }
        first.kill()
        let second = try await join(text, "w5")
        expect(second, status: 77, says: "used")
        #expect(
            !second.errors.contains(text.split(separator: ".").last!), "the secret is not printed")
        let forgotten = try await installation.sql(
            """
            select ls.revoke_worker((select name from ls.worker_status where name <> 'edge-1'), \
            'test')
            """
        )
        #expect(forgotten == "")
    }

    private func requests(_ installation: Installation) async throws {
        func error(_ body: String) async throws -> String {
            let reply = try await installation.curl("/v1/rerank", body: body)
            #expect(reply.status == 22, "\(reply)")
            return reply.output
        }
        #expect(try await error("{").contains("invalidArgument"))
        #expect(try await error(#"{"model": "m"}"#).contains("'features' is missing"))
        #expect(
            try await error(
                #"""
                {"model": "m", "features": {"dtype": "float16", "shape": [3, 2], "data": "AAAA"}}
                """#
            )
            .contains("expected 12"))
        #expect(
            try await error(
                #"""
                {"model": "m", "features": {"dtype": "float32", "shape": [3, 1], "data": \#
                "AAAAAAAAAAAAAAAA"}}
                """#
            )
            .contains("unknownBaseModel"))
        let wrongPath = try await installation.curl("/v1/nothing")
        #expect(wrongPath.status == 22)
        #expect(wrongPath.output.contains("/v1/nothing"))
    }

    private func occupied(_ installation: Installation) async throws {
        // A second coordinator on the same data directory.
        expect(
            try await installation.lscoord("serve", within: 30), status: 69,
            says: installation.dataDirectory)
        // Another data directory, the same port.
        let elsewhere = installation.home.appendingPathComponent("second").path
        let second = try await run(
            Programs.path("lscoord"),
            [
                "serve", "--data-dir", elsewhere, "--rest-address",
                "127.0.0.1:\(installation.restPort)",
                "--worker-address", "127.0.0.1:\(try freePort())",
            ], within: 60)
        expect(second, status: 69, says: "\(installation.restPort)", "in use")
    }

    @Test func `a data directory of a newer schema is refused and left alone`() async throws {
        let installation = try Installation()
        defer { installation.tearDown() }
        try await installation.start()
        _ = try await installation.sql(
            """
            insert into ls.schema_migration select max(version) + 1, 'from_the_future', \
            max(checksum) from ls.schema_migration
            """
        )
        installation.coordinator?.stop()
        let refused = try await installation.lscoord("serve", within: 60)
        expect(refused, status: 78, says: "schema")
    }
}
