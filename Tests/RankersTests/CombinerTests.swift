import Foundation
import LanguageSystem
import RankerMath
import Testing

@testable import Rankers

private let twoSignals = """
    {"fits":[{"coefficients":{"has_answer":0.5,"score":1,"vote_share":2},"signals":["answers"],\
    "without_score":{"has_answer":1,"vote_share":3}},{"coefficients":{"score":4},"signals":[],\
    "without_score":{}}],"format":"combiner/1","standards":{"has_answer":{"deviation":1,"mean":0},\
    "score":{"deviation":0.5,"mean":0.5},"vote_share":{"deviation":0.25,"mean":0.25}}}
    """

@Suite struct `Combining scores and signals` {
    static let configuration = RankerConfiguration.preset(kind: .listwise, hiddenSize: 8)

    static func trainSet(queries: Int = 60) throws -> FeatureSet {
        var builder = FeatureBuilder(queries: queries, pool: 12, seed: 3)
        builder.addSignals()
        return try builder.set()
    }

    /// A short recipe.
    static func plan() -> TrainingConfiguration {
        var plan = TrainingConfiguration.preset(kind: .listwise)
        plan.groupsPerQuery = 5
        return plan
    }

    @Test func `combined scores are sums of standardised terms, by hand`() throws {
        let combiner = try Combiner(json: twoSignals)
        let signals = try CandidateSignals(candidateCount: 4, answers: [5, 5, 6, -1])
        let combined = combiner.combined(scores: [1, 0.5, 0, 1], signals: signals)
        // 1 (s - 0.5) / 0.5 + 2 (v - 0.25) / 0.25 + 0.5 h with shares 1/2, 1/2, 1/4, 1/4.
        let byHand: [Double] = [3.5, 2.5, -0.5, 1]
        #expect(combined == byHand)
        #expect(combiner.withoutScore(signals) == [4, 4, 1, 0])
    }

