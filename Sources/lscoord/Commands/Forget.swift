import ArgumentParser
import LanguageSystem
import Ledger

struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete everything that came from one user.",
        discussion: """
            Deletes the user's feature sets and rankers, and every version of any other ranker that learned
            from them, with weights, figures and tasks. A shared ranker goes back to its last champion that
            did not. Work under way on any of it is lost. There is no way back.

            Example:
              lscoord forget ada --reason 'asked by mail on Monday'
            """)

    @Argument(help: "The user's name.") var user: String
    @Option(help: "Why; kept in the audit log, which no longer names the user.") var reason: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (user, reason) = (user, reason)
        let deleted = try await Database.withLedger(settings) {
            try await $0.forgetUser(user, because: reason)
        }
        guard deleted.contains(where: { $0.count > 0 }) else {
            print("nothing came from user \(user)")
            return
        }
        var table = TextTable(["deleted", "count"], rightAligned: [1])
        for line in deleted { table.add([line.what, "\(line.count)"]) }
        print(table.text)
    }
}
