import Foundation
import LanguageSystem
import RankerMath
import Rankers
import Testing

/// One case of the conformance vectors that an independent PyTorch program wrote.
struct GoldenCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let file: String
    let config: RankerConfiguration
    let parameters: Int
    let loss: Loss
    let optimizer: OptimizerConfiguration
    let steps: Int
    let batches: Int
    let groupsPerBatch: Int
    let k: Int
    let labelsAreScores: Bool

    var testDescription: String { name }

    enum CodingKeys: String, CodingKey {
        case name, file, config, parameters, loss, optimizer, steps, batches, k
        case groupsPerBatch = "groups_per_batch"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        file = try container.decode(String.self, forKey: .file)
        config = try container.decode(RankerConfiguration.self, forKey: .config)
        parameters = try container.decode(Int.self, forKey: .parameters)
        loss = try container.decode(Loss.self, forKey: .loss)
        optimizer = try container.decode(OptimizerConfiguration.self, forKey: .optimizer)
        steps = try container.decode(Int.self, forKey: .steps)
        batches = try container.decode(Int.self, forKey: .batches)
        groupsPerBatch = try container.decode(Int.self, forKey: .groupsPerBatch)
        k = try container.decode(Int.self, forKey: .k)
        labelsAreScores = loss == .listMSE || loss == .pointMSE
    }
}

struct GoldenManifest: Decodable {
    let tolerance: Tolerance
    let cases: [GoldenCase]

    struct Tolerance: Decodable {
        let scores, loss, losses, scoresAfter, gradientRelative, gradientFloor: Double
        let after, afterAdamW: Double

        enum CodingKeys: String, CodingKey {
            case scores, loss, losses
            case scoresAfter = "scores_after"
            case gradientRelative = "grad_rel_to_tensor_max"
            case gradientFloor = "grad_abs_floor"
            case after = "after_abs"
            case afterAdamW = "after_adamw_steps_lr"
        }
    }

    static let read = Result { () throws(GoldenFolderError) in
        let folder = GoldenFolder.rankers
        do {
            let data = try Data(contentsOf: folder.url.appending(path: "manifest.json"))
            return try JSONDecoder().decode(GoldenManifest.self, from: data)
        } catch { throw GoldenFolderError(folder, cause: error) }
    }
}

/// A case's tensors, and the run of ours that they are compared with.
struct GoldenRun {
    let golden: GoldenCase
    let tensors: [String: [Float]]
    let table: FeatureTable
    let groups: CandidateGroups
    let initial: RankerWeights