    @Test
    func `what a request lacks is left out with its fit, what it has too much is passed over`()
        throws
    {
        let combiner = try Combiner(json: twoSignals)
        let none = CandidateSignals.none(candidateCount: 2)
        #expect(combiner.combined(scores: [1, 0], signals: none) == [4, -4])
        #expect(combiner.withoutScore(none) == nil)
        let more = try CandidateSignals(
            candidateCount: 2, logProbabilities: [-1, -2], tokenCounts: [1, 2], answers: [0, 0],
            finished: [true, false], numbers: ["judge": [1, 2]])
        let answers = try CandidateSignals(candidateCount: 2, answers: [0, 0])
        #expect(
            combiner.combined(scores: [1, 0], signals: more)
                == combiner.combined(scores: [1, 0], signals: answers))
        // Sums without numbers of tokens are no means.
        let sums = try CandidateSignals(candidateCount: 2, logProbabilities: [-1, -2])
        #expect(combiner.combined(scores: [1, 0], signals: sums) == [4, -4])
    }

    @Test func `without a fit that fits, the scores stand alone`() throws {
        let json = twoSignals.replacing(
            #",{"coefficients":{"score":4},"signals":[],"without_score":{}}"#, with: "")
        let combiner = try Combiner(json: json)
        #expect(
            combiner.combined(scores: [0.5, 0.25], signals: .none(candidateCount: 2))
                == [0.5, 0.25])
    }

    @Test func `JSON means what it meant, in the same words`() throws {
        #expect(try Combiner(json: twoSignals).json == twoSignals)
    }

    @Test(arguments: [
        (#""mean":0.5"#, #""mean":1e300"#, "the mean of 'score'"),
        (#""deviation":0.5"#, #""deviation":0"#, "expected more than 0"),
        (#""score":4"#, #""score":-1e19"#, "'score' in coefficients"),
        (#""score":4"#, #""scare":4"#, "found 'scare' in coefficients"),
        (#""vote_share":3"#, #""score":3"#, "found 'score' in without_score"),
        (#"["answers"]"#, #"["answer"]"#, "the unknown signal 'answer'"),
        (#"["answers"]"#, #"["answers","answers"]"#, "names a signal twice"),
        (#"["answers"]"#, #"["scores."]"#, "the unknown signal 'scores.'"),
        (#""signals":[]"#, #""signals":["answers"]"#, "found no 'vote_share' in coefficients"),
        ("combiner/1", "combiner/2", "found format 'combiner/2'"),
        (#""standards":{"#, #""standards":{"finished":{"deviation":1,"mean":0},"#, "which no fit"),
        (#""standards":{"has_answer":{"deviation":1,"mean":0},"#, #""standards":{"#, "no standard"),
        (#""format""#, #""weight":1,"format""#, "the unknown key 'weight'"),
        (
            #""fits":["#, #""fits":["# + String(repeating: fitOfNothing, count: 16),
            "fits, expected at most 16"
        ),
        (#""mean":0.5"#, #""mean":NaN"#, "not JSON"),
        (#""mean":0.5"#, #""mean":"0.5""#, "another type at 'standards.score.mean'"),
    ])
    func `weights with a combiner that is wrong are refused with one sentence`(
        right: String, wrong: String, words: String
    ) throws {
        #expect(twoSignals.contains(right))
        let bytes = Self.file(combiner: twoSignals.replacing(right, with: wrong))
        let error = #expect(throws: LanguageSystemError.self) {
            try RankerWeights(safetensors: bytes, name: "w")
        }
        #expect(error?.code == .invalidWeights)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        #expect(error?.message.hasPrefix("cannot read w: ") == true)
    }

    private static let fitOfNothing =
        #"{"coefficients":{"score":1},"signals":[],"without_score":{}},"#

    @Test func `a combiner of numbers that nobody could read again is not kept`() {
        func combiner(deviation: Double, coefficient: Double) -> Combiner {
            Combiner(
                standards: [.score: Standardisation(mean: 0, deviation: deviation)],
                fits: [
                    Combiner.Fit(signals: [], coefficients: [coefficient], withoutScore: [])
                ])
        }
        #expect(combiner(deviation: 1, coefficient: 1e18).isOfPossibleSize)
        #expect(!combiner(deviation: 1, coefficient: 2e18).isOfPossibleSize)
        #expect(!combiner(deviation: 1e19, coefficient: 1).isOfPossibleSize)
        #expect(!combiner(deviation: 1e-19, coefficient: 1).isOfPossibleSize)
        #expect(!combiner(deviation: .infinity, coefficient: 1).isOfPossibleSize)
    }

    private static func file(combiner: String?) -> [UInt8] {
        let plain = RankerWeights(fresh: configuration, seed: 1)
        var writer = SafetensorsWriter(
            metadata: ["format": "ranker/1", "ranker": configuration.json])
        writer.metadata["combiner"] = combiner
        for tensor in RankerLayout(configuration).tensors {
            writer.add(tensor.name, .f32, tensor.shape, plain[name: tensor.name] ?? [])
        }
        return writer.bytes()
    }

    @Test func `it is part of the weights' bytes and digest; a file without one goes on as before`()
        throws
    {
        let plain = RankerWeights(fresh: Self.configuration, seed: 1)
        #expect(plain.safetensors() == Self.file(combiner: nil))
        let combined = plain.with(try Combiner(json: twoSignals))
        #expect(combined.digest != plain.digest)
        #expect(combined.safetensors() == Self.file(combiner: twoSignals))
        let read = try RankerWeights(safetensors: combined.safetensors())
        #expect(read == combined && read.combiner?.json == twoSignals)
        #expect(read.with(nil) == plain)
        let scorer = RankerScorer(combined)
        #expect(
            scorer.combine([1, 0], .none(candidateCount: 2)) == [4, -4]
                && RankerScorer(plain).combine([1, 0], .none(candidateCount: 2)) == [1, 0])
    }

    @Test(arguments: [1, 2])
    func `training fits one for each set of signals, the same bytes for the same seed`(
        threadCount: Int
    ) throws {
        let set = try Self.trainSet()
        let seeds: [UInt64] = [1, 1, 2]
        let runs = try seeds.map { seed in
            var plan = Self.plan()
            plan.seed = seed
            return try train(Self.configuration, plan, on: [set], threadCount: threadCount)
        }
        let (weights, report) = runs[0]
        #expect(weights.digest == runs[1].weights.digest)
        #expect(weights.combiner != runs[2].weights.combiner)
        let combiner = try #require(weights.combiner)
        #expect(
            combiner.signals == [.logProbabilities, .answers, .finished, .number("judge")])
        #expect(combiner.fits.count == 16 && combiner.fits[0].signals.count == 4)
        #expect(combiner.fits.allSatisfy { $0.coefficients[0] >= 0 })
        #expect(report.combiner?.foldCount == 5)
        #expect(report.combiner?.signals == ["logprobs", "answers", "finished", "scores.judge"])
    }

    @Test func `switched off, without signals or with few queries, there is none`() throws {
        var plan = Self.plan()
        let fitted = try train(Self.configuration, plan, on: [Self.trainSet()])
        #expect(fitted.weights.combiner != nil)
        let few = try train(Self.configuration, plan, on: [Self.trainSet(queries: 20)])
        #expect(few.weights.combiner == nil && few.report.combiner == nil)
        let bare = try FeatureBuilder(queries: 60).set()
        #expect(try train(Self.configuration, plan, on: [bare]).weights.combiner == nil)
        // One set that does not know them is enough.
        let mixed = try train(Self.configuration, plan, on: [Self.trainSet(), bare])
        #expect(mixed.weights.combiner == nil)
        plan.combiner = false
        #expect(plan.json.contains(#""combiner":false"#))
        #expect(try TrainingConfiguration(json: plan.json) == plan)
        let (weights, report) = try train(Self.configuration, plan, on: [Self.trainSet()])
        #expect(weights == fitted.weights.with(nil) && report.combiner == nil)
    }

    @Test func `progress goes over all trainings, and what it throws ends the fit`() throws {
        struct Stop: Error {}
        var fractions: [Double] = []
        let set = try Self.trainSet()
        _ = try train(Self.configuration, Self.plan(), on: [set]) { fractions.append($0.fraction) }
        #expect(zip(fractions, fractions.dropFirst()).allSatisfy { $0 < $1 })
        #expect(fractions.last == 1)
        var steps = 0
        #expect(throws: Stop.self) {
            _ = try train(Self.configuration, Self.plan(), on: [set]) { progress in
                guard progress.fold == 2 else { return }
                steps += 1
                #expect(progress.note.hasPrefix("combiner's part 2 of 5, epoch 1, "))
                throw Stop()
            }
        }
        #expect(steps == 1)
    }

    @Test func `held-out queries with early stopping and score labels are fitted on, too`() throws {
        var builder = FeatureBuilder(queries: 60, pool: 12, seed: 3)
        builder.addSignals()
        builder.metadata["label_kind"] = "score"
        builder.labels = builder.labels.map { $0 * 3 }
        var plan = Self.plan()
        plan.epochs = 3
        plan.earlyStopping = try EarlyStopping()
        let weights = try train(Self.configuration, plan, on: [builder.set()]).weights
        #expect(weights.combiner != nil)
    }

    @Test func `a ranker that picks worse than chance counts for nothing, never against itself`() {
        var generator = Generator(seed: 1)
        var groups = LogitGroups(width: 3)
        for _ in 0..<200 {
            let right = (0..<6).map { _ in generator.below(2) == 0 }
            groups.add(
                right.flatMap { [$0 ? -1.0 : 0, generator.normal() + ($0 ? 1 : 0), 0] },
                isRight: right)
        }
        let combiner = Combiner(fitting: groups, signals: [.answers])
        #expect(combiner.fits.count == 1)
        #expect(combiner.fits[0].coefficients[0] == 0 && combiner.fits[0].coefficients[1] > 0.5)
        #expect(Array(combiner.fits[0].coefficients.dropFirst()) == combiner.fits[0].withoutScore)
    }
}

@Suite struct `Aggregation` {
    @Test func `best is by combined score, of equal ones the first`() {
        #expect(Aggregate.best.order([1, 3, 3, 2], answers: [0, 0, 0, 0]) == [1, 2, 3, 0])
    }

    @Test func `a weighted vote puts first the best candidate of the answer with the most weight`()
    {
        // Two of 1.0 are more than one of 1.5; the first of the answer's equals is chosen.
        let combined = [1.5, 1, 1, 0]
        #expect(Aggregate.weightedVote.order(combined, answers: [7, 8, 8, -1]) == [1, 0, 2, 3])
        #expect(Aggregate.weightedVote.order(combined, answers: [7, -1, -1, -1]) == [0, 1, 2, 3])
        #expect(Aggregate.weightedVote.order(combined, answers: nil) == [0, 1, 2, 3])
        #expect(Aggregate(rawValue: "weighted_vote") == .weightedVote)
    }
}

@Suite struct `Signals` {
    @Test func `a feature file's signals are those that all its responses have`() throws {
        var builder = FeatureBuilder()
        #expect(try builder.set().signals.isEmpty)
        builder.addSignals()
        let set = try builder.set()
        #expect(
            set.signals.map(\.name).sorted() == ["answers", "finished", "logprobs", "scores.judge"])
        #expect(set.finished?.count == set.responseCount)
        builder.tokenCounts = nil
        #expect(try !builder.set().signals.contains(.logProbabilities))
    }

    struct Spoiled: Sendable, CustomTestStringConvertible {
        let words: String
        let spoil: @Sendable (inout FeatureBuilder) -> Void

        var testDescription: String { words }
    }

    static let spoiled = [
        Spoiled(words: "found token count -1 in row 3") { $0.tokenCounts?[3] = -1 },
        Spoiled(words: "found 2 at 'finished' in row 2") { $0.finished?[2] = 2 },
        Spoiled(words: "in row 1 of 'scores.judge'") { $0.numbers["judge"]?[1] = .nan },
        Spoiled(words: "found the tensor 'scores.Judge'") { $0.numbers["Judge"] = $0.labels },
        Spoiled(words: "found 'token_counts' of shape [71]") { $0.tokenCounts?.removeLast() },
        Spoiled(words: "at most 8") { builder in
            for index in 0..<8 { builder.numbers["n\(index)"] = builder.labels }
        },
    ]

    @Test(arguments: spoiled)
    func `a feature file with impossible signals is refused`(file: Spoiled) throws {
        var builder = FeatureBuilder()
        builder.addSignals()
        file.spoil(&builder)
        let error = #expect(throws: LanguageSystemError.self) { try builder.set() }
        #expect(error?.code == .invalidFeatures)
        #expect(error?.message.contains(file.words) == true, "\(error?.message ?? "")")
    }

    @Test func `a request's impossible signals are refused with the candidate`() {
        let cases: [(() throws -> CandidateSignals, String)] = [
            (
                { try CandidateSignals(candidateCount: 2, logProbabilities: [-1, .nan]) },
                "at 'logprobs' of candidate 1"
            ),
            (
                { try CandidateSignals(candidateCount: 2, answers: [1]) },
                "found 1 values of 'answers', expected 2"
            ),
            (
                { try CandidateSignals(candidateCount: 1, tokenCounts: [-1]) },
                "found -1 at 'token_counts' of candidate 0"
            ),
            (
                { try CandidateSignals(candidateCount: 1, numbers: ["a b": [1]]) },
                "found a number named 'a b'"
            ),
            (
                {
                    try CandidateSignals(
                        candidateCount: 1,
                        numbers: Dictionary(uniqueKeysWithValues: (0..<9).map { ("n\($0)", [1]) }))
                }, "found 9 named numbers, expected at most 8"
            ),
        ]
        for (make, words) in cases {
            let error = #expect(throws: LanguageSystemError.self) { try make() }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        }
    }

    @Test func `equal answers get equal numbers, none gets -1`() {
        #expect(CandidateSignals.numbered(["x", nil, "y", "x"]) == [0, -1, 1, 0])
    }
}

@Suite struct `Evaluation with signals` {
    @Test func `the served rule is the combiner's, and the report shows each rule beside it`()
        throws
    {
        let set = try `Combining scores and signals`.trainSet()
        var builder = FeatureBuilder(queries: 40, pool: 12, seed: 9)
        builder.addSignals(seed: 9)
        let test = try builder.set()
        let weights = try train(
            `Combining scores and signals`.configuration, `Combining scores and signals`.plan(),
            on: [set]
        ).weights
        let report = try evaluate(weights, on: test)
        let alone = try evaluate(weights.with(nil), on: test)
        #expect(report.ranker == alone.accuracy && alone.ranker == nil)
        #expect(alone.withoutRanker == nil && report.withoutRanker != nil)
        #expect(report.accuracy != alone.accuracy)
        #expect(report.hasAnswer == alone.hasAnswer && report.hasAnswer != nil)
        #expect(report.meanLogProbability == alone.meanLogProbability)
        #expect(report.weightedVote != nil && alone.weightedVote != nil)
        let values = try #require(report.queryValues).map(Double.init)
        #expect(abs(values.reduce(0, +) / Double(values.count) - report.accuracy) < 1e-6)
        #expect(report.methodQueryValues == alone.methodQueryValues)
        #expect(report.accuracy <= report.oracle)
        // What a decision does not need is not said.
        #expect(!report.json.contains("local"))
        let read = try JSONDecoder().decode(EvaluationReport.self, from: Data(report.json.utf8))
        #expect(read.ranker == report.ranker && read.localQueryValues == nil)
    }

    @Test func `without signals a report says what it said`() throws {
        let set = try FeatureBuilder().set()
        let weights = RankerWeights(fresh: `Combining scores and signals`.configuration, seed: 1)
        let report = try evaluate(weights, on: set)
        for key in [
            "ranker", "without_ranker", "has_answer", "mean_log_probability", "weighted_vote",
        ] {
            #expect(!report.json.contains("\"\(key)\""))
        }
    }

    @Test func `a worker's word on what needs no ranker is compared`() throws {
        var builder = FeatureBuilder(queries: 20)
        builder.addSignals()
        let set = try builder.set()
        let weights = RankerWeights(fresh: `Combining scores and signals`.configuration, seed: 1)
        let found = try evaluate(weights, on: set)
        var said = try JSONDecoder().decode(ReportedFigures.self, from: Data(found.json.utf8))
        #expect(EvaluationComparison.difference(of: said, from: found, labelRange: 1) == nil)
        said.meanLogProbability = 0.01
        let difference = EvaluationComparison.difference(of: said, from: found, labelRange: 1)
        #expect(difference?.hasPrefix("mean_log_probability is ") == true)
    }
}
