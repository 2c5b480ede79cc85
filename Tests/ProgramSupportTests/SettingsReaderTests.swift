// One setting of each kind, in every place where it can stand, and everything that can be wrong.
import Foundation
import LanguageSystem
import Testing

@testable import ProgramSupport

/// The settings of a program that there is only here.
private struct Example: Equatable {
    var database: String?
    var threads: Int
    var share: Double
    var color: Color
    var names: [String]
    var address: HostPort?

    enum Color: String, CaseIterable { case red, green }

    struct Flags {
        var database: String?
        var threads: Int?
        var share: Double?
        var color: String?
        var names: [String] = []
        var address: String?
    }

    init(_ settings: inout SettingsReader, _ flags: Flags) throws {
        database = try settings.text("database", flags.database, isSecret: true)
        threads = try settings.wholeNumber(
            "threadCount", flags.threads, in: 1...64, default: 4)
        share = try settings.number("share", flags.share, in: 0...1, default: 0.5)
        color = try settings.choice("color", flags.color, default: .red)
        names = try settings.texts(
            "serverNames", flags.names, flagName: "--server-name", expected: "names without spaces"
        ) { text, name in
            guard !text.contains(" ") else {
                throw LanguageSystemError(.invalidSettings, "cannot use \(name) '\(text)'")
            }
        }
        address = try settings.text("address", flags.address, expected: "host:port") {
            text, name in
            do {
                return try HostPort(text)
            } catch {
                throw LanguageSystemError(.invalidSettings, "cannot use \(name) '\(text)'")
            }
        }
    }
}

/// A folder with a settings file and secrets, gone after the test.
private final class Place {
    let folder: URL
    var environment: [String: String] = [:]
    var file: String?

    init(_ json: String? = nil, secrets: [String: String] = [:]) throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("settings-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: secretsFolder, withIntermediateDirectories: true)
        if let json {
            let url = folder.appendingPathComponent("settings.json")
            try Data(json.utf8).write(to: url)
            file = url.path
        }
        for (name, text) in secrets { try write(text, as: name) }
        if !secrets.isEmpty { environment["EXAMPLE_SECRETS_DIR"] = secretsFolder.path }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var secretsFolder: URL { folder.appendingPathComponent("secrets") }

    func write(_ text: String, as name: String) throws {
        try Data(text.utf8).write(to: secretsFolder.appendingPathComponent(name))
    }

    func read(_ flags: Example.Flags = .init(), defaultFile: String? = nil) async throws
        -> Example
    {
        try await SettingsReader.read(
            program: "example", file: file, defaultFile: defaultFile, environment: environment
        ) { try Example(&$0, flags) }
    }

    /// What is said when the settings are refused.
    func refusal(_ flags: Example.Flags = .init()) async throws -> LanguageSystemError {
        let error = await #expect(throws: LanguageSystemError.self) { try await self.read(flags) }
        let refusal = try #require(error)
        #expect(refusal.code == .invalidSettings)
        #expect(refusal.code.exitStatus == 78)
        return refusal
    }
}

@Suite struct `Settings of a program` {
    @Test func `have their defaults where nobody says anything`() async throws {
        let settings = try await Place().read()
        #expect(settings.database == nil && settings.names.isEmpty && settings.address == nil)
        #expect(settings.threads == 4 && settings.share == 0.5 && settings.color == .red)
    }

