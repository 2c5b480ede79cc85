import ArgumentParser
import Foundation
import LanguageSystem
import Ledger

struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Manage the tokens that let workers join.", subcommands: [TokenCreate.self])
}

struct TokenCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a single-use token for one worker; it is shown only once.",
        discussion: """
            The token contains the digest of this coordinator's certificate authority. With it the \
            worker verifies the coordinator before it sends the token's secret.

            Examples:
              lscoord token create --name edge-1
              lscoord token create --name edge-1 --quiet > token   # then: lsworker join \
            --token-file token
              lscoord token create --name laptop --label user=ada  # a worker that may offer ada's \
            data
            """)

    @Option(help: "The worker's name. Default: the name that the worker asks for.") var name:
        String?
    @Option(help: ArgumentHelp("Minutes until the token expires.", valueName: "n"))
    var lifetimeMinutes = 60
    @Option(
        help: ArgumentHelp(
            """
            A label of the worker. The label user=NAME lets it offer that user's data. Repeatable.
            """,
            valueName: "key=text"))
    var label: [String] = []
    @Flag(help: "Print only the token.") var quiet = false
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        // So many that no number overflows; what makes no sense the database refuses.
        let (name, lifetime) = (name, Duration.seconds(60 * min(max(lifetimeMinutes, 0), 1 << 32)))
        let labels = try labels()
        let token = try await Database.withLedger(settings) {
            try await $0.createJoinToken(for: name, lasting: lifetime, labels: labels)
        }
        if quiet {
            print(token)
            return
        }
        print(token)
        print("\nUse it once, within \(lifetimeMinutes) minutes, on the worker's machine:")
        let address = Self.joinAddress(settings)
        print("  lsworker join --coordinator \(address) --token \(token)")
        if address.isLoopback {
            print(
                """
                That is for workers on this machine. For others start lscoord serve with
                --rest-address 0.0.0.0:\(address.port) --worker-address 0.0.0.0:8444 --server-name \
                NAME
                """)
        }
    }

    /// As the coordinator said when it last started here; without one, as the settings are.
    private static func joinAddress(_ settings: Settings) -> HostPort {
        let said = try? String(contentsOfFile: settings.joinAddressPath, encoding: .utf8)
        let line = said?.trimmingCharacters(in: .whitespacesAndNewlines)
        return line.flatMap { try? HostPort($0) }
            ?? settings.joinAddress()
    }

    private func labels() throws -> [String: String] {
        var labels: [String: String] = [:]
        for text in label {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex,
                labels[String(text[..<equals])] == nil
            else {
                throw LanguageSystemError(
                    .invalidArgument,
                    "cannot use label '\(text.printable(80))': expected key=text, each key once")
            }
            labels[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return labels
    }
}
