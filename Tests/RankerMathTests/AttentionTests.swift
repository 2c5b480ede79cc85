// Attention and its gradient against plain loops in Double, for token counts on both sides of the
// kernel's 16 lanes and head widths that do not fill them.
import CKernels
import Foundation
import RankerMath
import Testing

@Suite struct `Attention inside a group` {
    @Test(arguments: [2, 11, 16, 17, 33], [(1, 1), (4, 4), (64, 4), (40, 2), (96, 3)])
    func `attention agrees with loops in Double, forward and backward`(
        tokens: Int, shape: (width: Int, heads: Int)
    ) {
        let (width, heads) = shape
        let length = (tokens + 15) / 16 * 16
        var generator = Generator(seed: UInt64(tokens * width))
        func numbers(_ count: Int) -> [Float] {
            (0..<count).map { _ in 4 * generator.unitFloat() - 2 }
        }
        let (qkv, dy) = (numbers(tokens * 3 * width), numbers(tokens * width))
        var probabilities = [Float](repeating: .nan, count: heads * tokens * length)
        var scratch = [Float](repeating: .nan, count: length * (width + tokens))
        var y = [Float](repeating: .nan, count: tokens * width)
        var dqkv = [Float](repeating: .nan, count: qkv.count)
        ls_attention(qkv, &probabilities, &y, &scratch, tokens, width, heads)
        ls_attention_backward(qkv, probabilities, dy, &dqkv, &scratch, tokens, width, heads)
        let expected = AttentionInDouble(qkv, dy, tokens, width, heads)
        #expect(zip(y, expected.y).allSatisfy { abs(Double($0) - $1) < 2e-6 })
        let scale = expected.dqkv.map(abs).max() ?? 1
        #expect(zip(dqkv, expected.dqkv).allSatisfy { abs(Double($0) - $1) < 3e-6 * max(1, scale) })
    }

    @Test func `attention survives dots so far apart that all but one probability vanish`() {
        let qkv: [Float] = [100, 100, 1, -100, -100, 2]
        var probabilities = [Float](repeating: .nan, count: 2 * 16)
        var scratch = [Float](repeating: 0, count: 16 * 3)
        var y: [Float] = [.nan, .nan]
        ls_attention(qkv, &probabilities, &y, &scratch, 2, 1, 1)
        #expect(y == [1, 2])
        #expect(probabilities[2..<16].allSatisfy { $0 == 0 })
    }
}

/// y = softmax(q k' / sqrt(width / heads)) v, and the gradient by the chain rule.
private struct AttentionInDouble {
    var y: [Double]
    var dqkv: [Double]

    init(_ qkv: [Float], _ dy: [Float], _ tokens: Int, _ width: Int, _ heads: Int) {
        let size = width / heads
        let scale = 1 / Double(size).squareRoot()
        func at(_ part: Int, _ token: Int, _ column: Int) -> Int {
            token * 3 * width + part * width + column
        }
        y = Array(repeating: 0, count: tokens * width)
        dqkv = Array(repeating: 0, count: qkv.count)
        for head in 0..<heads {
            let columns = head * size..<(head + 1) * size
            for i in 0..<tokens {
                let dots = (0..<tokens).map { j in
                    columns.reduce(0.0) {
                        $0 + Double(qkv[at(0, i, $1)]) * Double(qkv[at(1, j, $1)])
                    } * scale
                }
                let top = dots.max()!
                let powers = dots.map { exp($0 - top) }
                let p = powers.map { $0 / powers.reduce(0, +) }
                let dp = (0..<tokens).map { j in
                    columns.reduce(0.0) {
                        $0 + Double(dy[i * width + $1]) * Double(qkv[at(2, j, $1)])
                    }
                }
                let along = zip(p, dp).reduce(0) { $0 + $1.0 * $1.1 }
                for j in 0..<tokens {
                    let ds = p[j] * (dp[j] - along) * scale
                    for c in columns {
                        y[i * width + c] += p[j] * Double(qkv[at(2, j, c)])
                        dqkv[at(0, i, c)] += ds * Double(qkv[at(1, j, c)])
                        dqkv[at(1, j, c)] += ds * Double(qkv[at(0, i, c)])
                        dqkv[at(2, j, c)] += p[j] * Double(dy[i * width + c])
                    }
                }
            }
        }
    }
}
