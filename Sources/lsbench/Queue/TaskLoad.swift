// Evaluate tasks that need next to no work: many users' rankers, one version each, measured on one
// tiny feature set with configurations that the promotion gate does not look at.
import Benchmarking
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import Rankers
import struct Crypto.SHA256

struct TaskLoad: Sendable {
    let featureSet: ImportedFeatureSet
    let featureSetDigest: Digest
    let versions: [RankerVersionID]
    /// The seed of the first configuration; each run uses other seeds.
    let firstSeed: Int

    /// Registers the rankers, versions and feature set of the tasks. The versions come first, so
    /// that no evaluation is requested automatically.
    static func prepare(_ database: BenchDatabase, rankerCount: Int) async throws -> TaskLoad {
        let ledger = database.ledger
        let run = UInt64.random(in: 1...1_000_000_000)
        let signal = PlantedSignal(hiddenSize: 8, responseCount: 10, seed: run, delta: 8)
        let path = database.directory.appendingPathComponent("features-\(run).safetensors").path
        _ = try signal.write(to: path, queryCount: 4, split: .test)
        let set = try FeatureSet(contentsOf: path)
        try await ledger.registerBaseModel(set.metadata.baseModel, hiddenSize: set.hiddenSize)
        try await ledger.registerDomain(set.metadata.domain)
        let configuration = #"{"kind": "listwise", "hidden_size": \#(set.hiddenSize)}"#
        var versions: [RankerVersionID] = []
        for index in 0..<rankerCount {
            let ranker = try await ledger.registerRanker(
                baseModel: set.metadata.baseModel, kind: .listwise, configuration: configuration,
                training: "{}", user: "user-\(index)", domain: set.metadata.domain,
                name: "lsbench-\(run)-\(index)")
            // Nobody reads them: the workers of a run do not work.
            let weights = Array("weights \(run) \(index)".utf8)
            versions.append(
                try await ledger.addVersion(
                    // A SHA-256 has as many bytes as a digest.
                    to: ranker.name, digest: Digest(bytes: SHA256.hash(data: weights))!,
                    weights: weights))
        }
        let imported = try await ledger.importFeatures(set)
        return TaskLoad(
            featureSet: imported, featureSetDigest: set.digest, versions: versions,
            firstSeed: Int(run))
    }

    /// Requests `count` tasks, the rankers in turn.
    func request(_ count: Int, from first: Int = 0, in database: BenchDatabase) async throws {
        // Pieces: the place in the line of a new task is read from an index, which holds the
        // transaction's own rows without any help of vacuum.
        let piece = 500
        for start in stride(from: first, to: first + count, by: piece) {
            let end = min(start + piece, first + count)
            _ = try await database.pool.execute(
                """
                select ls.request_evaluation(($1::bigint[])[1 + i % $2], array[$3::bigint],
                    jsonb_build_object('candidate_count', 10, 'groups_per_query', 20,
                        'seed', $4::bigint + i / $2), 0::smallint, 'lsbench')
                from generate_series($5::bigint, $6::bigint) i
                """, versions, Int64(versions.count), featureSet.id, Int64(firstSeed),
                Int64(start), Int64(end - 1), deadline: .seconds(300))
        }
        _ = try await database.pool.execute("analyze ls.task, ls.task_feature_set, ls.attempt")
    }

    /// The violations after all `count` tasks, for people; none when every task counted once.
    func violations(of count: Int, in database: BenchDatabase) async throws -> [String] {
        let own = "(select t.* from ls.task t where t.version_id = any (array[\(list)]::bigint[]))"
        let checks: [(what: String, expected: Int, sql: String)] = [
            ("tasks done", count, "select count(*) from \(own) t where state = 'done'"),
            ("tasks in another state", 0, "select count(*) from \(own) t where state <> 'done'"),
            (
                "successful attempts", count,
                """
                select count(*) from \(own) t join ls.attempt a using (task_id) where a.state = \
                'succeeded'
                """
            ),
            (
                "open attempts", 0,
                """
                select count(*) from \(own) t join ls.attempt a using (task_id) where a.state = \
                'open'
                """
            ),
            (
                "evaluations", count,
                """
                select count(*) from ls.evaluation e where e.version_id = any \
                (array[\(list)]::bigint[])
                """
            ),
            (
                "tasks with their own evaluation", count,
                """
                select count(distinct t.task_id) from \(own) t join ls.evaluation e using (task_id)
                where e.configuration = t.configuration
                """
            ),
        ]
        var violations: [String] = []
        for check in checks {
            let found = try await database.count(check.sql)
            if found != check.expected {
                violations.append("found \(found) \(check.what), expected \(check.expected)")
            }
        }
        return violations
    }

    private var list: String { versions.map { "\($0.rawValue)" }.joined(separator: ", ") }

    /// An EvaluationReport as JSON, as a worker would send it for `configuration`.
    static func report(for configuration: String) -> String {
        let figures = """
            "accuracy": 0.5, "standard_error": 0.02, "first_sample": 0.38, "majority": null, \
            "highest_log_probability": null, "oracle": 0.84, "group_count": 80, "query_count": 4
            """
        return "{\(figures), \(configuration.drop { $0 != "{" }.dropFirst())"
    }
}
