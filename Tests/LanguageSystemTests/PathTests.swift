// Pages, comments and scripts name files of this repository; what they name is there. The changelog
// may name what once was, and a released migration is never edited.
import Foundation
import Glibc
import Testing

@Suite struct `Paths that are written down` {
    static let root = `Dependencies in Package.swift`.root

    @Test func `paths that are written down lead to a file`() throws {
        let files = try Self.files()
        #expect(files.contains("README.md") && files.contains("deploy/develop/regenerate"))
        for file in files {
            let data = try Data(contentsOf: Self.root.appendingPathComponent(file))
            // A feature file is no text.
            guard let text = String(data: data, encoding: .utf8) else { continue }
            for path in Self.paths(in: text) {
                // The walkthrough's import adds the ending by itself.
                #expect(
                    Self.exists(path) || Self.exists(path + ".safetensors"),
                    "\(file) names \(path)")
            }
        }
    }

    @Test func `paths are found in a sentence, a pattern and a command`() {
        #expect(
            Self.paths(in: "Run `deploy/test`, see sql/functions. (/srv/deploy/x, a/Tests/b)")
                == ["deploy/test", "sql/functions"])
        #expect(Self.paths(in: "lsbench deploy/bench/*/x.psql") == ["deploy/bench"])
    }

    /// What a build from a fresh clone cannot copy would stop it.
    @Test func `paths of the container file are neither ignored nor missing`() throws {
        func lines(_ path: String) throws -> [String] {
            try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
                .split(separator: "\n").map(String.init)
        }
        let ignored = try lines(".gitignore") + lines(".dockerignore")
        let copied = try lines("deploy/container/Containerfile")
            .filter { $0.hasPrefix("COPY ") && !$0.contains("--from=") }
            .flatMap { $0.split(separator: " ").dropFirst().dropLast().map(String.init) }
        try #require(copied.contains("Package.swift"))
        for path in copied {
            #expect(Self.exists(path))
            for pattern in ignored {
                #expect(fnmatch(pattern, path, 0) != 0, "\(path) is ignored as \(pattern)")
            }
        }
    }

    private static func files() throws -> [String] {
        let folders = [".ci", "Sources", "Tests", "deploy", "sql"]
        let beneath = try folders.flatMap { folder in
            try #require(
                FileManager.default.enumerator(
                    at: root.appendingPathComponent(folder),
                    includingPropertiesForKeys: [.isRegularFileKey])
            ).compactMap { $0 as? URL }.filter {
                try $0.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true
            }.map { String($0.path.dropFirst(root.path.count + 1)) }
        }
        // The tests of what reads a manifest name paths that they make up; so does this file.
        let invented = ["DependencyTests.swift", "PathTests.swift"]
        return (beneath + ["CONTRIBUTING.md", "Package.swift", "README.md"]).filter { path in
            !path.hasPrefix("sql/migrations/") && !path.hasSuffix(".pyc")
                && !invented.contains { path.hasSuffix($0) }
        }.sorted()
    }

    /// What begins at the root and goes on as far as a path can.
    private static func paths(in text: String) -> [String] {
        let isPart = { (byte: UInt8) in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "/"):
                true
            default: false
            }
        }
        return text.utf8.split { !isPart($0) }.map(Substring.init).filter { word in
            ["deploy/", "sql/", "Sources/", "Tests/"].contains { word.hasPrefix($0) }
        }.map { String($0.reversed().drop { "./-".contains($0) }.reversed()) }
    }

    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }
}
