// The shell around RouteTable: asks ls.route_plan() on a miss, once for all who wait; hears from
// LISTEN what is outdated; and goes on with what it knows while the database is away.
import Concurrency
import CoreMetrics
import LanguageSystem
import Ledger

final class RouteCache: Sendable {
    typealias Found = RouteTable<RouteAnswer>.Found

    struct Counts: Sendable {
        var hits = 0
        var misses = 0
        /// How many outdated answers were used because the database was away.
        var stale = 0
    }

    private struct State {
        var table = RouteTable<RouteAnswer>()
        var contracts: [String: (ServingContract, until: ContinuousClock.Instant)] = [:]
        /// Opens when somebody waited for the database in vain, while it answered nobody else.
        var database = CircuitBreaker(cooldown: .seconds(1))
        var counts = Counts()
    }

    /// What is asked since the last change: who asks after a change does not share the answer to a
    /// question from before.
    private struct Question: Hashable {
        let key: RouteKey
        let generation: UInt64
    }

    /// How long a request waits for the database when there is an outdated answer.
    private static let patience: Duration = .milliseconds(250)
    /// How long it waits when there is none.
    private static let patienceForStrangers: Duration = .seconds(2)

    private let ledger: LedgerStore
    private let hints: LedgerNotifications
    private let clock = ContinuousClock()
    private let moves = Counter(label: "ls_alias_moves_total")
    private let questions = SingleFlight<Question, RouteAnswer>()
    // Held for look-ups only: a hit does not wait for an actor.
    private let state = Locked(State())

    init(ledger: LedgerStore, hints: LedgerNotifications) {
        self.ledger = ledger
        self.hints = hints
    }

    var currentCounts: Counts { state.withLock { $0.counts } }

    /// Whether those who ask for what is not in memory are refused at once.
    var isAway: Bool { state.withLock { $0.database.isOpen(at: clock.now) } }

    /// What is known of a question, without waiting for anybody; counted as a hit when it is to be
    /// used. The one look-up of a request: `answer(_:found:)` goes on from it.
    func look(up key: RouteKey) -> Found {
        let now = clock.now
        let (found, question) = state.withLock { state -> (Found, Question?) in
            let found = state.table.answer(to: key, at: now)
            switch found {
            case .fresh:
                state.counts.hits += 1
                return (found, nil)
            case .aged:
                state.counts.hits += 1
                guard !state.database.isOpen(at: now) else { return (found, nil) }
                return (found, Question(key: key, generation: state.table.generation))
            case .outdated, .unknown: return (found, nil)
            }
        }
        if let question { questions.start(question) { try await self.ask(question) } }
        return found
    }

    /// The answer to a question that was looked up a moment ago.
    ///
    /// - Throws: `unknownBaseModel`, `unknownRanker`, `unknownVersion`; what the database says when
    ///   there is no earlier answer.
    func answer(_ key: RouteKey, found: Found) async throws -> RouteAnswer {
        switch found {
        case .fresh(let answer), .aged(let answer): return answer
        case .outdated(let answer): return try await newer(than: answer, to: key)
        case .unknown: return try await first(to: key)
        }
    }

    /// The answer to a question that nobody asked before.
    private func first(to key: RouteKey) async throws -> RouteAnswer {
        // Many strangers while the database is away must not take the places of those who are
        // known.
        guard let began = beginAsking() else { throw LanguageSystemError.routesAway() }
        do {
            return try await asked(key, within: Self.patienceForStrangers)
        } catch let error as LanguageSystemError
            where error.code == .unavailable || error.code == .deadlineExceeded
        {
            waitedInVain(since: began)
            throw error
        }
    }

    /// The answer now to a question whose answer is outdated; that one when there is no better.
    private func newer(than answer: RouteAnswer, to key: RouteKey) async throws -> RouteAnswer {
        guard let began = beginAsking() else { return stale(answer) }
        do {
            return try await asked(key, within: Self.patience)
        } catch let error as LanguageSystemError where error.isOfDatabase {
            waitedInVain(since: began)
            return stale(answer)
        }
    }

