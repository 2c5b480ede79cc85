// Asking for a sweep and looking how far it is. The same sweep asked twice, also after its end, is
// one.
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// Requests one training task for each configuration. The versions stay candidates, and when
    /// all are measured, only the best is offered to the promotion gate. Requesting the same sweep
    /// again also requests its cancelled trainings again.
    ///
    /// - Parameters:
    ///   - configurations: JSON list of 1 to 500 objects whose keys replace those of the ranker's
    ///     own
    ///     training configuration; nil: the grid of the paper's Table 8.
    ///   - name: A name for people; it does not count when sweeps are compared.
    ///   - featureSets: The train sets, in this order; nil uses the current ones of the ranker's
    ///     domain and all domains below it.
    ///   - seed: Replaces the seed of each configuration.
    ///   - priority: Tasks with a smaller priority come first.
    public func requestSweep(
        _ ranker: String, configurations: String? = nil, name: String? = nil,
        featureSets: [FeatureSetID]? = nil, seed: Int64? = nil, priority: Int = 0,
        by actor: String? = nil
    ) async throws(LanguageSystemError) -> SweepID {
        try await call(
            "select ls.request_sweep($1, $2, $3, $4, $5, $6, $7)", ranker, configurations, name,
            featureSets, seed, priority, actor
        ) { try $0.one().decode() }
    }

    /// - Throws: `unknownTask` when no sweep has this id.
    public func sweepStatus(_ sweep: SweepID) async throws(LanguageSystemError) -> SweepStatus {
        let found = try await call("select * from ls.sweep_status where sweep_id = $1", sweep) {
            try $0.oneOrNone().map(SweepStatus.init(row:))
        }
        guard let found else {
            throw LanguageSystemError(
                .unknownTask, "cannot look at sweep \(sweep): no sweep has this id",
                hint: "select sweep_id, ranker, sweep from ls.sweep_status lists them")
        }
        return found
    }

    /// The configurations of a sweep, by position.
    public func sweepResults(_ sweep: SweepID) async throws(LanguageSystemError) -> [SweepResult] {
        try await call("select * from ls.sweep_result where sweep_id = $1 order by position", sweep)
        { try $0.map(SweepResult.init(row:)) }
    }
}

extension SweepStatus {
    init(row: Row) throws {
        id = try row.decode("sweep_id")
        ranker = try row.decode("ranker")
        name = try row.decode("sweep")
        configurationCount = try row.decode("configurations")
        measuredCount = try row.decode("measured")
        failedCount = try row.decode("failed")
        bestPosition = try row.decode("best_position")
        bestVersionID = try row.decode("best_version_id")
        bestVersionNumber = try row.decode("best_version")
        spread = try row.decode("spread")
        decision = try row.decode("decision")
        isDecided = try row.decode("is_decided")
        isChampion = try row.decode("is_champion")
        selectedOn = try row.decode("selected_on")
        evaluation = try row.decode("evaluation")
        endedAt = try row.decode("ended_at")
    }
}

extension SweepResult {
    init(row: Row) throws {
        position = try row.decode("position")
        state = try row.decode("state")
        accuracy = try row.decode("accuracy")
        standardError = try row.decode("standard_error")
        firstSample = try row.decode("first_sample")
        versionID = try row.decode("version_id")
        versionNumber = try row.decode("version")
        isBest = try row.decode("is_best")
        taskID = try row.decode("task_id")
        worker = try row.decode("worker")
        progress = try row.decode("progress")
        error = try row.decode("error")
        configuration = try row.decode("configuration")
    }
}
