// The shell around RouteTable: asks ls.route_plan() on a miss, once for all who wait; hears from
// LISTEN what is outdated; and goes on with what it knows while the database is away.
import Foundation
import LanguageSystem
import Ledger
import CoreMetrics

/// Everything that may answer a question, and what features must be for it.
struct RouteAnswer: Sendable {
    let plan: RoutePlan
    let baseModel: String
    let contract: ServingContract
    /// Whether the question named a ranker.
    let isNamed: Bool
}

// Unchecked: what changes is behind the lock.
final class RouteCache: @unchecked Sendable {
    struct Counts: Sendable {
        var hits = 0
        var misses = 0
        /// Outdated answers used because the database was away.
        var stale = 0
    }

    /// How long a request waits for the database when there is an outdated answer.
    private static let patience: Duration = .milliseconds(250)
    /// How long when there is none.
    private static let patienceForStrangers: Duration = .seconds(2)
    /// How long nobody waits after that.
    private static let cooldown: Duration = .seconds(1)

    private let ledger: LedgerStore
    private let hints: LedgerNotifications
    private let clock = ContinuousClock()
    private let moves = Counter(label: "ls_alias_moves_total")
    // Guards all that follows. Held for look-ups only: a hit does not wait for an actor.
    private let lock = NSLock()
    private var table = RouteTable<RouteAnswer>()
    private var contracts: [String: (ServingContract, until: ContinuousClock.Instant)] = [:]
    private var asking: [RouteKey: Task<RouteAnswer, any Error>] = [:]
    private var coolsDownUntil: ContinuousClock.Instant
    /// When the database last answered anything.
    private var heardAt: ContinuousClock.Instant
    private var counts = Counts()

    init(ledger: LedgerStore, hints: LedgerNotifications) {
        self.ledger = ledger
        self.hints = hints
        coolsDownUntil = clock.now
        heardAt = clock.now
    }

    var currentCounts: Counts { lock.withLock { counts } }

    /// Whether those who ask for what is not in memory are refused at once.
    var isAway: Bool { lock.withLock { clock.now < coolsDownUntil } }

    func countHit() { lock.withLock { counts.hits += 1 } }

    /// What may be used without asking anybody.
    func known(_ key: RouteKey) -> RouteAnswer? {
        let now = clock.now
        let (found, isAway) = lock.withLock {
            (table.answer(to: key, at: now), now < coolsDownUntil)
        }
        switch found {
        case .fresh(let answer): return answer
        case .aged(let answer):
            if !isAway { _ = ask(key) }
            return answer
        case .outdated, .unknown: return nil
        }
    }

    /// - Throws: `unknownBaseModel`, `unknownRanker`, `unknownVersion`; what the database says when
    ///   there is no earlier answer.
    func answer(_ key: RouteKey) async throws -> RouteAnswer {
        if let answer = known(key) {
            countHit()
            return answer
        }
        let now = clock.now
        let (found, isAway) = lock.withLock {
            (table.answer(to: key, at: now), now < coolsDownUntil)
        }
        switch found {
        case .fresh(let answer), .aged(let answer): return answer
        case .unknown:
            // Many strangers while the database is away must not take the places of those who are
            // known.
            if isAway { throw CoordinatorError.routesAway() }
            lock.withLock { counts.misses += 1 }
            do {
                guard
                    let answer = try await value(
                        of: ask(key), within: Self.patienceForStrangers)
                else {
                    throw CoordinatorError.routesAway()
                }
                return answer
            } catch let error as CoordinatorError
                where error.code == .unavailable || error.code == .deadlineExceeded
            {
                waitedInVain(since: now)
                throw error
            }
        case .outdated(let answer):
            if isAway { return stale(answer) }
            lock.withLock { counts.misses += 1 }
            do {
                guard let fresh = try await value(of: ask(key), within: Self.patience) else {
                    throw CoordinatorError.routesAway()
                }
                return fresh
            } catch let error as CoordinatorError where error.isOfDatabase {
                waitedInVain(since: now)
                return stale(answer)
            }
        }
    }

    /// What the route's ranker is in is asked for again before it is used.
    func outdate(_ route: Route) {
        lock.withLock { table.outdate(route.rankerID, of: route.user) }
    }

    /// Until the task is cancelled.
    func run() async {
        for await hint in hints.hints(of: [.alias, .route]) {
            lock.withLock {
                if case .aliasMoved = hint { moves.increment() }
                if case .aliasMoved(let ranker?, let user) = hint {
                    table.outdate(ranker, of: user)
                } else {
                    table.outdateAll()
                    contracts.removeAll()
                }
            }
        }
    }