    /// - Returns: When; nil: the database is away, and it is not worth asking.
    private func beginAsking() -> ContinuousClock.Instant? {
        state.withLock { state in
            let now = clock.now
            guard !state.database.isOpen(at: now) else { return nil }
            state.counts.misses += 1
            return now
        }
    }

    /// Notes a wait in vain. A database that answered somebody meanwhile has much to do, but is
    /// there.
    private func waitedInVain(since began: ContinuousClock.Instant) {
        state.withLock { $0.database.failed(since: began, at: clock.now) }
    }

    private func stale(_ answer: RouteAnswer) -> RouteAnswer {
        state.withLock { $0.counts.stale += 1 }
        return answer
    }

    /// Has what is known of the route's ranker asked for again before it is used.
    func outdate(_ route: Route) {
        state.withLock { $0.table.outdate(route.rankerID, of: route.user) }
    }

    /// Follows what changes, until the task is cancelled.
    func run() async {
        for await hint in hints.hints(of: [.alias, .route]) {
            if case .aliasMoved = hint { moves.increment() }
            state.withLock { state in
                if case .aliasMoved(let ranker?, let user) = hint {
                    state.table.outdate(ranker, of: user)
                } else {
                    state.table.outdateAll()
                    state.contracts.removeAll()
                }
            }
        }
    }

    /// Drops what there is of the user; nothing stays, not even for when the database is away.
    func forget(user: String) {
        state.withLock { state in
            state.table.forget(user: user) { answer in
                answer.plan.entries.contains {
                    $0.route.user?.utf8.elementsEqual(user.utf8) ?? false
                }
            }
        }
    }

    /// The database's answer: one question for all who ask it at the same time, which goes on when
    /// they leave.
    private func asked(_ key: RouteKey, within patience: Duration) async throws -> RouteAnswer {
        let question = state.withLock { Question(key: key, generation: $0.table.generation) }
        let answer = try await questions.value(for: question, within: patience) {
            try await self.ask(question)
        }
        guard let answer else { throw LanguageSystemError.routesAway() }
        return answer
    }

    private func ask(_ question: Question) async throws -> RouteAnswer {
        let key = question.key
        do {
            let answer = try await find(key)
            state.withLock { state in
                let now = clock.now
                state.database.succeeded(at: now)
                state.table.store(
                    answer, for: key, naming: answer.plan.entries.map(\.route.rankerID),
                    asOf: question.generation, at: now)
            }
            return answer
        } catch let error as LanguageSystemError where !error.isOfDatabase {
            state.withLock { state in
                state.database.succeeded(at: clock.now)
                state.table.forget(key)
            }
            throw error
        }
    }

    /// Asks the ledger. A model with a ranker's punctuation, or one that is no base model, names a
    /// ranker.
    private func find(_ key: RouteKey) async throws -> RouteAnswer {
        guard key.model.isPossibleName else { throw LanguageSystemError.unknownModel(key.model) }
        if key.model.contains(":") || key.model.contains("@") { return try await named(key) }
        do {
            return RouteAnswer(
                plan: try await ledger.routePlan(
                    baseModel: key.model, user: key.user, domain: key.domain),
                baseModel: key.model, contract: try await contract(of: key.model), isNamed: false)
        } catch let error as LanguageSystemError where error.code == .unknownBaseModel {
            // No base model: then it may be a ranker's name.
        }
        do {
            return try await named(key)
        } catch let error as LanguageSystemError where error.code == .unknownRanker {
            throw LanguageSystemError.unknownModel(key.model)
        }
    }

    private func named(_ key: RouteKey) async throws -> RouteAnswer {
        let route = try await ledger.resolve(key.model, user: key.user, domain: key.domain)
        return RouteAnswer(
            plan: RoutePlan(entries: [RoutePlan.Entry(route: route)]), baseModel: route.baseModel,
            contract: try await contract(of: route.baseModel), isNamed: true)
    }

    private func contract(of baseModel: String) async throws -> ServingContract {
        let now = clock.now
        if let (known, until) = state.withLock({ $0.contracts[baseModel] }), now < until {
            return known
        }
        let contract = try await ledger.servingContract(baseModel: baseModel)
        state.withLock { $0.contracts[baseModel] = (contract, now + .seconds(30)) }
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

extension LanguageSystemError {
    /// Whether it is the database's trouble, not the question's.
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
