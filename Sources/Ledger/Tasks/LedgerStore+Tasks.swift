// Asking for work, and looking how far it is. Asking twice while the first is open is asking once.
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// - Parameters:
    ///   - featureSets: The train sets, in this order; nil uses the current ones of the ranker's
    ///     domain and all domains below it.
    ///   - seed: Replaces the seed of the ranker's training configuration.
    ///   - initial: The version to start from; nil starts from the seed.
    ///   - priority: Tasks with a smaller priority come first.
    ///   - needed: The tasks that must be done before, each with the evaluation that follows it.
    public func requestTraining(
        _ ranker: String, featureSets: [FeatureSetID]? = nil, seed: Int64? = nil,
        initial: RankerVersionID? = nil, priority: Int = 0, after needed: [TaskID] = [],
        by actor: String? = nil
    ) async throws(LanguageSystemError) -> TaskID {
        try await call(
            "select ls.request_training($1, $2, $3, $4, $5, $6, p_after => $7)", ranker,
            featureSets, seed, initial, priority, actor, needed
        ) { try $0.one().decode() }
    }

    /// - Parameters:
    ///   - featureSets: The test sets; nil uses the current ones of the ranker's domain and all
    ///     domains below it.
    ///   - configuration: The EvaluationConfiguration as JSON; nil uses the database's default.
    /// - Returns: The task to wait for; nil when all figures are known already.
    public func requestEvaluation(
        _ version: RankerVersionID, featureSets: [FeatureSetID]? = nil,
        configuration: String? = nil, priority: Int = 0, by actor: String? = nil
    ) async throws(LanguageSystemError) -> TaskID? {
        try await call(
            "select ls.request_evaluation($1, $2, $3, $4, $5)", version, featureSets,
            configuration, priority, actor
        ) { try $0.one().decode() }
    }

    /// Requests that each domain ranker under `pattern` (`math/*`), and that of the broader domain
    /// (`math`), is measured on each test set under it: by its champion, or by its newest version.
    ///
    /// - Parameter pattern: Domains, or several with commas; nil for every domain.
    /// - Returns: The tasks to wait for; none when the matrix is complete.
    public func requestTransferMatrix(
        baseModel: String, pattern: String? = nil, kind: RankerKind? = nil,
        configuration: String? = nil,
        by actor: String? = nil
    ) async throws(LanguageSystemError) -> [TaskID] {
        try await call(
            "select task_id from ls.request_transfer_matrix($1, $2, $3, $4, $5)", baseModel,
            pattern, kind, configuration, actor
        ) { rows in try rows.map { try $0.decode() } }
    }

    /// Requests a transfer matrix that is measured once trainings are done.
    ///
    /// - Parameters:
    ///   - pattern: Domains, or several with commas; nil for every domain.
    ///   - needed: The trainings to wait for; nil waits for every open training of the pattern's
    ///     rankers.
    /// - Returns: The matrix's own task, done when all figures are there; a second request while it
    ///   is open returns the same task.
    public func requestMatrix(
        baseModel: String, pattern: String? = nil, after needed: [TaskID]? = nil,
        kind: RankerKind? = nil, by actor: String? = nil
    ) async throws(LanguageSystemError) -> TaskID {
        try await call(
            "select ls.request_matrix($1, $2, $3, $4, p_by => $5)", baseModel, pattern, needed,
            kind, actor
        ) { try $0.one().decode() }
    }

    /// - Returns: Whether this call cancelled the task; false when it was cancelled before.
    @discardableResult
    public func cancelTask(_ task: TaskID, because reason: String, by actor: String? = nil)
        async throws(LanguageSystemError) -> Bool
    {
        try await call("select ls.cancel_task($1, $2, $3)", task, reason, actor) {
            try $0.one().decode()
        }
    }

    /// Puts a dead task back to waiting, with fresh attempts.
    public func redrive(_ task: TaskID, because reason: String, by actor: String? = nil)
        async throws(LanguageSystemError)
    {
        try await call("select ls.redrive($1, $2, $3)", task, reason, actor) { _ in }
    }

    /// The progress of tasks in the given order. Without tasks: of up to `limit` open ones, running
    /// ones first.
    public func taskProgress(_ tasks: [TaskID]? = nil, limit: Int? = nil)
        async throws(LanguageSystemError) -> [TaskProgress]
    {
        try await call("select * from ls.task_progress($1, $2)", tasks, limit) {
            try $0.map(TaskProgress.init(row:))
        }
    }

    /// The open tasks of these rankers.
    public func openTasks(of rankers: [String]) async throws(LanguageSystemError) -> [TaskProgress]
    {
        try await call(
            "select * from ls.task_progress(ls.open_tasks($1))", rankers
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