    /// Nothing of the user stays, not even for when the database is away.
    func forget(user: String) {
        lock.withLock {
            table.forget(user: user) { answer in
                answer.plan.entries.contains {
                    $0.route.user?.utf8.elementsEqual(user.utf8) ?? false
                }
            }
        }
    }

    /// A database that answered somebody meanwhile has much to do, but is there.
    private func waitedInVain(since began: ContinuousClock.Instant) {
        lock.withLock { if heardAt < began { coolsDownUntil = clock.now + Self.cooldown } }
    }

    private func stale(_ answer: RouteAnswer) -> RouteAnswer {
        lock.withLock { counts.stale += 1 }
        return answer
    }

    /// One question for all who ask it at the same time; it goes on when they leave.
    private func ask(_ key: RouteKey) -> Task<RouteAnswer, any Error> {
        lock.withLock {
            if let running = asking[key] { return running }
            let generation = table.generation
            let task = Task {
                let found = await Task { try await find(key) }.result
                lock.withLock {
                    asking[key] = nil
                    switch found {
                    case .success(let answer):
                        heardAt = clock.now
                        table.store(
                            answer, for: key, naming: answer.plan.entries.map(\.route.rankerID),
                            asOf: generation, at: clock.now)
                    case .failure(let error as CoordinatorError) where !error.isOfDatabase:
                        heardAt = clock.now
                        table.forget(key)
                    case .failure: break
                    }
                }
                return try found.get()
            }
            asking[key] = task
            return task
        }
    }

    /// A model with a ranker's punctuation, or one that is no base model, names a ranker.
    private func find(_ key: RouteKey) async throws -> RouteAnswer {
        guard key.model.isPossibleName else { throw CoordinatorError.unknownModel(key.model) }
        if key.model.contains(":") || key.model.contains("@") { return try await named(key.model) }
        do {
            return RouteAnswer(
                plan: try await ledger.routePlan(
                    baseModel: key.model, user: key.user, domain: key.domain),
                baseModel: key.model, contract: try await contract(of: key.model), isNamed: false)
        } catch let error as CoordinatorError where error.code == .unknownBaseModel {
            // No base model: then it may be a ranker's name.
        }
        do {
            return try await named(key.model)
        } catch let error as CoordinatorError where error.code == .unknownRanker {
            throw CoordinatorError.unknownModel(key.model)
        }
    }

    private func named(_ reference: String) async throws -> RouteAnswer {
        let route = try await ledger.resolve(reference)
        return RouteAnswer(
            plan: RoutePlan(entries: [RoutePlan.Entry(route: route)]), baseModel: route.baseModel,
            contract: try await contract(of: route.baseModel), isNamed: true)
    }

    private func contract(of baseModel: String) async throws -> ServingContract {
        let now = clock.now
        if let (known, until) = lock.withLock({ contracts[baseModel] }), now < until {
            return known
        }
        let contract = try await ledger.servingContract(baseModel: baseModel)
        lock.withLock { contracts[baseModel] = (contract, now + .seconds(30)) }
        return contract
    }
}

extension String {
    /// Whether a base model, a ranker, an alias or a version of one may be called so.
    var isPossibleName: Bool { isPossibleName(ofAtMost: 500) }

    /// Whether it is as short and as free of control characters as the ledger's names; PostgreSQL's
    /// text has no zero byte.
    func isPossibleName(ofAtMost count: Int) -> Bool {
        utf8.count <= 4 * count
            && !utf8.contains { $0 < 0x20 || $0 == 0x7f }
            && (utf8.count <= count || unicodeScalars.count <= count)
    }
}

extension CoordinatorError {
    /// The database's trouble, not the question's.
    var isOfDatabase: Bool {
        switch code {
        case .unavailable, .deadlineExceeded, .busy, .cancelled: true
        default: false
        }
    }

    static func routesAway() -> Self {
        Self(
            .unavailable, "cannot find who serves: the database does not answer",
            hint: "rankers in memory go on serving")
    }

    static func unknownModel(_ name: String) -> Self {
        Self(
            .unknownBaseModel,
            "cannot rerank with '\(name.printable(120))': no base model or ranker has this name",
            hint: "GET /v1/models lists the rankers; select name from ls.ranker_status")
    }
}
