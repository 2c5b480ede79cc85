import Foundation
import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite struct `Feature set` {
    /// What is wrong with a file, and a piece of the sentence that must say so.
    struct Flaw: Sendable, CustomTestStringConvertible {
        let sentence: String
        let spoil: @Sendable (inout FeatureBuilder) -> Void
        var testDescription: String { sentence }
    }

    static let flaws: [Flaw] = [
        Flaw(sentence: "found no tensor 'labels'") { $0.without = "labels" },
        Flaw(sentence: "of width 8, hidden_size says 9") { $0.metadata["hidden_size"] = "9" },
        Flaw(sentence: "not finite or beyond 1e+15 in row 1 of 'responses'") {
            $0.responses[8] = .nan
        },
        Flaw(sentence: "not finite or beyond 1e+15 in row 1 of 'responses'") {
            $0.responses[8] = -Bounds.magnitudeMax.nextUp
        },
        Flaw(sentence: "not finite or beyond 1e+15 in row 0 of 'instruction'") {
            $0.instruction[3] = .infinity
        },
        Flaw(sentence: "expected them to ascend") { $0.offsets[1] = $0.offsets[2] },
        Flaw(sentence: "found offsets that begin at 1") { $0.offsets[0] = 1 },
        Flaw(sentence: "found offsets that end at 71") { $0.offsets[6] = 71 },
        Flaw(sentence: "found 'offsets' of shape [6], expected [7]") { $0.offsets.removeLast() },
        Flaw(sentence: "found label 2.0 in row 4") { $0.labels[4] = 2 },
        Flaw(sentence: "found a label that is not finite or beyond 1e+15 in row 4") {
            $0.labels[4] = .nan
        },
        Flaw(sentence: "found a label that is not finite or beyond 1e+15 in row 4") {
            $0.metadata["label_kind"] = "score"
            $0.labels[4] = 1.7e18
        },
        Flaw(sentence: "found 'answers' of shape [1], expected [72]") { $0.answers = [1] },
        Flaw(sentence: "found format 'features/2'") { $0.metadata["format"] = "features/2" },
        Flaw(sentence: "found no metadata 'base_model'") { $0.metadata["base_model"] = nil },
        Flaw(sentence: "found label_kind 'rank'") { $0.metadata["label_kind"] = "rank" },
        Flaw(sentence: "cannot use 'Math' as a domain") { $0.metadata["domain"] = "Math" },
        Flaw(sentence: "found split 'dev'") { $0.metadata["split"] = "dev" },
    ]

    @Test(arguments: flaws)
    func `each flaw of a feature file is refused with its own sentence`(flaw: Flaw) throws {
        var builder = FeatureBuilder()
        flaw.spoil(&builder)
        let error = #expect(throws: LanguageSystemError.self) { try builder.set() }
        #expect(error?.message.contains(flaw.sentence) == true, "\(String(describing: error))")
    }

    @Test func `a feature file cut short anywhere is refused`() throws {
        let bytes = FeatureBuilder().bytes()
        for count in stride(from: 0, to: bytes.count, by: 97) {
            let error = #expect(throws: LanguageSystemError.self) {
                try FeatureSet(safetensors: Array(bytes[..<count]))
            }
            #expect(error?.code == .invalidFeatures)
        }
    }

    @Test func `score labels, and features, may be any number up to the bound`() throws {
        var builder = FeatureBuilder()
        builder.metadata["label_kind"] = "score"
        builder.labels[0] = -2.5
        builder.labels[1] = -Bounds.magnitudeMax
        builder.responses[3] = Bounds.magnitudeMax
        #expect(try builder.set().labels[..<2] == [-2.5, -Bounds.magnitudeMax])
    }

    @Test(arguments: ["python_f16", "python_f32"])
    func `what the Python library writes is read, as mapped file and as bytes`(name: String) throws
    {
        let url = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/\(name).safetensors")
        let set = try FeatureSet(contentsOf: url.path)
        #expect(set.queryCount == 3)
        #expect(set.responseCount == 12)
        #expect(set.metadata.domain.description == "math/tiny")
        #expect(set.metadata.contract["layer_fraction"] == "0.67")
        #expect(set.answers?[1] == -1)
        #expect(set.logProbabilities?.count == 12)
        let bytes = [UInt8](try Data(contentsOf: url))
        #expect(try FeatureSet(safetensors: bytes).digest == set.digest)
        #expect(set.digest.description.count == 64)
    }

    @Test func `a missing feature file is named in the sentence`() throws {
        let error = #expect(throws: LanguageSystemError.self) {
            try FeatureSet(contentsOf: "/nowhere/x.safetensors")
        }
        #expect(error?.message == "cannot read /nowhere/x.safetensors: No such file or directory")
    }

    @Test func `a part of a set is what a file of those queries alone would be`() throws {
        var whole = FeatureBuilder(queries: 4, pool: 3)
        whole.addSignals()
        // Pools of 2, 4, 3 and 3.
        whole.offsets = [0, 2, 6, 9, 12]
        var part = whole
        let rows = [9, 10, 11, 2, 3, 4, 5]
        part.instruction = [3, 1].flatMap { whole.instruction[$0 * 8..<($0 + 1) * 8] }
        part.responses = rows.flatMap { whole.responses[$0 * 8..<($0 + 1) * 8] }
        part.offsets = [0, 3, 7]
        part.labels = rows.map { whole.labels[$0] }
        part.answers = whole.answers.map { all in rows.map { all[$0] } }
        part.logProbabilities = whole.logProbabilities.map { all in rows.map { all[$0] } }
        part.tokenCounts = whole.tokenCounts.map { all in rows.map { all[$0] } }
        part.finished = whole.finished.map { all in rows.map { all[$0] } }
        part.numbers = whole.numbers.mapValues { all in rows.map { all[$0] } }
        let found = try whole.set().part(of: [3, 1])
        #expect(found.withBytes { Array($0) } == part.bytes())
        #expect(found.metadata == (try part.set().metadata) && found.name == "tiny")
    }
}
