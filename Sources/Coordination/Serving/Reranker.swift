// Answers a rerank request: find the route, have its ranker in memory, score on our own threads,
// order. On a hit of both memories no database is touched. It decides nothing about who serves:
// ls.route_plan() does, and says why.
import Concurrency
public import LanguageSystem
public import Ledger
import RankerMath
import Rankers
public import ServiceLifecycle
import Synchronization

public final class Reranker: Service, Sendable {
    let routes: RouteCache
    let cache: RankerCache
    let threads: ThreadPool
    let decisions: DecisionLog
    let hub: DispatchHub
    /// The way to workers that are connected to another coordinator; nil: there is none.
    let peers: PeerReranks?
    let metrics = RerankMetrics()
    let settings: RerankerSettings
    let clock = ContinuousClock()
    let shadows = ShadowQueue()
    private let forgetting: Forgetting

    public init(
        ledger: LedgerStore, hints: LedgerNotifications, decisions: DecisionLog, hub: DispatchHub,
        peers: PeerReranks? = nil, settings: RerankerSettings
    ) {
        self.hub = hub
        self.peers = peers
        self.settings = settings
        self.decisions = decisions
        routes = RouteCache(ledger: ledger, hints: hints)
        cache = RankerCache(
            byteCountMax: settings.cacheByteCountMax, patience: settings.loadPatience
        ) {
            [precision = settings.precision] digest in
            try await ledger.readWeights(digest) { bytes throws(LanguageSystemError) in
                try RankerScorer(safetensors: bytes, precision: precision)
            }
        }
        threads = ThreadPool(
            name: "ls-score", threadCount: settings.threadCount, depthMax: settings.queueDepthMax)
        forgetting = Forgetting(
            ledger: ledger, hints: hints, routes: routes, cache: cache, decisions: decisions)
    }

