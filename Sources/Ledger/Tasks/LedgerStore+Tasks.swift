// Asking for work, and looking how far it is. Asking twice while the first is open is asking once.
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// - Parameters:
    ///   - featureSets: In this order; nil: the current train sets of the ranker's domain and
    ///     everything beneath it.
    ///   - seed: Instead of the one in the ranker's training configuration.
    ///   - initial: The version to start from; nil: from the seed.
    ///   - priority: Smaller goes first.
    ///   - needed: Tasks that must be done before, each with the evaluation it leads to.
    public func requestTraining(
        _ ranker: String, featureSets: [FeatureSetID]? = nil, seed: Int64? = nil,
        initial: RankerVersionID? = nil, priority: Int = 0, after needed: [TaskID] = [],
        by actor: String? = nil
    ) async throws(CoordinatorError) -> TaskID {
        try await call(
            "select ls.request_training($1, $2, $3, $4, $5, $6, p_after => $7)", ranker,
            featureSets, seed, initial, priority, actor, needed
        ) { try $0.one().decode() }
    }

    /// - Parameters:
    ///   - featureSets: Nil: the current test sets of the ranker's domain and everything beneath
    ///     it.
    ///   - configuration: EvaluationConfiguration as JSON; nil: the database's default.
    /// - Returns: The task to wait for; nil when all figures are known already.
    public func requestEvaluation(
        _ version: RankerVersionID, featureSets: [FeatureSetID]? = nil,
        configuration: String? = nil, priority: Int = 0, by actor: String? = nil
    ) async throws(CoordinatorError) -> TaskID? {
        try await call(
            "select ls.request_evaluation($1, $2, $3, $4, $5)", version, featureSets,
            configuration, priority, actor
        ) { try $0.one().decode() }
    }

    /// Asks for every champion of a domain ranker under `pattern` (`math/*`), and of the broader
    /// domain (`math`), to be measured on every test set under it.
    ///
    /// - Returns: The tasks to wait for; none: the matrix is complete.
    public func requestTransferMatrix(
        baseModel: String, pattern: String, kind: RankerKind? = nil, configuration: String? = nil,
        by actor: String? = nil
    ) async throws(CoordinatorError) -> [TaskID] {
        try await call(
            "select task_id from ls.request_transfer_matrix($1, $2, $3, $4, $5)", baseModel,
            pattern, kind, configuration, actor
        ) { rows in try rows.map { try $0.decode() } }
    }

    /// Asks for the transfer matrix to be measured once trainings are done.
    ///
    /// - Parameter needed: Nil: every open training of a ranker that the pattern names.
    /// - Returns: The matrix's own task, done when all figures are there; asked twice while open it
    ///   is the same.
    public func requestMatrix(
        baseModel: String, pattern: String, after needed: [TaskID]? = nil,
        kind: RankerKind? = nil, by actor: String? = nil
    ) async throws(CoordinatorError) -> TaskID {
        try await call(
            "select ls.request_matrix($1, $2, $3, $4, p_by => $5)", baseModel, pattern, needed,
            kind, actor
        ) { try $0.one().decode() }
    }

    /// - Returns: Whether it was cancelled now; false: it was cancelled before.
    @discardableResult
    public func cancelTask(_ task: TaskID, because reason: String, by actor: String? = nil)
        async throws(CoordinatorError) -> Bool
    {
        try await call("select ls.cancel_task($1, $2, $3)", task, reason, actor) {
            try $0.one().decode()
        }
    }

    /// Puts a dead task back to waiting, with fresh attempts.
    public func redrive(_ task: TaskID, because reason: String, by actor: String? = nil)
        async throws(CoordinatorError)
    {
        try await call("select ls.redrive($1, $2, $3)", task, reason, actor) { _ in }
    }

    /// In the order asked; nil: those that are open, up to `limit`, those that are worked on first.
    public func taskProgress(_ tasks: [TaskID]? = nil, limit: Int? = nil)
        async throws(CoordinatorError) -> [TaskProgress]
    {
        try await call("select * from ls.task_progress($1, $2)", tasks, limit) {
            try $0.map(TaskProgress.init(row:))
        }
    }

    /// The open tasks of these rankers.
    public func openTasks(of rankers: [String]) async throws(CoordinatorError) -> [TaskProgress] {
        try await call(
            """
            select * from ls.task_progress(coalesce(
                (select array_agg(q.task_id) from ls.task_queue q where q.ranker = any ($1)), '{}'))
            """, rankers
        ) { try $0.map(TaskProgress.init(row:)) }
    }
}

extension TaskProgress {
    init(row: Row) throws {
        id = try row.decode("task_id")
        kind = try row.decode("kind")
        state = try row.decode("state")
        ranker = try row.decode("ranker")
        versionNumber = try row.decode("version")
        progress = try row.decode("progress")
        note = try row.decode("note")
        worker = try row.decode("worker")
        attempt = try row.decode("attempt")
        attemptMax = try row.decode("attempt_max")
        error = try row.decode("error")
        resultVersionID = try row.decode("result_version_id")
    }
}
