import CKernels
import Foundation
import RankerMath
import Testing

@Suite struct `Kernels` {
    @Test(arguments: [0, 1, 7, 15])
    func `every float16 is widened exactly, at any alignment to the vector`(start: Int) {
        let source = (0...UInt16.max).map(\.self)
        var target = [Float](repeating: 0, count: source.count)
        source.withUnsafeBufferPointer {
            ls_widen_f16($0.baseAddress! + start, &target, source.count - start)
        }
        for index in start..<source.count {
            let expected = Float(Float16(bitPattern: source[index]))
            let found = target[index - start]
            #expect(found == expected || (found.isNaN && expected.isNaN))
        }
    }

    @Test func `numbers that are not finite are found wherever they stand`() {
        var half = [UInt16](repeating: 0x7bff, count: 100)
        var single = [Float](repeating: .greatestFiniteMagnitude, count: 100)
        #expect(ls_finite_f16(half, 100) && ls_finite_f32(single, 100))
        for index in half.indices {
            half[index] = index % 2 == 0 ? 0x7c00 : 0xfe00
            single[index] = index % 2 == 0 ? -.infinity : .nan
            #expect(!ls_finite_f16(half, 100) && !ls_finite_f32(single, 100))
            half[index] = 0
            single[index] = 0
        }
        #expect(ls_finite_bf16([0x7f7f], 1) && !ls_finite_bf16([0x7f80], 1))
    }

    @Test func `GELU and its slope are good to 3e-7 of the library's erf`() {
        let x = stride(from: Float(-12), through: 12, by: 0x1p-8).map(\.self)
        var y = x
        var slope = [Float](repeating: 1, count: x.count)
        ls_gelu(x, &y, x.count)
        ls_gelu_backward(x, &slope, x.count)
        for (index, value) in x.map(Double.init).enumerated() {
            let distribution = 0.5 * (1 + erf(value / 2.0.squareRoot()))
            let density = exp(-value * value / 2) / (2 * Double.pi).squareRoot()
            let scale = max(1, abs(value))
            #expect(abs(Double(y[index]) - value * distribution) < 3e-7 * scale)
            #expect(abs(Double(slope[index]) - distribution - value * density) < 3e-7 * scale)
        }
    }

    @Test func `a product by hand, plain and transposed, added and overwritten`() {
        let a: [Float] = [1, 2, 3, 4, 5, 6]
        let b: [Float] = [1, 0, 0, 1, 1, 1]
        var c: [Float] = [10, 10, 10, 10]
        multiply(a, lda: 3, b, ldb: 2, into: &c, ldc: 2, accumulate: false, m: 2, n: 2, k: 3)
        #expect(c == [4, 5, 10, 11])
        libraryMultiply(
            a, lda: 3, b, ldb: 3, transposeB: true, into: &c, ldc: 2, accumulate: true, m: 2, n: 2,
            k: 3)
        // A times B' is 1 6 / 4 15, added to what was there.
        let sums: [Float] = [5, 11, 14, 26]
        #expect(c == sums)
        var d: [Float] = [0, 0, 0, 0, 0, 0, 0, 0, 0]
        multiply(
            a, lda: 3, transposeA: true, a, ldb: 3, into: &d, ldc: 3, accumulate: false, m: 3, n: 3,
            k: 2)
        #expect(d == [17, 22, 27, 22, 29, 36, 27, 36, 45])
    }
}

@Suite struct `Generator numbers` {
    @Test func `are the same for ever`() {
        var generator = Generator(seed: 1)
        let first = (0..<3).map { _ in generator.next() }
        #expect(first == [17154914556750032435, 15481925071032317162, 3049712571244418729])
    }

    @Test func `streams differ, and a choice has no number twice`() {
        var (a, b) = (Generator(seed: 1, stream: 1), Generator(seed: 1, stream: 2))
        #expect(a.next() != b.next())
        for _ in 0..<1_000 {
            let chosen = a.choose(7, of: 9)
            #expect(Set(chosen).count == 7 && chosen.allSatisfy { (0..<9).contains($0) })
        }
    }

    @Test func `below is uniform to within chance`() {
        var generator = Generator(seed: 3)
        var counts = [Int](repeating: 0, count: 10)
        for _ in 0..<100_000 { counts[generator.below(10)] += 1 }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
    }
}

@Suite struct `Thread team` {
    @Test(arguments: [1, 2, 5])
    func `every share is done once, and shares cover the whole`(count: Int) {
        let team = ThreadTeam(count: count)
        for total in [0, 1, 7, 1_000] {
            var done = [Int](repeating: 0, count: total)
            done.withUnsafeMutableBufferPointer { buffer in
                let shared = Shared(buffer: buffer)
                for _ in 0..<20 {
                    team.run { thread in
                        for i in team.share(of: total, for: thread, step: 3) {
                            shared.buffer[i] += 1
                        }
                    }
                }
            }
            #expect(done.allSatisfy { $0 == 20 })
        }
    }

    private struct Shared: @unchecked Sendable { let buffer: UnsafeMutableBufferPointer<Int> }
}

@Suite struct `Optimisers` {
    @Test func `SGD with momentum, two steps by hand`() {
        let optimiser = Optimiser(.sgd(momentum: 0.5), weightDecay: 0, parameterCount: 1)
        var w: [Float] = [1]
        optimiser.step(&w, [2], count: 1, rate: 0.25)
        #expect(w == [0.5])
        optimiser.step(&w, [2], count: 1, rate: 0.25)
        #expect(w == [-0.25])
    }

    @Test func `the first AdamW step has the size of the rate, whatever the gradient`() {
        for gradient: Float in [1e-3, 1, -1e3] {
            let optimiser = Optimiser(
                .adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), weightDecay: 0, parameterCount: 1)
            var w: [Float] = [0]
            optimiser.step(&w, [gradient], count: 1, rate: 0.01)
            #expect(abs(abs(w[0]) - 0.01) < 1e-6 && w[0].sign != gradient.sign)
        }
    }

    @Test func `the cosine schedule begins at the rate and falls to half in the middle`() {
        #expect(learningRate(2, cosine: true, step: 0, of: 10) == 2)
        #expect(abs(learningRate(2, cosine: true, step: 5, of: 10) - 1) < 1e-12)
        #expect(learningRate(2, cosine: false, step: 9, of: 10) == 2)
    }
}
