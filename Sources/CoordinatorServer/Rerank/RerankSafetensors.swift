// A rerank as a safetensors body: the features as they lie in memory, nothing to decode. What JSON
// says beside them is in the query string.
import Coordination
import Foundation
import Hummingbird
import LanguageSystem
import Ledger
import RankerMath
import Rankers

enum RerankSafetensors {
    private static let parameters: Set<String> = [
        "model", "user", "domain", "top_n", "raw_scores", "fallbacks", "aggregate",
    ]

    /// - Throws: `invalidArgument` for a parameter that is wrong; `invalidFeatures` for tensors
    ///   that are.
    static func call(_ bytes: [UInt8], _ query: QueryString)
        throws(LanguageSystemError) -> RerankCall
    {
        for name in query.names where !parameters.contains(name) {
            throw .malformedRerank(
                "found the unknown parameter '\(name.printable(40))'", field: name)
        }
        guard let model = query["model"] else {
            throw .malformedRerank("'model' is missing", field: "model")
        }
        var topN: Int?
        if let text = query["top_n"] {
            guard let number = Int(text) else {
                throw .malformedRerank(
                    "top_n is '\(text.printable(40))', "
                        + "expected a whole number from \(Int.min) to \(Int.max)",
                    field: "top_n")
            }
            topN = number
        }
        let domain = try RerankCall.domain(query["domain"])
        let fallbacks: [String] = (query["fallbacks"] ?? "").split(separator: ",").map {
            String($0)
        }
        var (features, fields) = try parts(bytes)
        fields.aggregate = query["aggregate"]
        let (signals, aggregate) = try fields.checked(candidateCount: features.candidateCount)
        let request = RerankRequest(
            model: model, fallbacks: try RerankCall.fallbacks(fallbacks),
            user: query["user"], domain: domain, features: features.rows,
            dtype: features.dtype, candidateCount: features.candidateCount,
            hiddenSize: features.hiddenSize, contract: features.contract, signals: signals,
            aggregate: aggregate)
        return RerankCall(
            request: request,
            presentation: try RerankPresentation(
                topN: topN, givesRawScores: try flag("raw_scores", query["raw_scores"]),
                documents: nil))
    }

    private static func flag(_ name: String, _ text: String?) throws(LanguageSystemError) -> Bool {
        switch text {
        case nil, "false": return false
        case "true": return true
        case let text?:
            throw .malformedRerank(
                "\(name) is '\(text.printable(40))', expected true or false", field: name)
        }
    }

    private struct Features {
        let rows: ArraySlice<UInt8>
        let dtype: FeatureType
        let candidateCount: Int
        let hiddenSize: Int
        let contract: FeatureContract
    }

    private static func parts(
        _ bytes: [UInt8]
    ) throws(LanguageSystemError) -> (Features, SignalFields) {
        let read = bytes.withUnsafeBytes { bytes in
            Result<SafetensorsFile, LanguageSystemError> { () throws(LanguageSystemError) in
                try SafetensorsFile(parsing: bytes, name: "the request", code: .invalidArgument)
            }
        }
        let file = try read.get()
        for name in file.tensors.keys.sorted()
        where name != "instruction" && name != "responses" && !SignalFields.isSignal(name) {
            throw .malformedRerank("found the unknown tensor '\(name.printable(40))'")
        }
        return (try features(file, bytes), try SignalFields(file, bytes))
    }

    private static func features(
        _ file: SafetensorsFile, _ bytes: [UInt8]
    ) throws(LanguageSystemError) -> Features {
        guard let instruction = file.tensors["instruction"],
            let responses = file.tensors["responses"]
        else {
            throw .malformedRerank("expected the tensors 'instruction' [D] and 'responses' [K, D]")
        }
        guard let dtype = FeatureType(rawValue: responses.dtype.rawValue),
            instruction.dtype == responses.dtype
        else {
            throw .malformedRerank(
                """
                instruction is \(instruction.dtype.rawValue) and responses \
                \(responses.dtype.rawValue), expected F16, BF16 or F32 for both
                """
            )
        }
        guard responses.shape.count == 2,
            instruction.shape == [responses.shape[1]]
                || instruction.shape == [1, responses.shape[1]]
        else {
            throw .malformedRerank(
                """
                instruction is \(instruction.shape) and responses \(responses.shape), expected [D] \
                and [K, D]
                """
            )
        }
        let (count, width) = (responses.shape[0], responses.shape[1])
        try RerankCall.checkShape(count + 1, width, of: "the features' shape")
        // Where they lie, when they lie one behind the other and as their type wants; else a copy.
        let first = instruction.byteRange.lowerBound
        let isInPlace =
            instruction.byteRange.upperBound == responses.byteRange.lowerBound
            && bytes.withUnsafeBytes {
                UInt(bitPattern: $0.baseAddress) % UInt(dtype.byteCount) == 0
            } && first % dtype.byteCount == 0
        return Features(
            rows: isInPlace
                ? bytes[first..<responses.byteRange.upperBound]
                : (bytes[instruction.byteRange] + bytes[responses.byteRange])[...],
            dtype: dtype, candidateCount: count, hiddenSize: width,
            contract: try contract(file.metadata))
    }

    private static func contract(_ metadata: [String: String]) throws(LanguageSystemError)
        -> FeatureContract
    {
        func number<Value: LosslessStringConvertible>(_ name: String) throws(LanguageSystemError)
            -> Value?
        {
            guard let text = metadata[name] else { return nil }
            guard let value = Value(text) else {
                throw .malformedRerank(
                    "metadata '\(name)' is '\(text.printable(40))', expected a number", field: name)
            }
            return value
        }
        return try RerankCall.checked(
            FeatureContract(
                revision: metadata["revision"], layer: try number("layer"),
                layerFraction: try number("layer_fraction"), norm: metadata["norm"],
                pooling: metadata["pooling"], dtype: metadata["dtype"],
                templateDigest: metadata["template_digest"]))
    }
}
