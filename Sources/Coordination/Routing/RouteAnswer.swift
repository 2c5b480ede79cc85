// What a route question is answered with, and whether it is for this caller and these features.
import LanguageSystem
import Ledger

/// Everything that may answer a question, and what features must be for it. A class: each request
/// takes it out of the table, and one reference is quicker to copy than all that it holds.
final class RouteAnswer: Sendable {
    let plan: RoutePlan
    let baseModel: String
    let contract: ServingContract
    /// Whether the question named a ranker.
    let isNamed: Bool

    init(plan: RoutePlan, baseModel: String, contract: ServingContract, isNamed: Bool) {
        self.plan = plan
        self.baseModel = baseModel
        self.contract = contract
        self.isNamed = isNamed
    }
}

extension RouteAnswer {
    /// Whether a key may see this answer.
    func isPermitted(by scope: KeyScope) -> Bool {
        isNamed
            ? plan.entries.allSatisfy { scope.permits($0.route) }
            : scope.permits(baseModel: baseModel)
    }

    /// Compares a request's features with what the base model's rankers were trained on.
    ///
    /// - Throws: `contractMismatch` with both contracts.
    func check(_ request: RerankRequest) throws(LanguageSystemError) {
        guard request.hiddenSize == contract.hiddenSize else {
            throw .wrongWidth(
                baseModel, found: request.hiddenSize, expected: contract.hiddenSize)
        }
        let differences = request.contract.differences(from: contract.features)
        guard differences.isEmpty else { throw .wrongContract(baseModel, differences) }
    }
}

extension FeatureContract {
    /// The differences where both say something and not the same, in words.
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

extension LanguageSystemError {
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
}
