import ArgumentParser
import LanguageSystem
import Ledger

struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete everything that came from one user.",
        discussion: """
            Deletes the user's feature sets and rankers, and every version of any other ranker \
            that learned from them, with weights, figures and tasks. A shared ranker returns to \
            its last champion that did not learn from them. Work under way on any of these is \
            lost. The deletion cannot be undone.

            The name is deleted, too. API keys for this user alone are revoked, rules for the user \
            are removed, and labels of workers and invitations lose the name. In every reason, \
            note, tag and message, the audit log included, the name is overwritten wherever it \
            stands as a word. Running coordinators drop the user's data from memory within a \
            second.

            The following remains, because no program of ours can reach it or because it is not \
            the user's:
              - the record that a user was forgotten: when, why, by whom, and the first
                digits of the SHA-256 of the name
              - longer names that contain the user's: of a worker, a domain, a ranker of
                others, a rule, or an API key of others; roles of the database
              - the contents of feature files that others imported
              - backups, replicas that lag and write-ahead logs; until the next vacuum and
                analyze also dead rows and the statistics of tables
              - copies in the caches of workers, named by digest only, until they are
                evicted; data and weights that stay on a worker's machine, and files from
                which features were imported
              - logs of lscoord, lsworker and PostgreSQL, and answers that other programs kept

            Example:
              lscoord forget ada --reason 'asked by mail on Monday'
            """)

    @Argument(help: "The user's name.") var user: String
    @Option(help: "Why; kept in the audit log, without the user's name.") var reason: String
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
