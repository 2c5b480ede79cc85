// The loss of every step and a figure for each final tensor, in the peer's `--trace` format: two
// implementations that agree here do the same arithmetic.
internal import Foundation
internal import LanguageSystem
package import Rankers

package struct LossTrace: Codable, Sendable, Hashable {
    package let kind: String
    package let impl: String
    package let losses: [Double]
    /// The mean of the absolute values of each tensor.
    package let finalAbsMean: [String: Double]

    enum CodingKeys: String, CodingKey {
        case kind, impl, losses
        case finalAbsMean = "final_abs_mean"
    }

    package init(impl: String, losses: [Double], weights: RankerWeights) {
        kind = weights.configuration.kind.rawValue
        self.impl = impl
        self.losses = losses
        let pairs = weights.tensorNames.map { name in
            let values = weights[name: name] ?? []
            return (name, values.reduce(0) { $0 + abs(Double($1)) } / Double(max(1, values.count)))
        }
        finalAbsMean = Dictionary(uniqueKeysWithValues: pairs)
    }

    package var json: String { oneLine(self) }
}

/// The value as JSON on one line, with sorted keys in snake case.
package func oneLine(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    do {
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    } catch {
        preconditionFailure("a figure is always finite: \(error)")
    }
}

/// The value rounded to six significant digits; more are noise in a time.
package func figure(_ value: Double) -> Double {
    guard value != 0, value.isFinite else { return value }
    let scale = pow(10, 5 - floor(log10(abs(value))))
    return (value * scale).rounded() / scale
}