    @Test func `are read from a flag before the environment, secrets, the file and the default`()
        async throws
    {
        let place = try Place(#"{"threadCount": 2}"#, secrets: ["threadCount": "3\n"])
        place.environment = [:]
        #expect(try await place.read().threads == 2)
        place.environment["EXAMPLE_SECRETS_DIR"] = place.secretsFolder.path
        #expect(try await place.read().threads == 3)
        place.environment["EXAMPLE_THREAD_COUNT"] = "5"
        #expect(try await place.read().threads == 5)
        #expect(try await place.read(.init(threads: 6)).threads == 6)
    }

    @Test func `are read from every place in its own form`() async throws {
        let given = Example.Flags(
            database: "postgres://a", threads: 8, share: 0.25, color: "green", names: ["a", "b"],
            address: "[::1]:80")
        let flags = try await Place().read(given)
        let environment = try Place()
        environment.environment = [
            "EXAMPLE_DATABASE": "postgres://a\n", "EXAMPLE_THREAD_COUNT": "8\r\n",
            "EXAMPLE_SHARE": "0.25", "EXAMPLE_COLOR": "green\n", "EXAMPLE_SERVER_NAMES": "a, ,b",
            "EXAMPLE_ADDRESS": "[::1]:80", "OTHER_THREAD_COUNT": "x",
        ]
        let secrets = try Place(secrets: [
            "database": "postgres://a\n", "threadCount": " 8 \n", "share": "0.25\n",
            "color": "green\r\n", "serverNames": "a,b\n", "address": "[::1]:80\n",
        ])
        let file = try Place(
            #"""
            {"database": "postgres://a\n", "threadCount": 8, "share": 0.25, "color": "green",
            "serverNames": ["a", "b"], "address": "[::1]:80"}
            """#)
        // What a file says in quotes is read as everywhere else.
        let quoted = try Place(
            #"""
            {"database": "postgres://a", "threadCount": "8", "share": "0.25", "color": "green",
            "serverNames": "a, b", "address": "[::1]:80"}
            """#)
        #expect(flags.threads == 8 && flags.names == ["a", "b"] && flags.database != nil)
        for place in [environment, secrets, file, quoted] {
            #expect(try await place.read() == flags)
        }
    }

    @Test(arguments: [
        ("EXAMPLE_THREAD_COUNT", "0", "0: expected a whole number from 1 to 64"),
        ("EXAMPLE_THREAD_COUNT", "65", "65: expected a whole number from 1 to 64"),
        ("EXAMPLE_THREAD_COUNT", "ten", "'ten': expected a whole number from 1 to 64"),
        ("EXAMPLE_THREAD_COUNT", "", "'': expected a whole number from 1 to 64"),
        ("EXAMPLE_THREAD_COUNT", "1.5", "'1.5': expected a whole number from 1 to 64"),
        (
            "EXAMPLE_THREAD_COUNT", "99999999999999999999",
            "'99999999999999999999': expected a whole number from 1 to 64"
        ),
        ("EXAMPLE_SHARE", "1.5", "1.5: expected a number from 0 to 1"),
        ("EXAMPLE_SHARE", "nan", "nan: expected a number from 0 to 1"),
        ("EXAMPLE_SHARE", "half", "'half': expected a number from 0 to 1"),
        ("EXAMPLE_COLOR", "blue", "'blue': expected one of red, green"),
        ("EXAMPLE_COLOR", "\u{1b}[2J", "'?[2J': expected one of red, green"),
        ("EXAMPLE_ADDRESS", "here", "'here'"), ("EXAMPLE_SERVER_NAMES", "a,b c", "'b c'"),
    ])
    func `of the environment are refused by the variable's name`(
        variable: String, value: String, words: String
    ) async throws {
        let place = try Place()
        place.environment[variable] = value
        let refusal = try await place.refusal()
        #expect(refusal.message == "cannot use \(variable) \(words)")
    }

    @Test func `of flags are refused by the flag's name`() async throws {
        let place = try Place()
        #expect(
            try await place.refusal(.init(threads: 65)).message
                == "cannot use --thread-count 65: expected a whole number from 1 to 64")
        #expect(
            try await place.refusal(.init(share: -0.5)).message
                == "cannot use --share -0.5: expected a number from 0 to 1")
        #expect(
            try await place.refusal(.init(color: "blue")).message
                == "cannot use --color 'blue': expected one of red, green")
        #expect(
            try await place.refusal(.init(names: ["a", "b c"])).message
                == "cannot use --server-name 'b c'")
    }

    @Test(arguments: [
        (#"{"threadCount": 65}"#, "threadCount 65: expected a whole number from 1 to 64"),
        (
            #"{"threadCount": true}"#,
            "threadCount: found true, expected a whole number from 1 to 64"
        ),
        (
            #"{"threadCount": 1.5}"#,
            "threadCount: found the number 1.5, expected a whole number from 1 to 64"
        ),
        (
            #"{"threadCount": "ten"}"#,
            "threadCount: found 'ten', expected a whole number from 1 to 64"
        ),
        (
            #"{"threadCount": {"max": 1}}"#,
            "threadCount: found an object, expected a whole number from 1 to 64"
        ),
        (#"{"share": [1]}"#, "share: found a list, expected a number from 0 to 1"),
        (#"{"color": 5}"#, "color: found the number 5, expected one of red, green"),
        (
            #"{"serverNames": ["a", 5]}"#,
            "serverNames: found a list, expected names without spaces"
        ),
        (#"{"address": "here"}"#, "address 'here'"),
        // A secret is not repeated, also where it is none.
        (#"{"database": 5}"#, "database: found a number, expected text"),
        (#"{"database": false}"#, "database: found a truth value, expected text"),
    ])
    func `of the file are refused with what was found and what was expected`(
        json: String, words: String
    ) async throws {
        #expect(
            try await Place(json).refusal().message == "cannot use the settings file's \(words)")
    }

    @Test(arguments: [
        (#"{"databse": "postgres://a"}"#, "databse", "database"),
        (#"{"threadcount": 1}"#, "threadcount", "threadCount"),
        (#"{"thread-count": 1}"#, "thread-count", "threadCount"),
        (#"{"server_names": null}"#, "server_names", "serverNames"),
        (#"{"share": 1, "colour": "red"}"#, "colour", "color"),
    ])
    func `that nobody knows are refused with the nearest that there is`(
        json: String, key: String, nearest: String
    ) async throws {
        let place = try Place(json)
        let refusal = try await place.refusal()
        #expect(
            refusal.message == "cannot use '\(key)' in the settings file \(place.file ?? ""): "
                + "there is no such setting")
        #expect(refusal.hint == "the nearest setting is \(nearest)")
    }

    @Test func `that are null are not said`() async throws {
        let settings = try await Place(#"{"threadCount": null, "database": null}"#).read()
        #expect(settings.threads == 4 && settings.database == nil)
    }

    @Test(arguments: ["", "[]", "5", #"{"threadCount": 1"#, "\u{0}"])
    func `in a file that is no object are refused`(text: String) async throws {
        let place = try Place(text)
        #expect(
            try await place.refusal().message
                == "cannot read the settings file \(place.file ?? ""): "
                + "found no readable JSON object")
    }

    @Test func `in a file that is missing are refused only where it was named`() async throws {
        let place = try Place(#"{"threadCount": 9}"#)
        let file = try #require(place.file)
        place.file = nil
        #expect(try await place.read(defaultFile: file + "-missing").threads == 4)
        #expect(try await place.read(defaultFile: file).threads == 9)
        place.environment["EXAMPLE_CONFIG"] = file
        #expect(try await place.read(defaultFile: file + "-missing").threads == 9)
        place.environment["EXAMPLE_CONFIG"] = file + "-missing"
        #expect(
            try await place.refusal().message
                == "cannot read the settings file \(file)-missing: found no such file")
    }
}

@Suite struct `Secrets directory` {
    @Test func `is systemd's where no other is named`() async throws {
        let place = try Place(secrets: ["database": "postgres://a"])
        let path = place.environment.removeValue(forKey: "EXAMPLE_SECRETS_DIR")
        place.environment["CREDENTIALS_DIRECTORY"] = path
        #expect(try await place.read().database == "postgres://a")
        let other = place.folder.appendingPathComponent("other")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        place.environment["EXAMPLE_SECRETS_DIR"] = other.path
        #expect(try await place.read().database == nil)
        // An empty variable is one that nobody filled in.
        place.environment["EXAMPLE_SECRETS_DIR"] = ""
        #expect(try await place.read().database == "postgres://a")
    }

    @Test func `that is missing is refused when it was named`() async throws {
        let place = try Place()
        place.environment["CREDENTIALS_DIRECTORY"] = "/nowhere/at/all"
        #expect(try await place.read().database == nil)
        for path in ["/nowhere/at/all", "/dev/null"] {
            place.environment["EXAMPLE_SECRETS_DIR"] = path
            #expect(
                try await place.refusal().message
                    == "cannot read the secrets directory \(path): "
                    + "found no directory of readable files")
        }
    }

    @Test func `shows none of its secrets in a refusal`() async throws {
        for (name, text) in [
            ("threadCount", "geheim"), ("share", "7"), ("color", "geheim"), ("address", "geheim"),
            ("serverNames", "a,b geheim"), ("threadCount", "77"),
        ] {
            let refusal = try await Place(secrets: [name: text]).refusal()
            #expect(
                refusal.message.hasPrefix("cannot use the secret \(name) <redacted>: expected "))
            #expect(!"\(refusal)".contains(text))
        }
    }

    @Test func `may hold what is somebody else's, but no mistyped name`() async throws {
        let place = try Place(secrets: ["postgres_password": "x", "database": "postgres://a"])
        #expect(try await place.read().database == "postgres://a")
        try place.write("postgres://b", as: "databse")
        let refusal = try await place.refusal()
        #expect(
            refusal.message == "cannot use 'databse' in the secrets directory "
                + "\(place.secretsFolder.path): there is no such setting")
        #expect(refusal.hint == "the nearest setting is database")
    }

    @Test func `is read as Kubernetes lays it out, with links`() async throws {
        let place = try Place(secrets: ["ignored": "x"])
        let version = place.secretsFolder.appendingPathComponent("..2026_11_30")
        try FileManager.default.createDirectory(at: version, withIntermediateDirectories: true)
        try Data("postgres://a\n".utf8).write(to: version.appendingPathComponent("database"))
        for (link, target) in [("..data", "..2026_11_30"), ("database", "..data/database")] {
            try FileManager.default.createSymbolicLink(
                atPath: place.secretsFolder.appendingPathComponent(link).path,
                withDestinationPath: target)
        }
        #expect(try await place.read().database == "postgres://a")
    }

    @Test func `refuses a secret that is a link or a directory`() async throws {
        let place = try Place(secrets: ["threadCount": "3"])
        try FileManager.default.createSymbolicLink(
            atPath: place.secretsFolder.appendingPathComponent("database").path,
            withDestinationPath: "threadCount")
        #expect(
            try await place.refusal().message
                == "cannot read the secret database in \(place.secretsFolder.path): "
                + "expected a file, which is no link")
    }
}

@Suite struct `Names of settings` {
    @Test(arguments: [
        ("databse", "database", 1), ("tokenfile", "tokenFile", 0), ("token-file", "tokenFile", 0),
        ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("same", "same", 0),
    ])
    func `are as far apart as their letters`(one: String, other: String, distance: Int) {
        #expect(one.distance(to: other) == distance)
        #expect(other.distance(to: one) == distance)
    }

    @Test func `are near when one letter in four is another`() {
        #expect("databse".isNearly("database"))
        #expect("date".isNearly("data"))
        #expect(!"postgres_password".isNearly("database"))
        #expect(!"tls.crt".isNearly("token"))
    }
}
