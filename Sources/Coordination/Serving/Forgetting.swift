// When a user is forgotten, what this process has in memory of them goes, too: routes, decisions
// that wait to be written, and weights that the ledger no longer has. Weights are compared with the
// ledger, so a hint that was missed costs nothing but time: the comparison is made after each new
// connection, too.
import LanguageSystem
import Ledger

struct Forgetting: Sendable {
    let ledger: LedgerStore
    let hints: LedgerNotifications
    let routes: RouteCache
    let cache: RankerCache
    let decisions: DecisionLog

    /// How often the ledger is asked once more when it does not answer; then the next connection
    /// asks.
    private static let tryCountMax = 10

    /// Follows who is forgotten, until the task is cancelled.
    func run() async {
        for await hint in hints.hints(of: [.forget]) {
            if case .userForgotten(let user) = hint {
                routes.forget(user: user)
                decisions.forget(user: user)
            }
            await dropWeights()
        }
    }

    private func dropWeights() async {
        for _ in 0..<Self.tryCountMax {
            let digests = cache.digestsToAudit()
            if digests.isEmpty { return }
            if let kept = try? await ledger.keptWeights(of: digests) {
                cache.drop(Set(digests).subtracting(kept))
                return
            }
            guard (try? await ContinuousClock().sleep(for: .seconds(1))) != nil else { return }
        }
    }
}
