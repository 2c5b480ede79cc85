// Scoring as serving uses it: many groups at once, another precision, no allocation.
import CountedAllocations
import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite struct `Scoring groups` {
    static func features(groups: Int, candidates: Int, size: Int) -> [Float16] {
        var generator = Generator(seed: 5)
        return (0..<groups * (candidates + 1) * size).map { _ in
            Float16(2 * generator.unitFloat() - 1)
        }
    }

    @Test(arguments: RankerKind.allCases, [(1, 3), (5, 10), (40, 10), (2, 400)])
    func `many groups at once get the scores that each alone gets`(
        kind: RankerKind, shape: (groups: Int, candidates: Int)
    ) throws {
        let size = 96
        for instruction in RankerConfiguration.Instruction.allCases {
            let configuration = try RankerConfiguration(
                kind: kind, hiddenSize: size, instruction: instruction)
            let scorer = RankerScorer(RankerWeights(fresh: configuration, seed: 1))
            let features = Self.features(
                groups: shape.groups, candidates: shape.candidates, size: size)
            var all = [Float](repeating: .nan, count: shape.groups * shape.candidates)
            try features.withUnsafeBytes { bytes in
                try all.withUnsafeMutableBufferPointer {
                    try scorer.score(
                        features: bytes, dtype: .float16, candidateCount: shape.candidates,
                        groupCount: shape.groups, into: $0)
                }
                let groupByteCount = bytes.count / shape.groups
                for group in 0..<shape.groups {
                    let part = UnsafeRawBufferPointer(
                        rebasing: bytes[group * groupByteCount..<(group + 1) * groupByteCount])
                    let alone = try scorer.score(
                        features: part, dtype: .float16, candidateCount: shape.candidates)
                    let first = group * shape.candidates
                    for (index, score) in alone.enumerated() {
                        #expect(abs(score - all[first + index]) < 1e-6)
                    }
                }
            }
        }
    }

    @Test(arguments: RankerKind.allCases)
    func `scores in bfloat16 stay within 0.02 of float32`(kind: RankerKind) throws {
        let weights = RankerWeights(fresh: .preset(kind: kind, hiddenSize: 1_001), seed: 1)
        let features = Self.features(groups: 1, candidates: 10, size: 1_001)
        let scores = try Precision.allCases.map { precision in
            try features.withUnsafeBytes {
                try RankerScorer(weights, precision: precision).score(
                    features: $0, dtype: .float16, candidateCount: 10)
            }
        }
        #expect(zip(scores[0], scores[1]).allSatisfy { abs($0 - $1) < 0.02 })
        // On a processor with the instructions the two are computed differently.
        #expect((scores[0] != scores[1]) == (Precision.bfloat16.available == .bfloat16))
    }

    @Test(arguments: RankerKind.allCases, Precision.allCases)
    func `scoring allocates nothing after the first call`(kind: RankerKind, precision: Precision)
        throws
    {
        let size = 256
        let scorer = RankerScorer(
            RankerWeights(fresh: .preset(kind: kind, hiddenSize: size), seed: 1),
            precision: precision)
        let features = Self.features(groups: 3, candidates: 10, size: size)
        var scores = [Float](repeating: 0, count: 30)
        func score(_ groupCount: Int) throws {
            try features.withUnsafeBytes { bytes in
                try scores.withUnsafeMutableBufferPointer {
                    try scorer.score(
                        features: UnsafeRawBufferPointer(
                            rebasing: bytes[..<(bytes.count / 3 * groupCount)]),
                        dtype: .float16, candidateCount: 10, groupCount: groupCount, into: $0)
                }
            }
        }
        // Other tests score rankers of this shape, too: they may have borrowed what was warm.
        var counts: [UInt] = []
        for _ in 0..<20 {
            try score(3)
            let before = ls_allocation_count()
            try score(1)
            try score(3)
            counts.append(ls_allocation_count() - before)
        }
        if ls_allocations_are_counted() {
            #expect(counts.contains(0), "allocations of each try: \(counts)")
            let before = ls_allocation_count()
            _ = Array(repeating: scores[0], count: Int(before % 7) + 100)
            #expect(ls_allocation_count() > before)
        }
    }
}
