import ArgumentParser
import Foundation
import LanguageSystem
import Ledger

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Manage API keys of applications.",
        subcommands: [KeyCreate.self, KeyList.self, KeyRevoke.self])
}

struct KeyCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make an API key; it is shown only once.",
        discussion: """
            A key without --user, --domain and --base-model may be used for everything. A key for \
            one user, or for a single domain, sets that user or domain for requests that do not \
            name one. With a key for several domains, or for a pattern, each request must name a \
            domain.

            With --features the key may import feature sets, too: of the users, domains and base \
            models that it is for.

            Examples:
              lscoord key create --name app
              lscoord key create --name ada-phone --user ada --domain 'math/*' --days 90
              lscoord key create --name node --base-model llama-3.1-8b --features
              lscoord key create --name app --quiet > key
            """)

    @Option(help: "Name of the key, for lists and the audit log.") var name: String
    @Option(help: ArgumentHelp("A user that requests may name. Repeatable.", valueName: "user"))
    var user: [String] = []
    @Option(
        help: ArgumentHelp(
            "A domain that requests may name, or a pattern such as 'math/*'. Repeatable.",
            valueName: "domain")
    )
    var domain: [String] = []
    @Option(
        help: ArgumentHelp("A base model that requests may name. Repeatable.", valueName: "name"))
    var baseModel: [String] = []
    @Flag(help: "Let the key import feature sets, too (POST /v1/feature-sets).")
    var features = false
    @Option(help: ArgumentHelp("Days until the key expires. Default: never.", valueName: "n"))
    var days: Int?
    @Flag(help: "Print only the key.") var quiet = false
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let scope = KeyScope(
            users: user.isEmpty ? nil : user, domains: domain.isEmpty ? nil : domain,
            baseModels: baseModel.isEmpty ? nil : baseModel)
        // So many that no number overflows; what makes no sense the database refuses.
        let lifetime = days.map { Duration.seconds(86_400 * min(max($0, 0), 1 << 22)) }
        let name = name
        let permissions: Set<KeyPermission> = features ? [.features] : []
        let key = try await Database.withLedger(settings) {
            try await $0.createAPIKey(
                name, scope: scope, permissions: permissions, lasting: lifetime)
        }
        print(key)
        if !quiet { print("\nSend it with each request: authorization: Bearer \(key)") }
    }
}

struct KeyList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the keys, and what they may be used for.")

    @OptionGroup var list: ListOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let list = list
        let keys = try await Database.withLedger(settings) {
            try await $0.apiKeys(limit: list.askedFor)
        }
        var table = TextTable(
            ["key", "state", "users", "domains", "base models", "permissions", "expires"])
        for key in keys.prefix(list.limit) {
            table.add([
                key.name, key.state, Self.words(key.scope.users), Self.words(key.scope.domains),
                Self.words(key.scope.baseModels),
                key.permissions.map(\.rawValue).sorted().joined(separator: " "),
                key.expiresAt.map { $0.formatted(.iso8601) } ?? "never",
            ])
        }
        print(table.text)
        if let more = list.more(keys.count) { print(more) }
    }

    private static func words(_ list: [String]?) -> String {
        list?.joined(separator: " ") ?? "any"
    }
}

struct KeyRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Revoke a key.",
        discussion: """
            Every coordinator refuses the key within a second.

            Example:
              lscoord key revoke ada-phone --reason 'lost'
            """)

    @Argument(help: "The key's name, as in lscoord key list.") var name: String
    @Option(help: "Why; kept in the audit log.") var reason: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (name, reason) = (name, reason)
        try await Database.withLedger(settings) { try await $0.revokeAPIKey(name, because: reason) }
        print("key \(name) is revoked")
    }
}
