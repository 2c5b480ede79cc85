// Scores a request that was served once more: the weights by the digest its answer named, the
// features as they came.
import ArgumentParser
import Coordination
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
            scores are the same to the bit; otherwise the command says how much they differ. \
            Where the request had signals or asked for a vote, it also shows the order that they \
            make.

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
            var scored: [(KeptDecision, Again?)] = []
            for decision in try await ledger.decisions(of: request, by: key) {
                scored.append((decision, try await Again(decision, ledger)))
            }
            return scored
        }
        for (decision, again) in scored { show(decision, again) }
        // The exit status says what the table says: a script need not read it.
        guard scored.allSatisfy({ Self.difference($0, $1) ?? 0 <= Self.differenceMax }) else {
            throw ExitCode(1)
        }
    }

    /// Another processor's sums come in another order.
    private static let differenceMax: Float = 1e-2

    /// What a request's weights say of it now.
    private struct Again {
        let scores: [Float]
        let combined: CombinedScores?
        let ranking: [RerankReply.RankedCandidate]

        /// Nil when the weights are on a worker.
        init?(_ decision: KeptDecision, _ ledger: LedgerStore) async throws {
            guard decision.isCentral else { return nil }
            guard let precision = Precision(rawValue: decision.arithmetic),
                let dtype = FeatureType(rawValue: decision.dtype),
                let aggregate = Aggregate(rawValue: decision.aggregate)
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
            scores = try result.get()
            combined = try scorer.combined(scores, decision.signals)
            ranking = RerankReply.ranking(
                scores, combined, isCosine: scorer.configuration.similarity == .cosine,
                by: aggregate, answers: decision.signals?.answers)
        }
    }

    private static func difference(_ decision: KeptDecision, _ again: Again?) -> Float? {
        again.map { zip($0.scores, decision.scores).map { abs($0 - $1) }.max() ?? 0 }
    }

    private func show(_ decision: KeptDecision, _ again: Again?) {
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
        guard let again, let difference = Self.difference(decision, again) else {
            print("  its weights are on a worker: they cannot be scored here")
            return
        }
        var table = TextTable(["candidate", "then", "now"], rightAligned: [0, 1, 2])
        for index in decision.scores.indices {
            table.add([
                "\(index)", String(format: "%.6f", decision.scores[index]),
                String(format: "%.6f", again.scores[index]),
            ])
        }
        print(table.text)
        if decision.signals != nil {
            let used = again.combined?.signals.joined(separator: ", ")
            print("ordered by \(decision.aggregate), the scores and \(used ?? "no signals"):")
            var order = TextTable(["candidate", "score", "relevance"], rightAligned: [0, 1, 2])
            for place in again.ranking {
                order.add([
                    "\(place.candidateIndex)", String(format: "%.6f", place.score),
                    String(format: "%.6f", place.relevance),
                ])
            }
            print(order.text)
        }
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
