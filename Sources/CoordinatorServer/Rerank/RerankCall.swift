// One rerank as it came in, whatever it came as: the request for Coordination, and how its caller
// wants the answer shown.
import Coordination
import Foundation
import LanguageSystem
import Ledger

struct RerankCall: Sendable {
    static let fallbackCountMax = 8
    static let hiddenSizeMax = Bounds.hiddenSizeMax

    let request: RerankRequest
    let presentation: RerankPresentation

    init(request: RerankRequest, presentation: RerankPresentation) {
        self.request = request
        self.presentation = presentation
    }

    /// - Parameter query: What stands behind the `?` of the path; a body of JSON says everything
    ///   itself.
    init(_ type: RerankMediaType, _ body: [UInt8], query: String) throws(LanguageSystemError) {
        switch type {
        case .json: self = try RerankBody.parse(Data(body)).call()
        case .safetensors: self = try RerankSafetensors.call(body, QueryString(query))
        }
    }

    static func checkShape(
        _ rowCount: Int, _ width: Int, of what: String, field: String = "features"
    ) throws(LanguageSystemError) {
        guard (3...RerankRequest.candidateCountMax + 1).contains(rowCount),
            (1...hiddenSizeMax).contains(width)
        else {
            throw .malformedRerank(
                "\(what) is [\(rowCount), \(width)], "
                    + "expected 3 to \(RerankRequest.candidateCountMax + 1) rows (the instruction, "
                    + "then 2 to \(RerankRequest.candidateCountMax) candidates) "
                    + "of 1 to \(hiddenSizeMax) numbers",
                field: field)
        }
    }

    static func fallbacks(_ names: [String]) throws(LanguageSystemError) -> [String] {
        guard names.count <= fallbackCountMax else {
            throw .malformedRerank(
                "found \(names.count) fallbacks, expected at most \(fallbackCountMax)",
                field: "fallbacks")
        }
        return names
    }

    static func domain(_ name: String?) throws(LanguageSystemError) -> DomainName? {
        guard let name else { return nil }
        do {
            return try DomainName(name)
        } catch {
            throw error.of(field: "domain")
        }
    }

    /// Refuses a fraction that is not finite. JSON has no such number; elsewhere it would be taken
    /// for a contract that is not the base model's.
    static func checked(_ contract: FeatureContract) throws(LanguageSystemError) -> FeatureContract
    {
        guard contract.layerFraction?.isFinite ?? true else {
            throw .malformedRerank(
                "layer_fraction is \(contract.layerFraction ?? .nan), expected a finite number",
                field: "layer_fraction")
        }
        return contract
    }
}

struct RerankPresentation: Sendable {
    /// How many candidates are shown; nil shows all.
    let topN: Int?
    let givesRawScores: Bool
    /// Texts that are given back with the candidates; nil where none were asked for, or sent.
    let documents: [String]?

    init(topN: Int?, givesRawScores: Bool, documents: [String]?) throws(LanguageSystemError) {
        if let topN, topN < 1 {
            throw .malformedRerank("top_n is \(topN), expected at least 1", field: "top_n")
        }
        self.topN = topN
        self.givesRawScores = givesRawScores
        self.documents = documents
    }
}