    /// Follows alias moves, rules and who is forgotten, and scores shadows, until asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.routes.run() }
                group.addTask { await self.forgetting.run() }
                group.addTask { await self.scoreShadows() }
            }
        }
    }

    /// Answers a request.
    ///
    /// - Throws: `notPermitted` for another user or domain than the key is for; `unknownBaseModel`,
    ///   `unknownRanker`, `unknownVersion`, also for what the key is not for; `contractMismatch`
    ///   for features of another width or contract, `invalidFeatures` for numbers that are not
    ///   finite or beyond `Bounds.magnitudeMax`, and where a norm or a score is not finite; `busy`,
    ///   `unavailable`.
    public func rerank(_ asked: RerankRequest, for caller: RerankCaller) async throws -> RerankReply
    {
        switch try begin(asked, for: caller) {
        case .answered(let reply): reply
        case .begun(let begun): try await finish(begun)
        }
    }

    /// Answers a request when nobody has to be waited for: the route and its ranker are in memory,
    /// the ranker is scored here, and the group is small.
    ///
    /// - Returns: The answer; or what has been found so far, for `finish`.
    /// - Throws: As `rerank`.
    public func begin(
        _ asked: RerankRequest, for caller: RerankCaller
    ) throws(LanguageSystemError) -> RerankStart {
        let began = clock.now
        let request = try asked.permitted(by: caller.scope)
        let found = routes.look(
            up: RouteKey(model: request.model, user: request.user, domain: request.domain))
        var attempt = RerankAttempt(request: request)
        guard request.isSmall, let answer = found.current, answer.isPermitted(by: caller.scope)
        else {
            return .begun(BegunRerank(caller, attempt, found, began))
        }
        try answer.check(request)
        guard let route = answer.plan.choices(for: caller.requestID).first, route.worker == nil,
            route.isCentral,
            let scorer = cache.known(route.digest, of: route.champion(asked: request.model))
        else { return .begun(BegunRerank(caller, attempt, found, began)) }
        let mark = clock.now
        attempt.timings.route = mark - began
        let scores = try scorer.score(request)
        attempt.timings.compute = clock.now - mark
        let reply = try reply(
            scores, try scorer.combined(scores, request.signals), route,
            isCosine: scorer.configuration.similarity == .cosine, at: nil,
            precision: scorer.precision, caller, attempt)
        enqueue(answer.plan.shadows(for: caller.requestID), beside: request, caller)
        return .answered(metrics.counted(reply, since: began))
    }

    /// Answers a request that `begin` could not: asks who serves where that is not known, reads
    /// weights, waits for workers, tries fallbacks.
    ///
    /// - Throws: As `rerank`.
    public func finish(_ begun: BegunRerank) async throws -> RerankReply {
        var attempt = begun.attempt
        let request = attempt.request
        var refusal: LanguageSystemError?
        for (place, model) in ([request.model] + request.fallbacks).enumerated() {
            do {
                let found = place == 0 ? begun.found : nil
                if let reply = try await rerank(with: model, found, begun.caller, &attempt) {
                    return metrics.counted(reply, since: begun.began)
                }
                if place == 0 { refusal = LanguageSystemError.outOfReach(model) }
            } catch let error as LanguageSystemError where error.isOfName {
                // Whoever may be served later is told so.
                if refusal?.code != .unavailable { refusal = error }
                attempt.missed.append("\(model.printable(120)) is not there")
            } catch let error as LanguageSystemError where error.passesOn {
                refusal = error
                attempt.missed.append("\(model.printable(120)) cannot serve now")
            }
        }
        throw refusal ?? LanguageSystemError.unknownModel(request.model)
    }

    /// Answers a request as if it had asked for `model`.
    ///
    /// - Returns: Nil when it names a ranker that nobody can score now.
    private func rerank(
        with model: String, _ found: RouteCache.Found?, _ caller: RerankCaller,
        _ attempt: inout RerankAttempt
    ) async throws -> RerankReply? {
        var answer = try await route(to: model, found, caller, &attempt)
        try answer.check(attempt.request)
        var reply = try await serve(answer, of: model, caller, &attempt)
        if reply == nil, attempt.isOutdated {
            // The database knows by now who is next; asked once.
            attempt.isOutdated = false
            answer = try await route(to: model, nil, caller, &attempt)
            reply = try await serve(answer, of: model, caller, &attempt)
        }
        if let reply {
            enqueue(answer.plan.shadows(for: caller.requestID), beside: attempt.request, caller)
            return reply
        }
        if answer.isNamed { return nil }
        // Nobody scores them, and would say so.
        try attempt.request.checkFeatures()
        return RerankReply(
            keepingOrderOf: attempt.request, for: model, missed: attempt.missed,
            timings: attempt.timings)
    }

    /// - Parameter found: What a look-up found a moment ago; nil: it is looked up now.
    private func route(
        to model: String, _ found: RouteCache.Found?, _ caller: RerankCaller,
        _ attempt: inout RerankAttempt
    ) async throws -> RouteAnswer {
        let mark = clock.now
        defer { attempt.timings.route += clock.now - mark }
        let (user, domain) = (attempt.request.user, attempt.request.domain)
        let key = RouteKey(model: model, user: user, domain: domain)
        return try await route(key, found ?? routes.look(up: key), for: caller.scope)
    }

    /// The answer to a route question, when the key may see it.
    func route(
        _ key: RouteKey, _ found: RouteCache.Found, for scope: KeyScope
    ) async throws -> RouteAnswer {
        let answer: RouteAnswer
        do {
            answer = try await routes.answer(key, found: found)
        } catch let error as LanguageSystemError where error.isOfName && !scope.isUnbounded {
            // What the key is not for answers as what does not exist.
            throw LanguageSystemError.unknownModel(key.model)
        }
        guard answer.isPermitted(by: scope) else {
            // While the database is away what does not exist cannot be told from what is not known
            // yet.
            throw routes.isAway
                ? LanguageSystemError.routesAway() : LanguageSystemError.unknownModel(key.model)
        }
        return answer
    }

    /// - Returns: Nil when nothing of the plan could score it.
    private func serve(
        _ answer: RouteAnswer, of model: String, _ caller: RerankCaller,
        _ attempt: inout RerankAttempt
    ) async throws -> RerankReply? {
        for route in answer.plan.choices(for: caller.requestID) {
            if let worker = route.worker {
                // A worker's refusal is a miss of its ranker; these are nobody's to score.
                try attempt.request.checkFeatures()
                switch await scoreOnWorker(worker, route, caller, &attempt) {
                case .success(let (scores, combined)):
                    return try reply(
                        scores, combined, route, isCosine: route.isCosine, at: worker,
                        precision: nil, caller,
                        attempt)
                case .failure(let miss):
                    attempt.missed.append(
                        "\(route.rankerName) is placed on \(worker.name), \(miss.why)")
                }
            }
            guard route.isCentral else {
                if route.worker == nil {
                    attempt.missed.append(
                        "\(route.rankerName) is out of reach: its weights are not here")
                }
                continue
            }
            let (scores, scorer): ([Float], RankerScorer)
            do {
                (scores, scorer) = try await scoreLocally(route, of: model, &attempt)
            } catch let error as LanguageSystemError where error.code == .unknownFeatureSet {
                // Gone since the plan was made. Everybody else's plan is as old.
                routes.outdate(route)
                attempt.isOutdated = true
                attempt.missed.append("the weights of \(route.rankerName) are not stored any more")
                continue
            }
            return try reply(
                scores, try scorer.combined(scores, attempt.request.signals), route,
                isCosine: scorer.configuration.similarity == .cosine, at: nil,
                precision: scorer.precision, caller, attempt)
        }
        return nil
    }

    /// The answer by these scores; a decision is kept of it when it is asked for or sampled.
    private func reply(
        _ scores: [Float], _ combined: CombinedScores?, _ route: Route, isCosine: Bool,
        at worker: Route.Placement?, precision: Precision?, _ caller: RerankCaller,
        _ attempt: RerankAttempt
    ) throws(LanguageSystemError) -> RerankReply {
        // Whoever scored has looked, or was looked at; no answer goes out without it.
        guard scores.count == attempt.request.candidateCount, scores.allSatisfy(\.isFinite) else {
            throw .wrongScores(
                "\(scores.count) of \(route.rankerName)", expected: attempt.request.candidateCount)
        }
        let reply = RerankReply(
            scores: scores, combined: combined, isCosine: isCosine, route: route,
            request: attempt.request, missed: attempt.missed, worker: worker?.name,
            timings: attempt.timings)
        if caller.keepsDecision || decisions.samples() {
            decisions.keep(
                Decision(
                    attempt.request, caller, .serve, route, scores, precision,
                    isFallback: reply.isFallback))
        }
        return reply
    }
}

