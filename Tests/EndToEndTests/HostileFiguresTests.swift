// A worker that joined properly and lies about single queries, on which promotions rest: what does
// not fit its own figures is refused, and what another worker says otherwise is measured again.
import Foundation
import LanguageSystem
import Rankers
import Testing
import WorkerWire

@Suite(.serialized, .timeLimit(.minutes(20))) struct `A worker that lies about single queries` {
    @Test func `values of single queries that contradict the figures are refused`() async throws {
        try await Installation.with { installation in
            try await installation.registerDemo(["number_theory"])
            let hostile = try await HostileWorker.join(installation)
            let weights = try await installation.addVersion(seed: 1)
            _ = try await installation.sql(
                """
                select ls.request_evaluation(version_id, p_configuration => jsonb_build_object(
                    'candidate_count', 10, 'groups_per_query', 20, 'seed', seed))
                from ls.ranker_version, generate_series(2, 4) seed
                """)
            let lies: [@Sendable (inout Figures) -> Void] = [
                { $0.json["accuracy"] = $0.json["oracle"] },
                { $0.queryValues[0] = 2 },
                { $0.queryValues.removeLast() },
                { $0.firstSample = $0.firstSample.sorted() },
            ]
            var refusals: [String] = []
            try await hostile.session(for: .evaluate) { worker in
                for lie in lies {
                    let answer = try await worker.report { work in
                        var figures = try Figures(of: weights, for: work)
                        lie(&figures)
                        return figures
                    }
                    refusals.append(answer)
                }
            }
            let words = [
                "the mean of its query_values is", "numbers that labels can have",
                "numbers that labels can have", "a query in which first_sample is more than",
            ]
            for (refusal, words) in zip(refusals, words) {
                #expect(refusal.contains(words), "\(refusals)")
            }
            #expect(try await installation.sql("select count(*) from ls.evaluation") == "0")
            #expect(try await installation.sql("select count(*) from ls.promotion_status") == "0")
        }
    }

    @Test func `a first sample that another worker denies is measured again, and its liar found`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.registerDemo(["number_theory"])
            let hostile = try await HostileWorker.join(installation)
            let weights = try await installation.addVersion(seed: 1)
            // Nobody said otherwise yet: in all it is right, in two queries it is not.
            try await hostile.session(for: .evaluate) { worker in
                let answer = try await worker.report { work in
                    var figures = try Figures(of: weights, for: work)
                    try figures.swapFirstSamples()
                    return figures
                }
                #expect(answer == "counted")
            }
            try await installation.join("honest")
            _ = try await installation.addVersion(seed: 2)
            try await eventually(within: 120, "a coordinator measured both again") {
                try await installation.sql(
                    """
                    select string_agg(distinct worker || ' ' || verdict, ', ' order by worker || \
                    ' ' || verdict) from ls.evaluation_check_status where verdict is not null
                    """
                ) == "honest confirmed, hostile refuted"
            }
            #expect(
                try await installation.sql(
                    "select string_agg(name || state, ' ' order by name) from ls.worker_status")
                    == "honestconnected hostilequarantined")
            let known = try await installation.sql(
                "select array_to_json(first_sample_values) from ls.baseline")
            let truth = try Figures(of: weights, EvaluationConfiguration.preset).firstSample
            let values = try #require(
                JSONSerialization.jsonObject(with: Data(known.utf8)) as? [Double])
            #expect(zip(values, truth).allSatisfy { abs($0 - $1) < 1e-6 })
            #expect(values.count == truth.count)
            #expect(try await installation.sql("select count(*) from ls.broken_rules(true)") == "0")
        }
    }
}

/// What an honest worker would report of number theory, to be made untrue.
struct Figures {
    var json: [String: Any]

    init(of weights: RankerWeights, for work: EvaluateWork) throws {
        try self.init(of: weights, EvaluationConfiguration(json: work.evaluationConfiguration))
    }

    init(of weights: RankerWeights, _ configuration: EvaluationConfiguration) throws {
        let set = try FeatureSet(contentsOf: Programs.demo("number_theory", "test"))
        let report = try evaluate(weights, on: set, configuration)
        json = try #require(
            JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any])
    }

    var queryValues: [Double] {
        get { json["query_values"] as? [Double] ?? [] }
        set { json["query_values"] = newValue }
    }

    private var methods: [String: Any] {
        get { json["method_query_values"] as? [String: Any] ?? [:] }
        set { json["method_query_values"] = newValue }
    }

    var firstSample: [Double] {
        get { methods["first_sample"] as? [Double] ?? [] }
        set { methods["first_sample"] = newValue }
    }

    /// The ranker picks the best there is, each time.
    mutating func claimTheOracle() {
        json["accuracy"] = json["oracle"]
        queryValues = methods["oracle"] as? [Double] ?? []
    }

    /// Of two queries each has the other's, and neither more than the best there is.
    mutating func swapFirstSamples() throws {
        let oracle = methods["oracle"] as? [Double] ?? []
        let pairs = firstSample.indices.flatMap { one in firstSample.indices.map { (one, $0) } }
        let (one, other) = try #require(
            pairs.first { one, other in
                firstSample[one] < firstSample[other] && firstSample[other] <= oracle[one]
            })
        firstSample.swapAt(one, other)
    }
}

extension HostileWorker {
    /// - Returns: What the coordinator said to the figures made for the next lease.
    func report(_ make: @Sendable (EvaluateWork) throws -> Figures) async throws
        -> String
    {
        let lease = try await nextLease()
        guard case .evaluate(let work) = lease.work else {
            throw LanguageSystemError(.internal, "got \(lease.kind)")
        }
        let json = try JSONSerialization.data(withJSONObject: make(work).json)
        return try await report(String(decoding: json, as: UTF8.self), for: work, lease.token)
    }
}

extension Installation {
    /// Untrained weights, as an administrator adds them; their evaluation is asked for.
    fileprivate func addVersion(seed: UInt64) async throws -> RankerWeights {
        let shape = try RankerConfiguration(
            json: try await sql("select configuration from ls.ranker"))
        let weights = RankerWeights(fresh: shape, seed: seed)
        let file = home.appendingPathComponent("weights-\(seed).safetensors")
        try Data(weights.safetensors()).write(to: file)
        _ = try await sql(
            """
            select ls.add_version('math/number_theory.listwise', sha256(w), w)
            from pg_read_binary_file('\(file.path)') w
            """)
        return weights
    }
}