    init(_ golden: GoldenCase) throws {
        self.golden = golden
        let path = GoldenFolder.rankers.url.appending(path: golden.file)
        let bytes = [UInt8](try Data(contentsOf: path))
        let file = try bytes.withUnsafeBytes {
            try SafetensorsFile(parsing: $0, name: golden.file, code: .invalidWeights)
        }
        var tensors: [String: [Float]] = [:]
        for (name, tensor) in file.tensors where tensor.dtype == .f32 {
            tensors[name] = bytes[tensor.byteRange].withUnsafeBytes {
                Array($0.bindMemory(to: Float.self))
            }
        }
        self.tensors = tensors
        func raw(_ name: String) throws -> [UInt8] {
            Array(bytes[try #require(file.tensors[name]).byteRange])
        }
        let (count, k) = (golden.batches * golden.groupsPerBatch, golden.k)
        let size = golden.config.hiddenSize
        var writer = SafetensorsWriter(metadata: [
            "format": "features/1", "base_model": "golden", "hidden_size": "\(size)",
            "domain": "golden", "split": "train",
            "label_kind": golden.labelsAreScores ? "score" : "binary",
        ])
        writer.add("instruction", .f16, [count, size], bytes: try raw("input.instruction"))
        writer.add("responses", .f16, [count * k, size], bytes: try raw("input.responses"))
        writer.add("labels", .f32, [count * k], bytes: try raw("input.labels"))
        writer.add("offsets", .i64, [count + 1], (0...count).map { Int64($0 * k) })
        table = FeatureTable([try FeatureSet(safetensors: writer.bytes(), name: golden.name)])
        var groups = CandidateGroups(candidateCount: k)
        groups.queries = (0..<count).map(Int32.init)
        groups.rows = (0..<count * k).map(Int32.init)
        self.groups = groups
        var weights = SafetensorsWriter(metadata: ["ranker": golden.config.json])
        for (name, tensor) in file.tensors where name.hasPrefix("init.") {
            weights.add(String(name.dropFirst(5)), .f32, tensor.shape, bytes: try raw(name))
        }
        initial = try RankerWeights(safetensors: weights.bytes())
    }

    func training() throws -> TrainingConfiguration {
        try TrainingConfiguration(
            loss: golden.loss, optimizer: golden.optimizer, batchGroups: golden.groupsPerBatch,
            candidateCount: golden.k)
    }

    func order(_ step: Int) -> ArraySlice<Int32> {
        let first = step % golden.batches * golden.groupsPerBatch
        return (first..<first + golden.groupsPerBatch).map(Int32.init)[...]
    }

    func scores(_ weights: RankerWeights) throws -> [Float] {
        let scorer = RankerScorer(weights)
        return try (0..<golden.groupsPerBatch).flatMap { query in
            try scorer.score(
                table.sets[0], query: query, rows: Array(query * golden.k..<(query + 1) * golden.k))
        }
    }
}

/// The greatest difference allowed is the manifest's, element by element.
func expectClose(
    _ what: String, _ found: [Float], _ expected: [Float], _ tolerance: (Int) -> Double,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard found.count == expected.count else {
        Issue.record("\(what): \(found.count) numbers, expected \(expected.count)")
        return
    }
    for i in found.indices
    where !(abs(Double(found[i]) - Double(expected[i])) <= tolerance(i)) {
        Issue.record(
            "\(what)[\(i)]: \(found[i]), expected \(expected[i]) +- \(tolerance(i))",
            sourceLocation: sourceLocation)
        return
    }
}

@Suite struct `Golden vectors` {
    /// None when the folder cannot be read, which a test of `Golden folder` says.
    static let cases = (try? GoldenManifest.read.get().cases) ?? []
    let tolerance: GoldenManifest.Tolerance

    init() throws { tolerance = try GoldenManifest.read.get().tolerance }

    @Test(.enabled(if: GoldenFolder.rankers.isOurs))
    func `there are 23 golden cases`() { #expect(Self.cases.count == 23) }

    @Test(arguments: cases, [1, 2])
    func `forward, gradients and training agree with PyTorch`(
        golden: GoldenCase, threadCount: Int
    ) throws {
        let run = try GoldenRun(golden)
        #expect(run.initial.parameterCount == golden.parameters)
        let expected = run.tensors
        let big = { (x: Float) in max(1, abs(Double(x))) }
        expectClose("scores", try run.scores(run.initial), expected["expect.scores"]!) { _ in
            tolerance.scores
        }
        let team = ThreadTeam(count: threadCount)
        let trainer = Trainer(run.initial, try run.training(), on: run.table, team: team)
        let loss = trainer.computeGradient(run.groups, order: run.order(0))
        expectClose("loss", [Float(loss)], expected["expect.loss"]!) {
            tolerance.loss * big(expected["expect.loss"]![$0])
        }
        let gradient = RankerWeights(configuration: golden.config, values: trainer.gradient)
        for (name, reference) in expected where name.hasPrefix("expect.grad.") {
            let found = try #require(gradient[name: String(name.dropFirst(12))])
            let greatest = reference.map { Double(abs($0)) }.max() ?? 0
            let limit = tolerance.gradientRelative * greatest + tolerance.gradientFloor
            expectClose(name, found, reference) {
                isKeyBias(name, $0, reference.count) ? 1e-6 : limit
            }
        }
        try checkTraining(run, trainer)
    }

    private func checkTraining(_ run: GoldenRun, _ trainer: Trainer) throws {
        let golden = run.golden
        let expected = run.tensors
        let rates = expected["expect.lrs"]!
        var losses: [Float] = []
        for step in 0..<golden.steps {
            let rate = learningRate(
                golden.optimizer.rate, cosine: golden.optimizer.schedule == .cosine, step: step,
                of: golden.steps)
            #expect(abs(rate - Double(rates[step])) <= 1e-6 * rate)
            losses.append(Float(trainer.step(run.groups, order: run.order(step), rate: rate)))
        }
        expectClose("losses", losses, expected["expect.losses"]!) {
            tolerance.losses * max(1, abs(Double(expected["expect.losses"]![$0])))
        }
        let path = rates.map(Double.init).reduce(0, +)
        let isAdamW = golden.optimizer.name == .adamw
        for (name, reference) in expected where name.hasPrefix("expect.after.") {
            let found = try #require(trainer.weights[name: String(name.dropFirst(13))])
            expectClose(name, found, reference) { index in
                guard isAdamW else { return tolerance.after }
                return isKeyBias(name, index, reference.count)
                    ? 1.01 * path : max(tolerance.after, tolerance.afterAdamW * path)
            }
        }
        expectClose(
            "scores after", try run.scores(trainer.weights), expected["expect.scores_after"]!
        ) { _ in tolerance.scoresAfter }
    }

    /// The exact gradient of a key bias is 0; AdamW turns its rounding noise into full steps.
    private func isKeyBias(_ name: String, _ index: Int, _ count: Int) -> Bool {
        name.hasSuffix("attention.qkv.bias") && (count / 3..<2 * count / 3).contains(index)
    }
}
