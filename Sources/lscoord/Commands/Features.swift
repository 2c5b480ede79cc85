// Brings feature files into the ledger. Each is checked whole before its first byte is sent.
import ArgumentParser
import Coordination
import Foundation
import LanguageSystem
import Ledger

struct Features: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Manage feature sets: labeled hidden states for training and evaluation.",
        subcommands: [FeaturesImport.self, FeaturesList.self])
}

struct FeaturesImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Import feature files, or every feature file below a directory.",
        discussion: """
            Each file names its base model, domain and split in its metadata; base model and \
            domain must be registered. A JSONL file beside it gives each query's id. Importing the \
            same bytes again changes nothing; other bytes for the same base model, domain and \
            split become the current set.

            Examples:
              lscoord features import features/math/algebra/train.safetensors
              lscoord features import features/math
              lscoord features import --user ada her-notes.safetensors
            """)

    @Argument(help: ArgumentHelp("Feature files or directories.", valueName: "path"))
    var paths: [String]
    @Option(
        help: """
            The user whose data these are, for that user's own rankers. Default: the user that a \
            file names in its metadata.
            """)
    var user: String?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let paths = try FeatureFiles.find(paths)
        let user = user
        try await Database.withLedger(settings) { ledger in
            // All are checked before the first is stored, and all that is missing is said at once.
            let files = try paths.map { path throws(LanguageSystemError) in
                try FeatureFile(path: path, user: user)
            }
            try await ledger.checkRegistry(of: files.map(\.metadata))
            for file in files {
                let imported = try await ledger.importFeatureSet(
                    file.description, queries: file.queries, bytes: file.bytes(in:))
                let set = file.description
                print(
                    """
                    \(set.domain) \(set.split.rawValue): \(set.queryCount) queries, \
                    \(set.responseCount) responses, \(set.digest.short)
                    """
                        + (imported.wasAlreadyStored ? " (already stored)" : ""))
            }
        }
    }
}

struct FeaturesList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the stored feature sets.")

    @OptionGroup var list: ListOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let list = list
        let sets = try await Database.withLedger(settings) {
            try await $0.featureSets(limit: list.askedFor)
        }
        var table = TextTable(
            [
                "domain", "split", "user", "queries", "responses", "bytes", "digest", "current",
                "home",
            ],
            rightAligned: [3, 4, 5])
        for set in sets.prefix(list.limit) {
            table.add([
                "\(set.domain)", set.split.rawValue, set.user ?? "-", "\(set.queryCount)",
                "\(set.responseCount)", "\(set.byteCount)", set.digest.short,
                set.isCurrent ? "yes" : "", set.home ?? "",
            ])
        }
        print(table.text)
        if let more = list.more(sets.count) { print(more) }
    }
}

enum FeatureFiles {
    /// The `.safetensors` files meant by `paths`, each directory searched, in one stable order.
    static func find(_ paths: [String]) throws(LanguageSystemError) -> [String] {
        var files: [String] = []
        for path in paths {
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
                throw LanguageSystemError(
                    .invalidArgument, "cannot import \(path): found no such file or directory")
            }
            guard isDirectory.boolValue else {
                files.append(path)
                continue
            }
            let beneath =
                (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? [])
                .filter { $0.hasSuffix(".safetensors") }.sorted()
            guard !beneath.isEmpty else {
                throw LanguageSystemError(
                    .invalidArgument,
                    "cannot import \(path): found no .safetensors file in this directory")
            }
            files += beneath.map { path.hasSuffix("/") ? path + $0 : path + "/" + $0 }
        }
        return files
    }
}
