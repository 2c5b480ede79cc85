// Scores a request that was served once more: the weights by the digest its answer named, the
// features as they came.
import ArgumentParser
import Foundation
import LanguageSystem
import Ledger
import RankerMath
import Rankers

struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Score a request again that was served before, and compare the scores.",
        discussion: """
            Decisions are kept for a sample of requests (serve --decision-share), and for every \
            request that is sent with the header 'x-ls-keep: true', within the limits of \
            --decisions-per-second and ls.task_retention. On the same kind of processor the \
            scores are the same to the bit; otherwise the command says how much they differ.

            Examples:
              lscoord replay 8f1c0d…                    the id of the answer, or its header \
            x-request-id
              lscoord replay 17 --key app               when several keys used the id
              lscoord psql -c 'select request_id, key, ranker, rule from ls.decision_log limit 5'
            """)

    @Argument(help: "The request's id.") var request: String
    @Option(help: "Name of the request's API key; ids are unique within a key.")
    var key: String?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await Settings.resolve(common)
        let (request, key) = (request, key)
        let scored = try await Database.withLedger(settings) { ledger in
            var scored: [(KeptDecision, [Float]?)] = []
            for decision in try await ledger.decisions(of: request, by: key) {
                scored.append((decision, try await Self.scores(of: decision, ledger)))
            }
            return scored
        }
        for (decision, scores) in scored { show(decision, scores) }
        // The exit status says what the table says: a script need not read it.
        guard scored.allSatisfy({ Self.difference($0, $1) ?? 0 <= Self.differenceMax }) else {
            throw ExitCode(1)
        }
    }

    /// Another processor's sums come in another order.
    private static let differenceMax: Float = 1e-2

    /// - Returns: Nil when the weights are on a worker.
    private static func scores(of decision: KeptDecision, _ ledger: LedgerStore) async throws
        -> [Float]?
    {
        guard decision.isCentral else { return nil }
        guard let precision = Precision(rawValue: decision.arithmetic),
            let dtype = FeatureType(rawValue: decision.dtype)
        else { throw LanguageSystemError.strangeDecision(decision.requestID) }
        let scorer = try await ledger.readWeights(decision.digest) {
            bytes throws(LanguageSystemError) in
            try RankerScorer(safetensors: bytes, precision: precision)
        }
        let result = decision.features.withUnsafeBytes { bytes in
            Result<[Float], LanguageSystemError> { () throws(LanguageSystemError) in
                try scorer.score(
                    features: bytes, dtype: dtype, candidateCount: decision.candidateCount)
            }
        }
        return try result.get()
    }

    private static func difference(_ decision: KeptDecision, _ scores: [Float]?) -> Float? {
        scores.map { zip($0, decision.scores).map { abs($0 - $1) }.max() ?? 0 }
    }

    private func show(_ decision: KeptDecision, _ scores: [Float]?) {
        let rule = decision.rule.map { ", rule \($0)" } ?? ""
        print(
            """
            \(decision.role == .serve ? "served" : "shadow") by \
            \(decision.rankerName)@\(decision.versionNumber) (\(decision.reason.rawValue)\(rule)) \
            on \(decision.worker.map { "worker \($0)" } ?? "the coordinator"), \
            \(decision.servedAt.formatted(.iso8601))
              asked for \(decision.model), user \(decision.user ?? "-"), domain \
            \(decision.domain?.description ?? "-"); weights \(decision.digest.short), \
            \(decision.arithmetic)
            """)
        guard let scores, let difference = Self.difference(decision, scores) else {
            print("  its weights are on a worker: they cannot be scored here")
            return
        }
        var table = TextTable(["candidate", "then", "now"], rightAligned: [0, 1, 2])
        for index in decision.scores.indices {
            table.add([
                "\(index)", String(format: "%.6f", decision.scores[index]),
                String(format: "%.6f", scores[index]),
            ])
        }
        print(table.text)
        print(
            difference == 0
                ? "the same scores" : String(format: "largest difference %.2g", difference))
    }
}

extension LanguageSystemError {
    static func strangeDecision(_ request: String) -> Self {
        Self(
            .internal,
            "cannot replay \(request): it was scored in a type this program does not know",
            hint: "are lscoord and its database of the same version?")
    }
}
