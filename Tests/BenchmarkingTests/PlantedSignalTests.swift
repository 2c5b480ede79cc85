import Benchmarking
import Foundation
import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite struct `Planted signal` {
    let files = try! TemporaryFiles()
    let signal = PlantedSignal(hiddenSize: 64, responseCount: 30, seed: 1, delta: 8)

    @Test func `the same seed gives the same file, another seed another`() throws {
        let digests = try [1, 1, 2].map { seed in
            try files.features("\(seed)", seed: seed).digest
        }
        #expect(digests[0] == digests[1] && digests[0] != digests[2])
    }

    @Test func `the file holds the queries, rounded to float16`() throws {
        let summary = try signal.write(
            to: files.path("f"), queryCount: 3, split: .test)
        let set = try FeatureSet(contentsOf: files.path("f"))
        #expect(set.queryCount == 3 && set.responseCount == 90 && set.hiddenSize == 64)
        #expect(set.metadata.split == .test && set.metadata.labelKind == .binary)
        #expect(set.offsets == [0, 30, 60, 90] && set.responseType == .float16)
        #expect(set.labels == (0..<3).flatMap { signal.query($0).labels })
        let mean = set.labels.reduce(0, +) / 90
        #expect(abs(summary.positiveShare - Double(mean)) < 1e-6)
        for (name, values) in [
            ("instruction", (0..<3).flatMap { signal.query($0).instruction }),
            ("responses", (0..<3).flatMap { signal.query($0).responses }),
        ] {
            let stored = try float16(name, of: set)
            #expect(stored == values.map { Float16($0) })
        }
    }

    @Test func `nothing is left beside the file, and nothing where it cannot be`() throws {
        _ = try files.features("f")
        let path = files.path("missing/f")
        let found = refusal {
            _ = try signal.write(to: path, queryCount: 1, split: .train)
        }
        #expect(found == "cannot write \(path): its directory is not there or not ours")
        let left = try FileManager.default.contentsOfDirectory(atPath: files.directory.path)
        #expect(left == ["f"])
    }

    @Test func `queries hold at least five of each label, and shares differ as Beta(1.5, 2) does`()
    {
        let shares = (0..<400).map { index in
            let labels = signal.query(index).labels
            let positives = labels.reduce(0, +)
            #expect((5...25).contains(positives) && labels.allSatisfy { $0 == 0 || $0 == 1 })
            return Double(positives) / 30
        }
        // Before the forced labels: mean 3/7, deviation 0.24. Ten of thirty are forced to one half.
        let mean = shares.reduce(0, +) / 400
        let variance = shares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 400
        #expect(abs(mean - (2.0 / 3 * 3 / 7 + 1.0 / 3 / 2)) < 0.03)
        #expect(abs(variance.squareRoot() - 0.175) < 0.03)
    }

    @Test func `labels stand apart along the planted direction, at twice delta, and nowhere else`()
    {
        let along = separation(signal.direction)
        #expect(abs(along.difference - 16) < 1.5)
        #expect(along.orderedShare > 0.9)
        // Any direction at right angles to it says nothing about labels.
        var other = [Float](repeating: 0, count: 64)
        other[0] = signal.direction[1]
        other[1] = -signal.direction[0]
        let length = (other[0] * other[0] + other[1] * other[1]).squareRoot()
        let across = separation(other.map { $0 / length })
        #expect(abs(across.difference) < 0.3)
        #expect(abs(across.orderedShare - 0.5) < 0.05)
    }

    @Test func `the direction has length one and is that of every seed`() {
        let other = PlantedSignal(hiddenSize: 64, responseCount: 2, seed: 9, delta: 1)
        #expect(signal.direction == other.direction)
        let length = signal.direction.reduce(0) { $0 + Double($1) * Double($1) }
        #expect(abs(length - 1) < 1e-5)
    }

    /// Difference of the label's means along a direction, and the share of pairs of one query whose
    /// positive lies further along.
    func separation(_ direction: [Float]) -> (difference: Double, orderedShare: Double) {
        var sums = [0.0, 0.0]
        var counts = [0.0, 0.0]
        var (ordered, pairs) = (0.0, 0.0)
        for index in 0..<60 {
            let query = signal.query(index)
            let places: [Double] = query.labels.indices.map { row in
                let response = query.responses[row * 64..<(row + 1) * 64]
                return zip(response, direction).reduce(0) { $0 + Double($1.0 * $1.1) }
            }
            let positives = query.labels.indices.filter { query.labels[$0] == 1 }
            let negatives = query.labels.indices.filter { query.labels[$0] == 0 }
            for (label, rows) in [negatives, positives].enumerated() {
                sums[label] += rows.reduce(0) { $0 + places[$1] }
                counts[label] += Double(rows.count)
            }
            for positive in positives {
                ordered += Double(negatives.count { places[positive] > places[$0] })
            }
            pairs += Double(positives.count * negatives.count)
        }
        return (sums[1] / counts[1] - sums[0] / counts[0], ordered / pairs)
    }

    func float16(_ name: String, of set: FeatureSet) throws -> [Float16] {
        try set.withBytes { bytes in
            let file = try SafetensorsFile(parsing: bytes, name: "f", code: .invalidFeatures)
            let range = try #require(file.tensors[name]).byteRange
            return stride(from: range.lowerBound, to: range.upperBound, by: 2).map {
                bytes.loadUnaligned(fromByteOffset: $0, as: Float16.self)
            }
        }
    }
}
