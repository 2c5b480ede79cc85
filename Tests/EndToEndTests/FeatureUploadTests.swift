// Feature files over HTTPS from the real client to the real database: once, twice, broken off, with
// keys that may not. What came that way is trained from.
import Foundation
import Testing

@Suite(.timeLimit(.minutes(10))) struct `Features over HTTPS` {
    @Test func `what is sent is stored once, survives what breaks off, and is trained from`()
        async throws
    {
        try await Installation.with(workers: ["edge-1"]) { installation in
            for arguments in [
                ["register", "base-model", Installation.baseModel, "--hidden-size", "384"],
                ["register", "domain", "math/geometry"],
                [
                    "register", "ranker", "--base-model", Installation.baseModel, "--domain",
                    "math/geometry", "--kind", "listwise", "--training", #"{"epochs": 1}"#,
                ],
            ] {
                let ending = try await run(
                    Programs.path("lscoord"), arguments, environment: installation.environment)
                try #require(ending.status == 0, "\(ending)")
            }
            let node = try await Self.key("node", ["--features"], installation)
            try await Self.refusals(node, installation)
            try await Self.brokenOff(node, installation)

            for split in ["train", "test"] {
                let path = Programs.demo("geometry", split)
                let first = try await Self.send(path, node, installation)
                try #require(first.status == "201", "\(first)")
                #expect(first.json["duplicate"] as? Bool == false)
                #expect(first.json["split"] as? String == split)
                let again = try await Self.send(path, node, installation)
                #expect(again.status == "200" && again.json["duplicate"] as? Bool == true)
                #expect(again.json["id"] as? Int == first.json["id"] as? Int)
                // As curl sends it with 100-continue, in chunks.
                let chunked = try await Self.send(
                    path, node, installation,
                    ["-H", "transfer-encoding: chunked", "-H", "expect: 100-continue"])
                #expect(chunked.status == "200", "\(chunked)")
                // Both ways the same set.
                let imported = try await installation.lscoord("features", "import", path)
                #expect(imported.output.contains("already stored"), "\(imported)")
            }
            #expect(
                try await installation.sql(
                    """
                    select string_agg(distinct imported_by, ' ') || count(*)
                    from ls.feature_set_status
                    """) == "key node2")
            let trained = try await installation.lscoord(
                "train", "math/geometry.listwise", "--wait")
            #expect(trained.status == 0, "\(trained)")
            #expect(
                try await installation.sql(
                    "select versions from ls.ranker_status where name = 'math/geometry.listwise'")
                    == "1")
            try await Self.canary(installation)
            let metrics = try await installation.curl("/metrics").output
            #expect(
                metrics.contains(#"ls_feature_imports_total{outcome="stored"} 2"#), "\(metrics)")
            #expect(metrics.contains(#"ls_feature_imports_total{outcome="duplicate"} 4"#))
        }
    }

    /// Set with the command, read with a key.
    private static func canary(_ installation: Installation) async throws {
        let header =
            #"{"__metadata__":{"format":"canary/1","hidden_size":"384"},"#
            + #""rows":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#
        let bytes =
            withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
            + Data(header.utf8) + Data("rows".utf8)
        let file = installation.home.appendingPathComponent("canary.safetensors")
        try bytes.write(to: file)
        func register(_ hiddenSize: String, _ path: String) async throws -> Ending {
            try await installation.lscoord(
                "register", "base-model", Installation.baseModel, "--hidden-size", hiddenSize,
                "--canary", path)
        }
        let path = "/v1/base-models/\(Installation.baseModel)/canary"
        #expect(try await installation.curl(path).output.contains("unknownCanary"))
        let set = try await register("384", file.path)
        #expect(set.status == 0 && set.output.contains(", canary "), "\(set)")
        #expect(try await installation.curl(path).output.hasSuffix("rows"))
        #expect(try await register("384", Programs.demo("geometry", "test")).status == 65)
        #expect(try await register("384", "/nowhere").status == 64)
    }

    private struct Answer: CustomStringConvertible {
        let status: String
        let json: [String: Any]
        let ending: Ending

        var error: String? { (json["error"] as? [String: Any])?["code"] as? String }
        var description: String { "\(status) \(ending)" }
    }

    private static func key(
        _ name: String, _ arguments: [String], _ installation: Installation
    ) async throws -> String {
        let ending = try await run(
            Programs.path("lscoord"), ["key", "create", "--name", name, "--quiet"] + arguments,
            environment: installation.environment)
        try #require(ending.status == 0, "\(ending)")
        return ending.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func send(
        _ path: String, _ key: String?, _ installation: Installation, _ arguments: [String] = []
    ) async throws -> Answer {
        let ending = try await run(
            "/usr/bin/curl",
            [
                "-sS", "--max-time", "60", "--cacert", installation.authorityPath, "-X", "POST",
                "-T", path, "-H", "content-type: application/vnd.safetensors", "-w",
                "\n%{http_code}",
            ] + (key.map { ["-H", "authorization: Bearer \($0)"] } ?? []) + arguments
                + [installation.url + "/v1/feature-sets"])
        let lines = ending.output.split(separator: "\n")
        let json = lines.dropLast().joined(separator: "\n")
        return Answer(
            status: lines.last.map(String.init) ?? "",
            json: (try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
                ?? [:], ending: ending)
    }

    private static func refusals(_ node: String, _ installation: Installation) async throws {
        let path = Programs.demo("geometry", "train")
        #expect(try await send(path, nil, installation).error == "keyRefused")
        #expect(try await send(path, installation.apiKey, installation).error == "notPermitted")
        let others = try await key(
            "others", ["--features", "--base-model", "another"], installation)
        #expect(try await send(path, others, installation).error == "unknownBaseModel")
        let elsewhere = try await send(Programs.demo("algebra", "train"), node, installation)
        #expect(elsewhere.error == "unknownDomain", "\(elsewhere)")
        let cut = installation.home.appendingPathComponent("cut.safetensors")
        try Data(contentsOf: URL(fileURLWithPath: path)).dropLast(1_000).write(to: cut)
        let short = try await send(cut.path, node, installation)
        #expect(short.status == "422" && short.error == "invalidFeatures", "\(short)")
        #expect(try await installation.sql("select count(*) from ls.feature_set") == "0")
    }

    /// A client that is killed in the middle of its file.
    private static func brokenOff(_ node: String, _ installation: Installation) async throws {
        let before = try files(installation)
        let client = try Program(
            "/usr/bin/curl",
            [
                "-sS", "--limit-rate", "50k", "--cacert", installation.authorityPath, "-X", "POST",
                "-T", Programs.demo("geometry", "train"), "-H",
                "content-type: application/vnd.safetensors", "-H",
                "authorization: Bearer \(node)", installation.url + "/v1/feature-sets",
            ], log: installation.home.appendingPathComponent("client.log"))
        try await eventually(within: 20, "the file is on its way") {
            try await uploads(installation) == "1"
        }
        // It has no name while it comes.
        #expect(try files(installation) == before)
        client.kill()
        try await eventually(within: 20, "its place is free") {
            try await uploads(installation) == "0"
        }
        #expect(try files(installation) == before)
        #expect(try await installation.sql("select count(*) from ls.feature_set") == "0")
    }

    private static func uploads(_ installation: Installation) async throws -> String? {
        try await installation.curl("/metrics").output.split(separator: "\n")
            .first { $0.hasPrefix("ls_feature_uploads ") }
            .map { String($0.dropFirst("ls_feature_uploads ".count)) }
    }

    private static func files(_ installation: Installation) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: installation.dataDirectory).sorted()
    }
}
