// What happens between a worker and the tasks: lease, renew, complete, fail, expire, give back.
// Every method may be called again when its answer was lost; the fencing token makes it count once.
import Foundation
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// Leases waiting tasks to a worker; tasks whose features it holds come first.
    ///
    /// When the answer of a call is lost, its leases are unknown to the worker: they expire, or
    /// `releaseLeases` gives them back.
    public func leaseTasks(
        for worker: WorkerID, kinds: [TaskKind], countMax: Int, lasting: Duration,
        held: [Digest] = []
    ) async throws(LanguageSystemError) -> [TaskLease] {
        try await call(
            "select * from ls.lease_tasks($1, $2, $3, $4, $5)", worker, kinds, countMax,
            lasting.seconds, held
        ) { try $0.map { try TaskLease(row: $0, lasting: lasting) } }
    }

    /// The configuration of the ranker that this attempt trains, as JSON; nil when the worker has
    /// no such lease.
    public func leasedRankerConfiguration(of worker: WorkerID, _ token: LeaseToken)
        async throws(LanguageSystemError) -> String?
    {
        try await call("select ls.leased_ranker_configuration($1, $2)", worker, token) {
            try $0.one().decode()
        }
    }

    /// Records the version and its lineage, ends the task and requests the evaluation, in one
    /// transaction.
    ///
    /// - Parameters:
    ///   - weights: The weights; nil for an edge-only ranker, whose weights stay with the worker.
    ///   - report: TrainingReport as JSON.
    ///   - byteCount: The size of the weights, when they stay with the worker.
    public func completeTraining(
        by worker: WorkerID, _ token: LeaseToken, digest: Digest, weights: [UInt8]?,
        report: String, byteCount: Int64? = nil
    ) async throws(LanguageSystemError) -> Completion {
        try await call(
            "select * from ls.complete_training($1, $2, $3, $4, $5, $6)", worker, token, digest,
            weights, report, byteCount
        ) { rows in
            let row = try rows.one()
            return Completion(
                counted: try row.decode("counted"), versionID: try row.decode("version_id"))
        }
    }

    /// The configurations of an open attempt of this worker; nil when it has no such lease.
    public func leasedWork(of worker: WorkerID, _ token: LeaseToken)
        async throws(LanguageSystemError) -> LeasedConfigurations?
    {
        try await call("select * from ls.leased_work($1, $2)", worker, token) { rows in
            try rows.first.map {
                LeasedConfigurations(
                    kind: try $0.decode("kind"), ranker: try $0.decode("ranker_configuration"),
                    work: try $0.decode("configuration"))
            }
        }
    }

    /// - Parameters:
    ///   - retryable: Whether the worker says that trying again may help.
    ///   - judgement: The coordinator's own judgment; nil when it has none.
    /// - Returns: Whether the failure counts; false when the lease was lost and nothing was
    ///   changed.
    public func failAttempt(
        by worker: WorkerID, _ token: LeaseToken, code: String, message: String, retryable: Bool,
        judgement: FailureJudgement? = nil
    ) async throws(LanguageSystemError) -> Bool {
        try await call(
            "select ls.fail_attempt($1, $2, $3, $4, $5, $6)", worker, token, code, message,
            retryable, judgement?.rawValue
        ) { try $0.one().decode() }
    }

    /// Ends leases that ran out, and sets their tasks back to waiting. Any coordinator may call it
    /// at any time.
    public func expireLeases() async throws(LanguageSystemError) -> [ExpiredLease] {
        try await call("select * from ls.expire_leases()") { rows in
            try rows.map { row in
                ExpiredLease(
                    taskID: try row.decode("task_id"), attempt: try row.decode("attempt"),
                    worker: try row.decode("worker"), taskState: try row.decode("task_state"))
            }
        }
    }

    /// Gives back the leases that a reconnected worker does not work on any more.
    ///
    /// - Returns: The number of leases that were given back; their tasks wait again.
    @discardableResult
    public func releaseLeases(of worker: WorkerID, keeping tokens: [LeaseToken])
        async throws(LanguageSystemError) -> Int
    {
        try await call("select ls.release_leases($1, $2)", worker, tokens) {
            try $0.one().decode()
        }
    }
}

extension TaskLease {
    init(row: Row, lasting duration: Duration) throws {
        let rankerName: String = try row.decode("ranker_name")
        let configuration: String = try row.decode("configuration")
        let features = try JSONDecoder().decode(
            [BlobReferenceRow].self, from: Data(try row.decode(String.self, "features").utf8)
        ).map {
            BlobReference(
                digest: $0.digest, byteCount: $0.byte_count, name: $0.name, domain: $0.domain)
        }
        let weights = try row.decode(Digest?.self, "weights_digest").map {
            BlobReference(
                digest: $0, byteCount: try row.decode("weights_byte_count"),
                name: try row.decode("weights_name"))
        }
        let work: Work
        switch (try row.decode(TaskKind.self, "kind"), weights) {
        case (.train, let weights):
            work = .train(
                TrainWork(
                    rankerName: rankerName,
                    rankerConfiguration: try row.decode("ranker_configuration"),
                    trainingConfiguration: configuration, features: features,
                    initialWeights: weights, weightsStay: try row.decode("weights_stay")))
        case (.evaluate, let weights?):
            work = .evaluate(
                EvaluateWork(
                    rankerName: rankerName, weights: weights, features: features,
                    evaluationConfiguration: configuration))
        case (.evaluate, nil), (.matrix, _):
            // The schema forbids the one, and a matrix is never waiting.
            throw LanguageSystemError(
                .internal, "cannot hand out this task: the ledger leased what nobody can do")
        }
        self.init(
            token: try row.decode("token"), taskID: try row.decode("task_id"),
            attempt: try row.decode("attempt"), duration: duration, work: work)
    }
}

/// A feature set in the JSON that `ls.lease_tasks` returns.
private struct BlobReferenceRow: Decodable {
    let digest: Digest
    let byte_count: Int64
    let name: String
    let domain: DomainName
}

extension Duration {
    /// The duration in seconds, as the SQL functions take it.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
