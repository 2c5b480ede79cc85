// What is counted of dispatch. Handlers are made once.
import LanguageSystem
import CoreMetrics

struct DispatchMetrics: Sendable {
    let leaseExpired = Counter(label: "ls_lease_expired_total")
    private let leased: [TaskKind: Counter]

    init() {
        leased = Dictionary(
            uniqueKeysWithValues: TaskKind.leased.map {
                ($0, Counter(label: "ls_tasks_leased_total", dimensions: [("kind", $0.rawValue)]))
            })
    }

    func count(leased kind: TaskKind) { leased[kind]?.increment() }
}
