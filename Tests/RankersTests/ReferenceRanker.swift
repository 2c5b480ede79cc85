// A ranker and its losses in Double, written from the equations alone: plain loops over one group,
// nothing shared with the kernels. Slow on purpose; what it says is what gradients are held to.
import Foundation
import LanguageSystem
import RankerMath
import Rankers

struct ReferenceRanker {
    let configuration: RankerConfiguration
    /// By the names of the weights' file; matrices are [out, in].
    var tensors: [String: [Double]] = [:]

    init(_ weights: RankerWeights) {
        configuration = weights.configuration
        var names = [
            "projection.weight", "projection.bias", "instruction.vector", "similarity.scale",
            "similarity.bias",
        ]
        for block in 0..<configuration.blocks {
            for part in ["norm1", "attention.qkv", "attention.out", "norm2", "mlp.fc1", "mlp.fc2"] {
                names += ["block.\(block).\(part).weight", "block.\(block).\(part).bias"]
            }
        }
        for name in names { tensors[name] = weights[name: name]?.map(Double.init) }
    }

    /// s [K] of the responses [K][D]. (eq. 1 to 4)
    func scores(instruction: [Double], responses: [[Double]]) -> [Double] {
        var tokens = ([instruction] + responses).map { feature in
            configuration.projectionWidth == nil ? feature : dense("projection", feature)
        }
        if configuration.instruction == .learned { tokens[0] = tensors["instruction.vector"]! }
        for block in 0..<configuration.blocks {
            tokens =
                configuration.kind == .listwise
                ? transformer("block.\(block)", tokens)
                : tokens.map { token in
                    let out = mlp("block.\(block)", token)
                    return configuration.residual ? sum(token, out) : out
                }
        }
        let scale = tensors["similarity.scale"]?[0] ?? 1
        let bias = tensors["similarity.bias"]?[0] ?? 0
        return tokens.dropFirst().map { scale * cosine(tokens[0], $0) + bias }
    }

    /// x += Attn(LN1 x); x += MLP(LN2 x)
    private func transformer(_ name: String, _ x: [[Double]]) -> [[Double]] {
        let attended = attention(name, x.map { norm("\(name).norm1", $0) })
        let middle = zip(x, attended).map(sum)
        return middle.map { sum($0, mlp(name, norm("\(name).norm2", $0))) }
    }

    /// Every token sees every token; scale 1/sqrt(d/h).
    private func attention(_ name: String, _ x: [[Double]]) -> [[Double]] {
        let (d, heads) = (configuration.width, configuration.heads)
        let size = d / heads
        let qkv = x.map { dense("\(name).attention.qkv", $0) }
        return x.indices.map { i in
            var joined = [Double](repeating: 0, count: d)
            for head in 0..<heads {
                let start = head * size
                let logits = x.indices.map { j in
                    (0..<size).reduce(0.0) { total, c in
                        total + qkv[i][start + c] * qkv[j][d + start + c]
                    } / Double(size).squareRoot()
                }
                let parts = logits.map { exp($0) }
                let total = parts.reduce(0, +)
                for j in x.indices {
                    for c in 0..<size {
                        joined[start + c] += parts[j] / total * qkv[j][2 * d + start + c]
                    }
                }
            }
            return dense("\(name).attention.out", joined)
        }
    }

    private func mlp(_ name: String, _ x: [Double]) -> [Double] {
        let hidden = dense("\(name).mlp.fc1", x).map { value in
            configuration.activation == .relu
                ? max(0, value) : value * 0.5 * (1 + erf(value / 2.0.squareRoot()))
        }
        return dense("\(name).mlp.fc2", hidden)
    }

    private func dense(_ name: String, _ x: [Double]) -> [Double] {
        let weight = tensors["\(name).weight"]!
        return tensors["\(name).bias"]!.enumerated().map { row, bias in
            var total = bias
            for column in x.indices { total += weight[row * x.count + column] * x[column] }
            return total
        }
    }

    private func norm(_ name: String, _ x: [Double]) -> [Double] {
        let mean = x.reduce(0, +) / Double(x.count)
        let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
        let (weight, bias) = (tensors["\(name).weight"]!, tensors["\(name).bias"]!)
        return x.indices.map {
            (x[$0] - mean) / (variance + 1e-5).squareRoot() * weight[$0] + bias[$0]
        }
    }

    private func sum(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 + $1 } }

    private func cosine(_ a: [Double], _ b: [Double]) -> Double {
        func dot(_ x: [Double], _ y: [Double]) -> Double {
            zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
        }
        return dot(a, b)
            / (max(1e-8, dot(a, a).squareRoot()) * max(1e-8, dot(b, b).squareRoot()))
    }
}

/// The loss of one group, eq. 5 to 10 and the pairwise preference, as they are printed.
func referenceLoss(_ loss: Loss, _ s: [Double], _ y: [Double], temperature tau: Double) -> Double {
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let count = Double(s.count)
    switch loss {
    case .listKL:
        let total = s.reduce(0) { $0 + exp(tau * $1) }
        let labelSum = y.reduce(0, +)
        return zip(s, y).reduce(0) { sum, pair in
            let (p, q) = (pair.1 / labelSum, exp(tau * pair.0) / total)
            return p > 0 ? sum + p * log(p / q) : sum
        }
    case .listMSE, .pointMSE:
        return zip(s, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / count
    case .pointBCE:
        return zip(s, y).reduce(0) { sum, pair in
            let p = sigmoid(tau * pair.0)
            return sum - pair.1 * log(p) - (1 - pair.1) * log(1 - p)
        } / count
    case .pairPreference:
        var terms: [Double] = []
        for i in s.indices {
            for j in s.indices where y[i] > y[j] {
                terms.append(-log(sigmoid(tau * (s[i] - s[j]))))
            }
        }
        return terms.isEmpty ? 0 : terms.reduce(0, +) / Double(terms.count)
    }
}
