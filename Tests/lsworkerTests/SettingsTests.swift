// What lsworker makes of its flags, its environment and its settings file. How each of them is read
// is SettingsReader's part, tested in ProgramSupportTests.
import ArgumentParser
import EdgeWork
import Foundation
import LanguageSystem
import Logging
import ProgramSupport
import Testing

@testable import lsworker

/// A state directory, gone after the test.
private final class State {
    let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("lsworker-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func write(_ text: String, as name: String) throws -> String {
        let url = folder.appendingPathComponent(name)
        try Data(text.utf8).write(to: url)
        return url.path
    }

    func settings(_ flags: [String] = [], environment: [String: String] = [:]) async throws
        -> Settings
    {
        try await Settings.resolve(
            try CommonOptions.parse(["--state-dir", folder.path]), try JoinOptions.parse(flags),
            environment: environment)
    }

    /// What is said when they are refused.
    func refusal(_ flags: [String] = [], environment: [String: String] = [:]) async throws
        -> LanguageSystemError
    {
        let error = await #expect(throws: LanguageSystemError.self) {
            try await self.settings(flags, environment: environment)
        }
        return try #require(error)
    }
}

@Suite struct `Settings of lsworker` {
    @Test func `have the defaults that the help names`() async throws {
        let state = try State()
        let settings = try await state.settings()
        #expect(settings.state.path == state.folder.path)
        #expect(settings.coordinator == nil && settings.token == nil)
        #expect(!settings.name.isEmpty)
        #expect(settings.logFormat == .text && settings.logLevel == .info)
        let edge = settings.edge
        #expect(edge.capacity == 1 && edge.nice == 10)
        #expect(edge.policy == WorkPolicy())
        #expect(edge.threadCount == max(1, ProcessInfo.processInfo.activeProcessorCount / 2))
        #expect(edge.memoryByteCountMax == nil && edge.dataDirectory == nil)
        #expect(edge.dataUser == nil)
        #expect(edge.cacheByteCountMax == 8_192 << 20 && edge.drainDuration == .seconds(20))
    }

    /// Every key, its flag and its variable: the three say the same.
    @Test func `are the same from flags, from the environment and from the state's file`()
        async throws
    {
        let state = try State()
        let values: [(key: String, flag: String, variable: String, value: String)] = [
            ("coordinator", "--coordinator", "COORDINATOR", "one.example.org"),
            ("name", "--name", "NAME", "edge-1"),
            ("threads", "--threads", "THREADS", "3"),
            ("capacity", "--capacity", "CAPACITY", "2"),
            ("allow", "--allow", "ALLOW", "train,rerank"),
            ("domains", "--domains", "DOMAINS", "math/*, code/mbpp"),
            ("taskSize", "--task-size", "TASK_SIZE", "100"),
            ("hours", "--hours", "HOURS", "22:00-06:00"),
            ("memory", "--memory", "MEMORY", "4096"),
            ("nice", "--nice", "NICE", "5"),
            ("data", "--data", "DATA", state.folder.path),
            ("dataUser", "--data-user", "DATA_USER", "ada"),
            ("cacheSize", "--cache-size", "CACHE_SIZE", "64"),
            ("drainSeconds", "--drain-seconds", "DRAIN_SECONDS", "7"),
            ("logFormat", "--log-format", "LOG_FORMAT", "json"),
            ("logLevel", "--log-level", "LOG_LEVEL", "debug"),
        ]
        let flags = "\(try await state.settings(values.flatMap { [$0.flag, $0.value] }))"
        let environment = Dictionary(
            uniqueKeysWithValues: values.map { ("LSWORKER_" + $0.variable, $0.value) })
        let fromEnvironment = "\(try await state.settings(environment: environment))"
        #expect(fromEnvironment == flags)
        let object = Dictionary(
            uniqueKeysWithValues: values.map {
                ($0.key, Int($0.value).map { $0 as Any } ?? $0.value)
            })
        let json = try JSONSerialization.data(withJSONObject: object)
        _ = try state.write(String(decoding: json, as: UTF8.self), as: "config.json")
        let fromFile = "\(try await state.settings())"
        #expect(fromFile == flags)
        #expect(flags.contains("one.example.org") && flags.contains("code/mbpp"))
    }

    @Test func `take the token from the flag, then its file, then where it is written`()
        async throws
    {
        let state = try State()
        let file = try state.write("from-file\n", as: "token-file")
        _ = try state.write(#"{"token": "from-settings"}"#, as: "config.json")
        #expect(try await state.settings().token == "from-settings")
        let secrets = try State()
        _ = try secrets.write("from-secret\n", as: "token")
        var environment = ["LSWORKER_SECRETS_DIR": secrets.folder.path]
        #expect(try await state.settings(environment: environment).token == "from-secret")
        environment["LSWORKER_TOKEN"] = "from-environment\r\n"
        #expect(try await state.settings(environment: environment).token == "from-environment")
        environment["LSWORKER_TOKEN_FILE"] = file
        #expect(try await state.settings(environment: environment).token == "from-file")
        let flags = ["--token", "from-flag"]
        #expect(try await state.settings(flags, environment: environment).token == "from-flag")
        // An empty variable is one that nobody has filled in.
        #expect(try await State().settings(environment: ["LSWORKER_TOKEN": "\n"]).token == nil)
    }

    @Test(arguments: [
        (["--capacity", "65"], "--capacity 65: expected a whole number from 1 to 64"),
        (["--memory", "0"], "--memory 0: expected a whole number from 1 to 100000000"),
        (["--nice", "20"], "--nice 20: expected a whole number from 0 to 19"),
        (
            ["--allow", "dream"],
            "--allow 'dream': expected one of train, evaluate, rerank, or some of them "
                + "separated by commas"
        ),
        (["--data", "/nowhere"], "--data '/nowhere': found no such directory"),
        (["--log-format", "xml"], "--log-format 'xml': expected one of text, json"),
    ])
    func `are refused by their flags`(flags: [String], words: String) async throws {
        let refusal = try await State().refusal(flags)
        #expect(refusal.code == .invalidSettings)
        #expect(refusal.message == "cannot use \(words)")
    }

    @Test func `of a variable or a file may say 0 megabytes, which is any number`() async throws {
        let state = try State()
        #expect(
            try await state.settings(environment: ["LSWORKER_MEMORY": "0"]).edge
                .memoryByteCountMax == nil)
        _ = try state.write(#"{"taskSize": 0, "memory": 5}"#, as: "config.json")
        let edge = try await state.settings().edge
        #expect(edge.policy.taskByteCountMax == nil && edge.memoryByteCountMax == 5 << 20)
    }

    @Test func `of the state's file are refused when they are mistyped`() async throws {
        let state = try State()
        _ = try state.write(#"{"capacity": 2, "domain": "math/*"}"#, as: "config.json")
        let unknown = try await state.refusal()
        #expect(unknown.message.hasPrefix("cannot use 'domain' in the settings file "))
        #expect(unknown.hint == "the nearest setting is domains")
        _ = try state.write(#"{"name": 5}"#, as: "config.json")
        #expect(
            try await state.refusal().message
                == "cannot use the settings file's name: found the number 5, expected text")
    }
}
