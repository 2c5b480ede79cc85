// Registry entries, for those who would rather not write SQL. Each is one SQL function.
public import ArgumentParser
import Foundation
public import LanguageSystem
import Ledger
import Rankers

extension RankerKind: ExpressibleByArgument {}

struct Register: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            """
            Register a base model, a domain or a ranker. Registering it again with the same values \
            changes nothing.
            """,
        subcommands: [RegisterBaseModel.self, RegisterDomain.self, RegisterRanker.self])
}

struct RegisterBaseModel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "base-model",
        abstract: "Register a frozen LLM, whose hidden states are the features.",
        discussion:
            """
            Examples:
              lscoord register base-model llama-3.1-8b --hidden-size 4096 --layer 19
              lscoord register base-model llama-3.1-8b --hidden-size 4096 --canary llama.safetensors
            """
    )

    @Argument(help: "The base model's name, which requests use.") var name: String
    @Option(help: "Numbers in one hidden state (D).") var hiddenSize: Int
    @Option(help: "Revision of the model.") var revision: String?
    @Option(help: "Number of the layer that the features come from.") var layer: Int?
    @Option(help: "The same layer as a fraction of all layers, from the bottom.") var layerFraction:
        Double?
    @Option(help: "How the final tokens are pooled.") var pooling: String?
    @Option(
        help: ArgumentHelp(
            """
            Recorded conversations with their hidden states (lsnode canary record), with which a \
            node checks its own. Replaces the canary of before.
            """, valueName: "file"))
    var canary: String?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let contract = FeatureContract(
            revision: revision, layer: layer, layerFraction: layerFraction, pooling: pooling)
        let (name, hiddenSize) = (name, hiddenSize)
        let canary = try canary.map { path throws(LanguageSystemError) in try Self.bytes(of: path) }
        let digest = try await Database.withLedger(settings) { ledger in
            try await ledger.registerBaseModel(name, hiddenSize: hiddenSize, contract: contract)
            return if let canary { try await ledger.setCanary(of: name, canary) } else {
                nil as Digest?
            }
        }
        print(
            "base model \(name), hidden size \(hiddenSize)"
                + (digest.map { ", canary \($0.short)" } ?? ""))
    }

    /// - Throws: `invalidArgument` for a file that cannot be read, `tooLarge`.
    private static func bytes(of path: String) throws(LanguageSystemError) -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: LedgerStore.canaryByteCountMax + 1)
        else {
            throw LanguageSystemError(
                .invalidArgument, "cannot read the canary \(path): found no readable file")
        }
        guard data.count <= LedgerStore.canaryByteCountMax else {
            throw LanguageSystemError(
                .tooLarge,
                """
                cannot set the canary of a base model: \(path) has more than \
                \(LedgerStore.canaryByteCountMax) bytes
                """)
        }
        return Array(data)
    }
}

struct RegisterDomain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "domain",
        abstract:
            "Register a domain (a kind of request with its own ranker) and all broader ones.",
        discussion: "Example:\n  lscoord register domain math/algebra")

    @Argument(help: "The domain's name: words joined by slashes.") var name: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let domain = try DomainName(name)
        _ = try await Database.withLedger(settings) { try await $0.registerDomain(domain) }
        print("domain \(domain)")
    }
}

struct RegisterRanker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ranker",
        abstract: "Register a ranker for a user, a domain, both, or (with neither) everyone.",
        discussion: """
            The defaults are the measured presets (see the page Decisions of the documentation). \
            --configuration and --training take a JSON object whose keys replace single keys of a \
            preset.

            Examples:
              lscoord register ranker --base-model M --domain math/algebra --kind listwise
              lscoord register ranker --base-model M --user ada --kind pointwise --training \
            '{"epochs": 2}'
              lscoord register ranker --base-model M --user ada --kind pointwise --home ada-laptop
            """)

    @Option(help: "The base model's name.") var baseModel: String
    @Option(help: "listwise or pointwise.") var kind: RankerKind
    @Option(help: "The user whose ranker it is.") var user: String?
    @Option(help: "The domain that it is for.") var domain: String?
    @Option(help: "The ranker's name. Default: made from user, domain and kind.") var name: String?
    @Option(
        help: ArgumentHelp(
            "Make the ranker edge-only: this worker trains it and keeps its weights.",
            valueName: "worker"
        ))
    var home: String?
    @Option(
        help: ArgumentHelp(
            "RankerConfiguration keys to replace, as a JSON object.", valueName: "json"))
    var configuration: String?
    @Option(
        help: ArgumentHelp(
            "TrainingConfiguration keys to replace, as a JSON object.", valueName: "json"))
    var training: String?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let domain = try domain.map { text throws(LanguageSystemError) in try DomainName(text) }
        let (baseModel, kind, user, name, home) = (baseModel, kind, user, name, home)
        let (configurationChanges, trainingChanges) = (configuration, training)
        let registered = try await Database.withLedger(settings) { ledger in
            let hiddenSize = try await ledger.hiddenSize(of: baseModel)
            let configuration = try RankerConfiguration(
                json: JSONMerge.merging(
                    configurationChanges,
                    into: RankerConfiguration.preset(kind: kind, hiddenSize: hiddenSize).json,
                    flag: "--configuration"))
            let training = try TrainingConfiguration(
                json: JSONMerge.merging(
                    trainingChanges, into: TrainingConfiguration.preset(kind: kind).json,
                    flag: "--training"))
            return try await ledger.registerRanker(
                baseModel: baseModel, kind: kind, configuration: configuration.json,
                training: training.json, user: user, domain: domain, name: name, home: home)
        }
        print("ranker \(registered.name)\(home.map { ", at home with \($0)" } ?? "")")
    }
}
