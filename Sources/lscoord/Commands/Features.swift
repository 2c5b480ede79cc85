// Brings feature files into the ledger. Each is checked whole before its first byte is sent.
import ArgumentParser
import Foundation
import LanguageSystem
import Ledger
import Rankers

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
    @Option(help: "The user whose data these are, for that user's own rankers.")
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
            try await Self.checkRegistry(files.map(\.description), ledger)
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

    /// - Throws: `unknownDomain`, `unknownBaseModel`, naming all that is not registered, with the
    ///   commands for it.
    private static func checkRegistry(_ sets: [FeatureSetDescription], _ ledger: LedgerStore)
        async throws(LanguageSystemError)
    {
        let missing = try await ledger.unregistered(
            baseModels: Set(sets.map(\.baseModel)), domains: Set(sets.map(\.domain)))
        if missing.baseModels.isEmpty, missing.domains.isEmpty { return }
        let commands =
            missing.baseModels.map { name in
                var command = "lscoord register base-model \(name.shellQuoted)"
                if let set = sets.first(where: { $0.baseModel == name }) {
                    command += " --hidden-size \(set.hiddenSize)"
                    if let layer = set.layer { command += " --layer \(layer)" }
                    if let fraction = set.layerFraction {
                        command += " --layer-fraction \(fraction)"
                    }
                }
                return command
            } + missing.domains.map { "lscoord register domain \($0)" }
        throw .unregistered(
            baseModels: missing.baseModels, domains: missing.domains, files: sets.count,
            commands: commands)
    }
}

extension LanguageSystemError {
    /// The first ten of each by name.
    static func unregistered(
        baseModels: [String], domains: [String], files: Int, commands: [String]
    ) -> Self {
        func named(_ names: [String], _ one: String, _ several: String) -> String? {
            if names.isEmpty { return nil }
            let list = names.prefix(10).map { "'\($0.printable(200))'" }.joined(separator: ", ")
            let rest = names.count > 10 ? " and \(names.count - 10) more" : ""
            return "\(names.count == 1 ? one : several) \(list)\(rest)"
        }
        let missing = [
            named(baseModels, "base model", "base models"), named(domains, "domain", "domains"),
        ].compactMap { $0 }.joined(separator: " and ")
        let isOne = baseModels.count + domains.count == 1
        return Self(
            baseModels.isEmpty ? .unknownDomain : .unknownBaseModel,
            "cannot import \(files == 1 ? "this file" : "these \(files) files"): \(missing) "
                + "\(isOne ? "is" : "are") not registered; nothing was imported",
            hint: commands.joined(separator: " && "))
    }
}

extension String {
    /// As one word of a POSIX shell.
    fileprivate var shellQuoted: String {
        if wholeMatch(of: /[A-Za-z0-9._\/:@-]+/) != nil { return self }
        return "'" + replacing("'", with: "'\\''") + "'"
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

/// One checked feature file, described for the ledger.
struct FeatureFile: Sendable {
    let description: FeatureSetDescription
    let queries: [QueryDescription]
    private let set: FeatureSet

    /// - Throws: `invalidFeatures`, naming the file, for whatever is wrong with it.
    init(path: String, user: String?) throws(LanguageSystemError) {
        let set = try FeatureSet(contentsOf: path)
        self.set = set
        let metadata = set.metadata
        description = FeatureSetDescription(
            digest: set.digest, byteCount: Int64(set.byteCount), baseModel: metadata.baseModel,
            domain: metadata.domain, split: metadata.split, user: user,
            labelKind: metadata.labelKind.rawValue, hiddenSize: set.hiddenSize,
            queryCount: set.queryCount, responseCount: Int64(set.responseCount),
            layer: metadata.layer, layerFraction: metadata.layerFraction)
        let notes = try QueryNote.read(beside: path, queryCount: set.queryCount)
        queries = (0..<set.queryCount).map { index in
            let rows = set.offsets[index]..<set.offsets[index + 1]
            return QueryDescription(
                id: notes?[index].id ?? "\(index)", level: notes?[index].level,
                firstRow: Int64(rows.lowerBound), candidateCount: rows.count,
                positiveCount: rows.count { set.labels[$0] > 0 })
        }
    }

    @Sendable func bytes(in range: Range<Int>) -> [UInt8] {
        set.withBytes { Array($0[range]) }
    }
}
