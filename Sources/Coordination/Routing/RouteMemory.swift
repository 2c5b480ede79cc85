// The shell around RouteTable: asks ls.route() on a miss, and empties the table when LISTEN says
// that an alias moved or that hints may have been missed.
import LanguageSystem
import Ledger

actor RouteMemory {
    private let ledger: LedgerStore
    private let hints: LedgerHints
    private let clock = ContinuousClock()
    private var table = RouteTable<Route?>()

    init(ledger: LedgerStore, hints: LedgerHints) {
        self.ledger = ledger
        self.hints = hints
    }

    /// - Returns: nil when no ranker fits.
    func route(_ key: RouteKey) async throws -> Route? {
        if let known = table.answer(to: key, at: clock.now) { return known }
        let generation = table.generation
        let route = try await find(key)
        table.store(route, for: key, asOf: generation, at: clock.now)
        return route
    }

    /// A model with a ranker's punctuation, or one that is no base model, names a ranker.
    private func find(_ key: RouteKey) async throws -> Route? {
        if key.model.contains(":") || key.model.contains("@") {
            return try await ledger.resolve(key.model)
        }
        do {
            return try await ledger.route(
                baseModel: key.model, user: key.user, domain: key.domain)
        } catch {
            // No base model: then it may be a ranker's name.
            guard error.code == .unknownBaseModel else { throw error }
        }
        do {
            return try await ledger.resolve(key.model)
        } catch {
            throw error.code == .unknownRanker ? .unknownModel(key.model) : error
        }
    }

    /// Until the task is cancelled.
    func run() async {
        for await _ in hints.hints(of: [.alias]) { table.forgetAll() }
    }
}

extension CoordinatorError {
    static func unknownModel(_ name: String) -> Self {
        Self(
            .unknownBaseModel,
            "cannot rerank with '\(name.printable(120))': no base model or ranker has this name",
            hint: "GET /v1/models lists the rankers; select name from ls.ranker_status")
    }
}
