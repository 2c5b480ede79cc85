// Answers a rerank request: find the route, have its ranker in memory, score on our own threads,
// order. On a hit of both memories no database is touched. It decides nothing about who serves:
// ls.route_plan() does, and says why.
public import LanguageSystem
public import Ledger
public import RankerMath
import Rankers
public import ServiceLifecycle
import Synchronization

public struct RerankerSettings: Sendable {
    /// Threads that score.
    public var threadCount: Int
    /// Bytes of weights kept in memory.
    public var cacheByteCountMax: Int
    /// Requests that may wait for a thread; one more is refused as `busy`.
    public var queueDepthMax: Int
    /// Of the projection's products; bfloat16 also halves what a ranker takes in memory.
    public var precision: Precision
    /// How long a worker has to score a ranker that is placed on it.
    public var edgeDeadline: Duration
    /// How long a request waits for weights that are being read.
    public var loadPatience: Duration

    public init(
        threadCount: Int, cacheByteCountMax: Int, queueDepthMax: Int = 256,
        precision: Precision = .bfloat16, edgeDeadline: Duration = .milliseconds(200),
        loadPatience: Duration = .seconds(2)
    ) {
        self.threadCount = threadCount
        self.cacheByteCountMax = cacheByteCountMax
        self.queueDepthMax = queueDepthMax
        self.precision = precision
        self.edgeDeadline = edgeDeadline
        self.loadPatience = loadPatience
    }
}

