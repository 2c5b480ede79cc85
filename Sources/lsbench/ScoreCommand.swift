// `lsbench score`: one group, one thread, straight from float16, as a request would bring it.
import ArgumentParser
import LanguageSystem
import RankerMath
import Rankers

struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score", abstract: "Time the scoring of one group on one thread.")

    @Option(help: "listwise or pointwise.") var kind: RankerKind = .listwise
    @Option(help: "Numbers of one feature.") var hiddenSize = 4096
    @Option(help: "Candidates.") var candidates = 10
    @Option(help: "Calls.") var calls = 2_000

    func run() throws {
        let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: hiddenSize)
        let scorer = RankerScorer(RankerWeights(fresh: configuration, seed: 1))
        var generator = Generator(seed: 2)
        // Float16 bits of numbers of about +-1 to 2.
        let features = (0..<(candidates + 1) * hiddenSize).map { _ in
            UInt16(truncatingIfNeeded: generator.next()) & 0x83ff | 0x3c00
        }
        var scores = [Float](repeating: 0, count: candidates)
        var times: [Duration] = []
        let clock = ContinuousClock()
        for _ in 0..<calls {
            let start = clock.now
            try features.withUnsafeBytes { bytes in
                try scores.withUnsafeMutableBufferPointer { target in
                    try scorer.score(
                        features: bytes, dtype: .float16, candidateCount: candidates, into: target)
                }
            }
            times.append(clock.now - start)
        }
        times.sort()
        print(
            "\(kind) \(candidates + 1) x \(hiddenSize): median \(times[calls / 2]), "
                + "least \(times[0])")
    }
}