/// How far a request got without waiting for anybody.
public enum RerankStart: Sendable {
    case answered(RerankReply)
    /// Somebody has to be waited for; `Reranker.finish` does.
    case begun(BegunRerank)
}

/// A request that was begun, with what was found for it.
public struct BegunRerank: Sendable {
    let caller: RerankCaller
    let attempt: RerankAttempt
    let found: RouteCache.Found
    let began: ContinuousClock.Instant

    init(
        _ caller: RerankCaller, _ attempt: RerankAttempt, _ found: RouteCache.Found,
        _ began: ContinuousClock.Instant
    ) {
        self.caller = caller
        self.attempt = attempt
        self.found = found
        self.began = began
    }
}

/// What has been tried for one request.
struct RerankAttempt: Sendable {
    let request: RerankRequest
    var timings = RerankReply.Timings()
    /// What should have served and did not, in words.
    var missed: [String] = []
    /// Whether weights that the plan names are not stored any more.
    var isOutdated = false
    /// How long the request still waits for workers; nil before it asks the first.
    var edgeTimeLeft: Duration?

    init(request: RerankRequest) { self.request = request }
}

extension Route {
    /// The route's ranker, when it is that ranker's champion and was chosen as such, by the chain
    /// or by who asked for the ranker and no version of it: a pin follows champions alone, and no
    /// version that some keep instead.
    func champion(asked model: String) -> RankerID? {
        guard isChampion else { return nil }
        return switch reason {
        case .named: model == rankerName || model == "\(rankerName):champion" ? rankerID : nil
        case .rule, .firstSample: nil
        default: rankerID
        }
    }
}

extension LanguageSystemError {
    /// Whether nothing, or nothing that may be used, has the name asked for.
    var isOfName: Bool {
        switch code {
        case .unknownBaseModel, .unknownRanker, .unknownVersion: true
        default: false
        }
    }

    /// Whether it is the ranker's trouble, or the database's: a fallback may do better.
    fileprivate var passesOn: Bool {
        switch code {
        case .unavailable, .deadlineExceeded, .busy, .invalidWeights: true
        default: false
        }
    }

    static func outOfReach(_ model: String) -> Self {
        Self(
            .unavailable,
            """
            cannot rerank with '\(model.printable(120))': its weights are not here, and no worker \
            in reach has them
            """,
            hint: "name fallbacks, or the base model")
    }
}