public final class Reranker: Service, Sendable {
    let routes: RouteCache
    let cache: RankerCache
    let threads: ScoringThreads
    let decisions: DecisionLog
    private let hub: DispatchHub
    /// For workers that are connected to another coordinator; nil: there is none.
    private let peers: PeerReranks?
    let metrics = RerankMetrics()
    private let settings: RerankerSettings
    private let clock = ContinuousClock()
    private let forgetting: Forgetting
    /// Shadows under way.
    private let shadowCount = Atomic<Int>(0)
    private static let shadowCountMax = 16

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
            try await ledger.readWeights(digest) { bytes throws(CoordinatorError) in
                try RankerScorer(safetensors: bytes, precision: precision)
            }
        }
        threads = ScoringThreads(
            threadCount: settings.threadCount, depthMax: settings.queueDepthMax)
        forgetting = Forgetting(
            ledger: ledger, hints: hints, routes: routes, cache: cache, decisions: decisions)
    }

    /// Follows alias moves, rules and who is forgotten until asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.routes.run() }
                group.addTask { await self.forgetting.run() }
            }
        }
    }

    /// - Throws: `notPermitted` for another user or domain than the key is for; `unknownBaseModel`,
    ///   `unknownRanker`, `unknownVersion`, also for what the key is not for; `contractMismatch`
    ///   for features of another width or contract, `invalidFeatures` for numbers that are not
    ///   finite or beyond `Bounds.magnitudeMax`, and where a norm or a score is not finite; `busy`,
    ///   `unavailable`.
    public func rerank(_ asked: RerankRequest, for caller: RerankCaller) async throws -> RerankReply
    {
        if let reply = try rerankNow(asked, for: caller) { return reply }
        let began = clock.now
        let request = try asked.permitted(by: caller.scope)
        var attempt = Attempt(request: request)
        var refusal: CoordinatorError?
        for (place, model) in ([request.model] + request.fallbacks).enumerated() {
            do {
                var answer = try await route(to: model, request, caller, &attempt)
                try answer.check(request)
                var served = try await serve(answer, of: model, caller, &attempt)
                if served == nil, attempt.isOutdated {
                    // The database knows by now who is next; asked once.
                    attempt.isOutdated = false
                    answer = try await route(to: model, request, caller, &attempt)
                    served = try await serve(answer, of: model, caller, &attempt)
                }
                if let reply = served {
                    score(answer.plan.shadows(for: caller.requestID), beside: request, caller)
                    return metrics.counted(reply, since: began)
                }
                guard answer.isNamed else {
                    // Nobody scores them, and would say so.
                    try request.checkFeatures()
                    return metrics.counted(
                        RerankReply(
                            keepingOrderOf: request, for: model, missed: attempt.missed,
                            timings: attempt.timings), since: began)
                }
                if place == 0 { refusal = CoordinatorError.outOfReach(model) }
            } catch let error as CoordinatorError where error.isOfName {
                // Whoever may be served later is told so.
                if refusal?.code != .unavailable { refusal = error }
                attempt.missed.append("\(model.printable(120)) is not there")
            } catch let error as CoordinatorError where error.passesOn {
                refusal = error
                attempt.missed.append("\(model.printable(120)) cannot serve now")
            }
        }
        throw refusal ?? CoordinatorError.unknownModel(request.model)
    }

    /// What `rerank` answers, when nobody has to be waited for: the route and its ranker are in
    /// memory, the ranker is scored here, and the group is small.
    ///
    /// - Returns: Nil when it takes longer; then `rerank` answers.
    /// - Throws: As `rerank`.
    public func rerankNow(
        _ asked: RerankRequest, for caller: RerankCaller
    ) throws(CoordinatorError) -> RerankReply? {
        let began = clock.now
        let request = try asked.permitted(by: caller.scope)
        let key = RouteKey(model: request.model, user: request.user, domain: request.domain)
        // Counted when it was of use: what passes on is asked for, and counted, once more.
        guard request.isSmall, let answer = routes.known(key),
            answer.isPermitted(by: caller.scope)
        else { return nil }
        try answer.check(request)
        guard let route = answer.plan.choices(for: caller.requestID).first, route.worker == nil,
            route.isCentral,
            let scorer = cache.known(route.digest, of: route.champion(asked: request.model))
        else { return nil }
        routes.countHit()
        var attempt = Attempt(request: request)
        let mark = clock.now
        attempt.timings.route = mark - began
        let scores = try scorer.score(request)
        attempt.timings.compute = clock.now - mark
        let reply = try finish(
            scores, route, isCosine: scorer.configuration.similarity == .cosine, at: nil,
            precision: scorer.precision, caller, attempt)
        score(answer.plan.shadows(for: caller.requestID), beside: request, caller)
        return metrics.counted(reply, since: began)
    }

    /// What has been tried for one request.
    private struct Attempt {
        let request: RerankRequest
        var timings = RerankReply.Timings()
        /// What should have served and did not, in words.
        var missed: [String] = []
        /// Weights that the plan names are not stored any more.
        var isOutdated = false
    }

    private func route(
        to model: String, _ request: RerankRequest, _ caller: RerankCaller,
        _ attempt: inout Attempt
    ) async throws -> RouteAnswer {
        let mark = clock.now
        defer { attempt.timings.route += clock.now - mark }
        let answer: RouteAnswer
        do {
            answer = try await routes.answer(
                RouteKey(model: model, user: request.user, domain: request.domain))
        } catch let error as CoordinatorError where error.isOfName && !caller.scope.isUnbounded {
            // What the key is not for answers as what does not exist.
            throw CoordinatorError.unknownModel(model)
        }
        try check(answer, for: caller.scope, model)
        return answer
    }

    private func check(
        _ answer: RouteAnswer, for scope: KeyScope, _ model: String
    ) throws(CoordinatorError) {
        guard answer.isPermitted(by: scope) else {
            // While the database is away what does not exist cannot be told from what is not known
            // yet.
            throw routes.isAway ? .routesAway() : .unknownModel(model)
        }
    }

    /// - Returns: Nil when nothing of the plan could score it.
    private func serve(
        _ answer: RouteAnswer, of model: String, _ caller: RerankCaller, _ attempt: inout Attempt
    ) async throws -> RerankReply? {
        let request = attempt.request
        for route in answer.plan.choices(for: caller.requestID) {
            if let worker = route.worker {
                // A worker's refusal is a miss of its ranker; these are nobody's to score.
                try request.checkFeatures()
                let mark = clock.now
                let scored = await score(route, on: worker, request, caller)
                attempt.timings.queue += clock.now - mark
                switch scored {
                case .success(let (scores, said)):
                    // It cannot have computed for longer than it was waited for.
                    let compute = min(said, clock.now - mark)
                    attempt.timings.queue -= compute
                    attempt.timings.compute += compute
                    return try finish(
                        scores, route, isCosine: route.isCosine, at: worker, precision: nil, caller,
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
                (scores, scorer) = try await score(route, of: model, request, &attempt.timings)
            } catch let error as CoordinatorError where error.code == .unknownFeatureSet {
                // Gone since the plan was made. Everybody else's plan is as old.
                routes.outdate(route)
                attempt.isOutdated = true
                attempt.missed.append("the weights of \(route.rankerName) are not stored any more")
                continue
            }
            return try finish(
                scores, route, isCosine: scorer.configuration.similarity == .cosine, at: nil,
                precision: scorer.precision, caller, attempt)
        }
        return nil
    }

    private func finish(
        _ scores: [Float], _ route: Route, isCosine: Bool, at worker: Route.Placement?,
        precision: Precision?, _ caller: RerankCaller, _ attempt: Attempt
    ) throws(CoordinatorError) -> RerankReply {
        // Whoever scored has looked, or was looked at; no answer goes out without it.
        guard scores.count == attempt.request.candidateCount, scores.allSatisfy(\.isFinite) else {
            throw .wrongScores(
                "\(scores.count) of \(route.rankerName)", expected: attempt.request.candidateCount)
        }
        let reply = RerankReply(
            scores: scores, isCosine: isCosine, route: route, request: attempt.request,
            missed: attempt.missed, worker: worker?.name, timings: attempt.timings)
        if caller.keepsDecision || decisions.samples() {
            decisions.keep(
                Decision(
                    attempt.request, caller, .serve, route, scores, precision,
                    isFallback: reply.isFallback))
        }
        return reply
    }

    /// Why a worker did not score, in words.
    private struct EdgeMiss: Error { let why: String }

    /// Scores on the worker that the ranker is placed on.
    private func score(
        _ route: Route, on worker: Route.Placement, _ request: RerankRequest, _ caller: RerankCaller
    ) async -> Result<([Float], compute: Duration), EdgeMiss> {
        let deadline = clock.now + settings.edgeDeadline
        let work = EdgeRerank(
            rankerName: route.rankerName,
            weights: BlobReference(
                digest: route.digest, byteCount: route.byteCount,
                name: "\(route.rankerName)@\(route.versionNumber)"),
            features: Array(request.features), dtype: request.dtype,
            candidateCount: request.candidateCount, hiddenSize: request.hiddenSize,
            traceParent: caller.traceParent)
        var answer = await hub.rerank(on: worker.id, work, within: settings.edgeDeadline)
        if answer == .unreachable, let peers {
            answer = await peers.rerank(by: worker.id, work, within: deadline - clock.now)
        }
        metrics.count(answer)
        return switch answer {
        case .scored(let scores, _) where route.isCosine && !scores.allSatisfy(\.isCosine):
            .failure(EdgeMiss(why: "which gave scores that are no cosines"))
        case .scored(let scores, let compute): .success((scores, compute: compute))
        case .unreachable: .failure(EdgeMiss(why: "which is out of reach"))
        case .late:
            .failure(
                EdgeMiss(
                    why:
                        """
                        which did not answer in \
                        \(Int(nearest: settings.edgeDeadline / .milliseconds(1))) ms
                        """
                ))
        case .busy: .failure(EdgeMiss(why: "which has too much to do"))
        case .refused(let error): .failure(EdgeMiss(why: "which refused: \(error.message)"))
        }
    }

    /// Scores here.
    private func score(
        _ route: Route, of model: String, _ request: RerankRequest,
        _ timings: inout RerankReply.Timings
    ) async throws -> ([Float], RankerScorer) {
        var mark = clock.now
        let scorer = try await cache.scorer(
            for: route.digest, of: route.champion(asked: model))
        timings.load += clock.now - mark
        mark = clock.now
        guard !request.isSmall else {
            // Waking another thread would take longer than this does.
            let scores = try scorer.score(request)
            timings.compute += clock.now - mark
            return (scores, scorer)
        }
        let (scores, started) = try await threads.run { [clock] in
            let started = clock.now
            return (try scorer.score(request), started)
        }
        timings.queue += started - mark
        timings.compute += clock.now - started
        return (scores, scorer)
    }

    /// Not served, and in nobody's way: what there is no idle thread for is left out.
    private func score(
        _ shadows: [Route], beside request: RerankRequest, _ caller: RerankCaller
    ) {
        for route in shadows {
            // They hold features while they wait for weights: so many do, and no more.
            guard shadowCount.add(1, ordering: .relaxed).newValue <= Self.shadowCountMax else {
                shadowCount.subtract(1, ordering: .relaxed)
                metrics.count(.leftOut)
                continue
            }
            // Unstructured: the request does not wait for it.
            Task {
                defer { shadowCount.subtract(1, ordering: .relaxed) }
                do {
                    let scorer = try await cache.scorer(for: route.digest)
                    guard threads.depth < settings.threadCount else {
                        return metrics.count(.leftOut)
                    }
                    let scores = try await threads.run { try scorer.score(request) }
                    decisions.keep(
                        Decision(
                            request, caller, .shadow, route, scores, scorer.precision,
                            isFallback: false))
                    metrics.count(.scored)
                } catch {
                    // Also where its norms are not finite: it says nothing of these candidates.
                    metrics.count(.refused)
                }
            }
        }
    }

    // MARK: Ahead of time

    public struct Prefetched: Sendable {
        public let route: Route
        public let wasCached: Bool
        public let isPinned: Bool
    }

    /// Has the ranker in memory that a request of this user and domain would be served by.
    ///
    /// - Parameter pin: Whether it stays there for this key, also its later versions; nil: as it
    ///   was.
    /// - Throws: As `rerank`; `unavailable` when no ranker fits, `tooLarge` when too much is
    ///   pinned.
    public func prefetch(
        _ model: String, user: String?, domain: DomainName?, pin: Bool?, for caller: RerankCaller
    ) async throws -> Prefetched {
        let (scope, holder) = (caller.scope, caller.keyID ?? "")
        let (user, domain) = try scope.checked(user: user, domain: domain)
        let answer: RouteAnswer
        do {
            answer = try await routes.answer(RouteKey(model: model, user: user, domain: domain))
        } catch let error as CoordinatorError where error.isOfName && !scope.isUnbounded {
            throw CoordinatorError.unknownModel(model)
        }
        try check(answer, for: scope, model)
        guard let route = answer.plan.entries.last(where: { $0.role == .serve })?.route,
            route.isCentral
        else { throw CoordinatorError.nothingToPrefetch(model) }
        let champion = route.champion(asked: model)
        let cached = cache.known(route.digest, of: champion)
        let scorer =
            if let cached { cached } else {
                try await cache.scorer(for: route.digest, of: champion)
            }
        switch pin {
        case true?:
            try cache.pin(
                route.rankerID, route.digest, takes: scorer.byteCount, for: holder,
                follows: champion != nil)
        case false?: cache.unpin(route.rankerID, by: holder)
        case nil: break
        }
        return Prefetched(
            route: route, wasCached: cached != nil,
            isPinned: cache.isPinned(route.rankerID, route.digest, by: holder))
    }

    /// What other keys than these pinned may leave: they were revoked, or expired.
    public func keepPins(of keys: Set<String>) { cache.keepPins(of: keys.union([""])) }
}

extension Route {
    /// Its ranker, when it was chosen as that ranker's champion, by the chain or by who asked for
    /// the ranker and no version of it: a pin follows champions alone.
    fileprivate func champion(asked model: String) -> RankerID? {
        switch reason {
        case .named: model == rankerName || model == "\(rankerName):champion" ? rankerID : nil
        case .rule, .firstSample: nil
        default: rankerID
        }
    }

    /// Whether its scores are cosines; of a configuration that cannot be read, not.
    fileprivate var isCosine: Bool {
        (try? RankerConfiguration(json: configuration))?.similarity == .cosine
    }
}

extension RankerScorer {
    fileprivate func score(_ request: RerankRequest) throws(CoordinatorError) -> [Float] {
        let result = request.features.withUnsafeBytes { bytes in
            Result<[Float], CoordinatorError> { () throws(CoordinatorError) in
                try score(
                    features: bytes, dtype: request.dtype, candidateCount: request.candidateCount)
            }
        }
        return try result.get()
    }
}

extension Float {
    /// In [-1, 1], as far as sums of float32 are.
    fileprivate var isCosine: Bool { abs(self) <= 1.001 }
}

extension RerankRequest {
    /// Groups of at most so many numbers are scored on the thread that they arrived on: about 60
    /// candidates of width 4096, a few tenths of a millisecond.
    private static let smallCountMax = 1 << 18

    fileprivate var isSmall: Bool { (candidateCount + 1) * hiddenSize <= Self.smallCountMax }

    /// Whoever scores them here does as much.
    ///
    /// - Throws: `invalidFeatures` with the candidate.
    fileprivate func checkFeatures() throws(CoordinatorError) {
        let result = features.withUnsafeBytes { bytes in
            Result<Void, CoordinatorError> { () throws(CoordinatorError) in
                try GroupFeatures(
                    bytes: bytes, dtype: dtype, candidateCount: candidateCount, width: hiddenSize
                ).check(to: "rerank")
            }
        }
        try result.get()
    }

    /// The request as the key lets it be: a key of one user's is that user's, one of a single
    /// domain's that domain's.
    ///
    /// - Throws: `unknownBaseModel` for a model that cannot be a name; `invalidArgument`,
    ///   `notPermitted` for the user.
    fileprivate func permitted(by scope: KeyScope) throws(CoordinatorError) -> RerankRequest {
        guard model.isPossibleName else { throw .unknownModel(model) }
        var request = self
        (request.user, request.domain) = try scope.checked(user: user, domain: domain)
        return request
    }
}

extension KeyScope {
    fileprivate func checked(user: String?, domain: DomainName?) throws(CoordinatorError) -> (
        user: String?, domain: DomainName?
    ) {
        let user = user ?? (users?.count == 1 ? users?.first : nil)
        let domain =
            domain ?? (domains?.count == 1 ? domains?.first : nil).flatMap { try? DomainName($0) }
        // As the ledger takes them: what is kept by user is bounded.
        guard user?.isPossibleName(ofAtMost: 200) != false else { throw .impossibleUser() }
        if let user, !permits(user: user) { throw .userNotPermitted() }
        // Of no domain is outside of those that it is for, too.
        guard domain != nil || domains == nil else { throw .domainMissing() }
        if let domain, !permits(domain: domain) { throw .domainNotPermitted() }
        return (user, domain)
    }
}

extension CoordinatorError {
    fileprivate static func impossibleUser() -> Self {
        Self(
            .invalidArgument,
            """
            cannot rerank for this user: found a name that is longer than 200 characters or has a \
            control character
            """
        )
    }
}

extension RouteAnswer {
    fileprivate func isPermitted(by scope: KeyScope) -> Bool {
        isNamed
            ? plan.entries.allSatisfy { scope.permits($0.route) }
            : scope.permits(baseModel: baseModel)
    }

    /// - Throws: `contractMismatch` with both contracts.
    fileprivate func check(_ request: RerankRequest) throws(CoordinatorError) {
        guard request.hiddenSize == contract.hiddenSize else {
            throw .wrongWidth(
                baseModel, found: request.hiddenSize, expected: contract.hiddenSize)
        }
        let differences = request.contract.differences(from: contract.features)
        guard differences.isEmpty else { throw .wrongContract(baseModel, differences) }
    }
}

extension FeatureContract {
    /// Where both say something and not the same, in words.
    func differences(from other: FeatureContract) -> [String] {
        func difference<Value: Equatable>(_ name: String, _ found: Value?, _ expected: Value?)
            -> String?
        {
            guard let found, let expected, found != expected else { return nil }
            return "\(name) \("\(found)".printable(120)), expected \(expected)"
        }
        let fraction =
            if let found = layerFraction, let expected = other.layerFraction,
                // So that what is not a number is a difference.
                !(abs(found - expected) <= 1e-6)
            { difference("layer_fraction", found, expected) } else { String?.none }
        return [
            difference("revision", revision, other.revision),
            difference("layer", layer, other.layer),
            fraction, difference("norm", norm, other.norm),
            difference("pooling", pooling, other.pooling), difference("dtype", dtype, other.dtype),
            difference("template_digest", templateDigest, other.templateDigest),
        ].compactMap { $0 }
    }
}

extension Decision {
    fileprivate init(
        _ request: RerankRequest, _ caller: RerankCaller, _ role: RoutePlan.Role, _ route: Route,
        _ scores: [Float], _ precision: Precision?, isFallback: Bool
    ) {
        self.init(
            requestID: caller.requestID, keyID: caller.keyID, role: role, model: request.model,
            user: request.user,
            domain: request.domain, versionID: route.versionID, reason: route.reason,
            rule: route.rule, isFallback: isFallback,
            workerID: precision == nil ? route.worker?.id : nil,
            arithmetic: (precision ?? .float32).rawValue, hiddenSize: request.hiddenSize,
            dtype: request.dtype.rawValue, features: Array(request.features), scores: scores)
    }
}

extension CoordinatorError {
    /// Nothing, or nothing that may be used, has this name.
    var isOfName: Bool {
        switch code {
        case .unknownBaseModel, .unknownRanker, .unknownVersion: true
        default: false
        }
    }

    /// The ranker's trouble, or the database's: a fallback may do better.
    fileprivate var passesOn: Bool {
        switch code {
        case .unavailable, .deadlineExceeded, .busy, .invalidWeights: true
        default: false
        }
    }

    static func wrongWidth(_ baseModel: String, found: Int, expected: Int) -> Self {
        Self(
            .contractMismatch,
            """
            cannot rerank for \(baseModel): found features of width \(found), expected \(expected)
            """,
            hint:
                """
                send the hidden states of the base model and layer that the rankers were trained on
                """
        )
    }

    static func wrongContract(_ baseModel: String, _ differences: [String]) -> Self {
        Self(
            .contractMismatch,
            """
            cannot rerank for \(baseModel): the features' contract is another: found \
            \(differences.joined(separator: "; found "))
            """,
            hint: "take the features as the rankers' were taken; ls.base_model_status shows how")
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

    static func nothingToPrefetch(_ model: String) -> Self {
        Self(
            .unknownVersion,
            """
            cannot prefetch for '\(model.printable(120))': no ranker with weights here would serve \
            such a request
            """
        )
    }
}
