import CKernels
import Foundation
import RankerMath
import Testing
import LanguageSystem

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

    @Test func `the greatest number is found wherever it stands, aligned or not`() {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 * 101, alignment: 64)
        defer { bytes.deallocate() }
        for shift in 0..<4 {
            for index in 0..<100 {
                bytes.initializeMemory(as: UInt8.self, repeating: 0)
                let single: Float = index % 2 == 0 ? -3e38 : .nan
                bytes.storeBytes(
                    of: single.bitPattern, toByteOffset: 4 * index + shift, as: UInt32.self)
                let start = UnsafeRawPointer(bytes.baseAddress!) + shift
                #expect(ls_greatest_32(start, 100) == single.bitPattern & 0x7fff_ffff)
                bytes.initializeMemory(as: UInt8.self, repeating: 0)
                let half: UInt16 = index % 2 == 0 ? 0xfbff : 0x7c00
                bytes.storeBytes(of: half, toByteOffset: 2 * index + shift, as: UInt16.self)
                #expect(ls_greatest_16(start, 100) == half & 0x7fff)
            }
        }
    }

    @Test(arguments: FeatureType.allCases)
    func `a bound is held to the last bit, and by what is not finite`(type: FeatureType) {
        func isWithin(_ bound: Float, _ bits: UInt32) -> Bool {
            type == .float32
                ? withUnsafeBytes(of: bits) { type.isWithin(bound, $0.baseAddress!, count: 1) }
                : withUnsafeBytes(of: UInt16(bits)) {
                    type.isWithin(bound, $0.baseAddress!, count: 1)
                }
        }
        let (bound, signBit): (Float, UInt32) =
            switch type {
            case .float16: (Float(Float16(1_000)), 0x8000)
            case .bfloat16: (Float(bitPattern: 0x5863_0000), 0x8000)
            case .float32: (1e15, 0x8000_0000)
            }
        let bits: UInt32 =
            switch type {
            case .float16: UInt32(Float16(1_000).bitPattern)
            case .bfloat16: 0x5863
            case .float32: bound.bitPattern
            }
        let infinity: UInt32 = type == .float32 ? 0x7f80_0000 : type == .bfloat16 ? 0x7f80 : 0x7c00
        for sign in [0, signBit] {
            #expect(isWithin(bound, bits | sign) && !isWithin(bound, (bits + 1) | sign))
            #expect(isWithin(bound, 1 | sign) && isWithin(bound, sign))
            for beyond in [infinity, infinity + 1] {
                #expect(!isWithin(bound, beyond | sign))
                #expect(!isWithin(.greatestFiniteMagnitude, beyond | sign))
            }
            #expect(isWithin(.greatestFiniteMagnitude, (infinity - 1) | sign))
        }
    }

    @Test func `a norm that overflows is infinite, also by its product alone`() {
        // Two tokens of width 4; squares of 1.3e19 and their sum are finite, the product of the
        // norms is not.
        let pairs: [([Float], [Float], isFinite: Bool)] = [
            ([1, 0, 0, 0], [1e18, 0, 0, 0], true), ([1, 0, 0, 0], [3e19, 0, 0, 0], false),
            ([1.84e19, 0, 0, 0], [1.84e19, 0, 0, 0], true),
            ([1.8446743e19, 0, 0, 0], [1.8446743e19, 1e10, 0, 0], true),
            ([3e19, 0, 0, 0], [1, 0, 0, 0], false), ([0, 0, 0, 0], [0, 0, 0, 0], true),
            ([1, .nan, 0, 0], [1, 0, 0, 0], false), ([1, 0, 0, 0], [1, .nan, 0, 0], false),
        ]
        for (one, other, isFinite) in pairs {
            let x = one + other
            var norms: [Float] = [0, 0]
            var cosine: Float = 0
            ls_cosine(x, &norms, &cosine, 2, 4)
            let found = norms.allSatisfy(\.isFinite) && cosine.isFinite
            #expect(found == isFinite, "\(one) \(other): \(norms) \(cosine)")
            if found { #expect(abs(cosine) <= 1.001) }
        }
        // Whatever the norms are: a cosine of 0 between equal directions is never given for one.
        for exponent in stride(from: Float(18), through: 19.3, by: 0.01) {
            let size = pow(10, exponent)
            let x: [Float] = [size, 0, 0, 0, size, 0, 0, 0]
            var norms: [Float] = [0, 0]
            var cosine: Float = 0
            ls_cosine(x, &norms, &cosine, 2, 4)
            #expect(!norms.allSatisfy(\.isFinite) || abs(cosine - 1) < 1e-5, "\(size)")
        }
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
    @Test func `a generator's numbers are the same for ever`() {
        var generator = Generator(seed: 1)
        let first = (0..<3).map { _ in generator.next() }
        #expect(first == [17154914556750032435, 15481925071032317162, 3049712571244418729])
    }

    @Test func `a generator's streams differ, and a choice has no number twice`() {
        var (a, b) = (Generator(seed: 1, stream: 1), Generator(seed: 1, stream: 2))
        #expect(a.next() != b.next())
        for _ in 0..<1_000 {
            let chosen = a.choose(7, of: 9)
            #expect(Set(chosen).count == 7 && chosen.allSatisfy { (0..<9).contains($0) })
        }
    }

    @Test func `numbers below a bound are uniform to within chance`() {
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
