// Every kind of number that a float can be, in every place that takes one, through the real
// scoring, training and measuring: what comes out is finite, or is refused in one sentence.
// `deploy/develop/fuzz` makes a long run of it.
import Benchmarking
import Foundation
import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite(.timeLimit(.minutes(60))) struct `Damaged numbers` {
    static let environment = ProcessInfo.processInfo.environment
    /// Groups, of which a tenth is trained on.
    static let groupCount = Int(environment["LS_FUZZ_INPUTS"] ?? "") ?? 20_000
    static let seed = UInt64(environment["LS_FUZZ_SEED"] ?? "") ?? 1
    static let width = 8

    static let configurations: [RankerConfiguration] = [
        #""kind":"listwise""#, #""kind":"pointwise""#, #""kind":"listwise","projection":false"#,
        #""kind":"pointwise","projection":false,"blocks":0"#,
        #""kind":"listwise","blocks":2,"activation":"relu","similarity":"affine""#,
        #""kind":"pointwise","residual":true,"instruction":"learned""#,
        #""kind":"listwise","blocks":0,"instruction":"learned","similarity":"affine""#,
    ].map { try! RankerConfiguration(json: #"{"hidden_size":8,\#($0)}"#) }

    @Test func `damaged numbers are scored with finite numbers, or refused in a sentence`() throws {
        var numbers = Numbers(seed: Self.seed)
        var (scored, refused) = (0, 0)
        while scored + refused < Self.groupCount * 9 / 10 {
            let configuration = numbers.element(of: Self.configurations)
            let weights = numbers.weights(configuration)
            let precision = numbers.element(of: Precision.allCases)
            let scorer = RankerScorer(weights, precision: precision)
            for _ in 0..<32 {
                let type = numbers.element(of: FeatureType.allCases)
                let count = 1 + numbers.below(12)
                let features = numbers.features((count + 1) * Self.width, type)
                do throws(LanguageSystemError) {
                    let scores = try Self.score(scorer, features, type, count)
                    scored += 1
                    Self.check(scores, scorer, features, type)
                } catch {
                    refused += 1
                    Self.check(error, among: count)
                }
            }
        }
        #expect(scored > refused / 4 && refused > scored / 20)
        print("fuzz scores: \(scored) scored, \(refused) refused, seed \(Self.seed)")
    }

    @Test func `damaged numbers train and measure with finite figures, or are refused`() throws {
        var numbers = Numbers(seed: Self.seed &+ 1)
        var (groups, trained, refused, unread) = (0, 0, 0, 0)
        while groups < Self.groupCount / 10 {
            groups += 8
            let set: FeatureSet
            do {
                set = try numbers.featureSet()
            } catch {
                unread += 1
                Self.check(error, among: nil)
                continue
            }
            let configuration = numbers.element(of: Self.configurations)
            do {
                let initial = numbers.below(2) == 0 ? nil : numbers.weights(configuration)
                let (weights, report) = try train(
                    configuration, numbers.training(), on: [set], initial: initial,
                    threadCount: 1 + numbers.below(2))
                #expect(weights.largestMagnitude <= RankerWeights.magnitudeMax)
                #expect(report.lastLoss.isFinite && report.firstLoss.isFinite)
                #expect(report.json.hasPrefix("{"))
                try Self.measure(weights, on: set)
                trained += 1
            } catch {
                refused += 1
                Self.check(error, among: nil)
            }
            do {
                try Self.measure(numbers.weights(configuration), on: set)
            } catch {
                Self.check(error, among: nil)
            }
        }
        #expect(trained > 0 && refused > 0 && unread > 0)
        print(
            """
            fuzz trainings: \(trained) trained, \(refused) refused, \(unread) unread, seed \
            \(Self.seed)
            """
        )
    }

    private static func score(
        _ scorer: RankerScorer, _ features: [UInt8], _ type: FeatureType, _ count: Int
    ) throws(LanguageSystemError) -> [Float] {
        try features.withUnsafeBytes { bytes in
            Result { () throws(LanguageSystemError) in
                try scorer.score(features: bytes, dtype: type, candidateCount: count)
            }
        }.get()
    }

    private static func check(
        _ scores: [Float], _ scorer: RankerScorer, _ features: [UInt8], _ type: FeatureType
    ) {
        let isCosine = scorer.configuration.similarity == .cosine
        let isSound = scores.allSatisfy { $0.isFinite && (!isCosine || abs($0) <= 1.001) }
        #expect(isSound, "\(scores)")
        // Where the score is the cosine of the features themselves, it is the right one: not 0 for
        // what overflowed.
        guard scorer.configuration.projectionWidth == nil, scorer.configuration.blocks == 0 else {
            return
        }
        let rows = Numbers.values(features, type).map(Double.init)
        let instruction = rows[..<width]
        func norm(_ row: ArraySlice<Double>) -> Double {
            max(1e-8, row.reduce(0) { $0 + $1 * $1 }.squareRoot())
        }
        for (index, score) in scores.enumerated() {
            let row = rows[(index + 1) * width..<(index + 2) * width]
            let dot = zip(instruction, row).reduce(0) { $0 + $1.0 * $1.1 }
            let expected = dot / (norm(instruction) * norm(row))
            #expect(abs(Double(score) - expected) < 1e-3, "\(score), expected \(expected): \(rows)")
        }
    }

    private static func measure(_ weights: RankerWeights, on set: FeatureSet) throws {
        let configuration = try EvaluationConfiguration(candidateCount: 3, groupsPerQuery: 4)
        let report = try evaluate(weights, on: set, configuration)
        let bound = Double(Bounds.magnitudeMax)
        for figure in [
            report.accuracy, report.oracle, report.firstSample, report.standardError,
            report.majority ?? 0, report.highestLogProbability ?? 0,
        ] { #expect(figure.isFinite && abs(figure) <= bound, "\(report)") }
        #expect(report.accuracy <= report.oracle)
        #expect(report.json.hasPrefix("{"))
    }

    private static func check(_ error: any Error, among count: Int?) {
        guard let error = error as? LanguageSystemError else {
            Issue.record("\(error)")
            return
        }
        let isOneLine = error.message.unicodeScalars.allSatisfy { $0.isPrintable }
        #expect(isOneLine, "\(error)")
        if let count {
            #expect(error.code == .invalidFeatures, "\(error)")
            let place = error.message.firstMatch(of: /candidate (\d+)|the instruction/)
            #expect(place != nil, "\(error)")
            if let digits = place?.1 { #expect(Int(digits) ?? .max < count, "\(error)") }
        } else {
            #expect([.invalidFeatures, .invalidArgument].contains(error.code), "\(error)")
        }
    }
}

/// Draws numbers of every kind, from one seed.
private struct Numbers {
    private var generator: Generator

    init(seed: UInt64) { generator = Generator(seed: seed, stream: 21) }

    mutating func below(_ bound: Int) -> Int { generator.below(bound) }

    mutating func element<Element>(of list: [Element]) -> Element { list[below(list.count)] }

    /// Of one of the kinds of numbers that float32 knows.
    mutating func number(of kind: Int) -> Float {
        let sign: Float = below(2) == 0 ? 1 : -1
        switch kind {
        case 0: return Float(generator.normal())
        case 1: return 0 * sign
        case 2: return sign * Float(bitPattern: UInt32(1 + below(0x7f_ffff)))
        case 3: return sign * element(of: [.leastNormalMagnitude, .leastNonzeroMagnitude, 1e-20])
        case 4: return Float(generator.normal()) * pow(10, Float(below(15)))
        case 5: return Float(generator.normal()) * pow(10, -Float(below(38)))
        case 6: return sign * Bounds.magnitudeMax
        case 7: return sign * Bounds.magnitudeMax.nextDown
        case 8: return sign * Bounds.magnitudeMax.nextUp
        case 9: return sign * pow(10, 15 + Float(below(24)))
        case 10: return sign * .greatestFiniteMagnitude
        case 11: return sign * .infinity
        case 12: return Float(bitPattern: 0x7f80_0001 + UInt32(below(0x7f_fffe)))
        default: return Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
        }
    }

    /// One kind for all, one a row, or any in each place; in most groups none that is refused for
    /// itself.
    mutating func list(_ count: Int, isLegal: Bool) -> [Float] {
        let kinds = isLegal ? 8 : 14
        let (whole, style) = (below(kinds), below(4))
        var ofRow = whole
        return (0..<count).map { place in
            if place % `Damaged numbers`.width == 0 { ofRow = below(kinds) }
            let kind =
                switch style {
                case 0: whole
                case 1: ofRow
                case 2: below(8) == 0 ? ofRow : 0
                default: below(kinds)
                }
            return number(of: kind)
        }
    }

    mutating func features(_ count: Int, _ type: FeatureType) -> [UInt8] {
        Self.stored(list(count, isLegal: below(5) > 0), as: type)
    }

    static func stored(_ values: [Float], as type: FeatureType) -> [UInt8] {
        values.flatMap { value -> [UInt8] in
            switch type {
            case .float16: withUnsafeBytes(of: Float16(value)) { Array($0) }
            case .bfloat16: Array(withUnsafeBytes(of: value) { Array($0) }[2...])
            case .float32: withUnsafeBytes(of: value) { Array($0) }
            }
        }
    }

    static func values(_ bytes: [UInt8], _ type: FeatureType) -> [Float] {
        bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / type.byteCount).map { index in
                func load<T>(_: T.Type) -> T {
                    bytes.loadUnaligned(fromByteOffset: index * type.byteCount, as: T.self)
                }
                return switch type {
                case .float16: Float(load(Float16.self))
                case .bfloat16: Float(bitPattern: UInt32(load(UInt16.self)) << 16)
                case .float32: load(Float.self)
                }
            }
        }
    }

    /// As a file may hold them: finite, of any size.
    mutating func weights(_ configuration: RankerConfiguration) -> RankerWeights {
        let fresh = RankerWeights(fresh: configuration, seed: generator.next())
        let (style, kind) = (below(6), below(11))
        let values = fresh.allValues.map { value -> Float in
            switch style {
            case 0...2: value
            case 3: value * RankerWeights.magnitudeMax
            case 4: number(of: kind)
            default: number(of: below(11))
            }
        }
        return RankerWeights(configuration: configuration, values: values)
    }

    mutating func training() throws -> TrainingConfiguration {
        let rate = element(of: [1e-3, 0.5, 100])
        return try TrainingConfiguration(
            loss: element(of: Loss.allCases),
            optimizer: below(2) == 0 ? .sgd(rate: rate) : .adamW(rate: rate),
            batchGroups: 4, groupsPerQuery: 4, candidateCount: 3, epochs: 1 + below(2),
            start: element(of: TrainingConfiguration.Start.allCases),
            precision: element(of: Precision.allCases))
    }

    mutating func featureSet() throws -> FeatureSet {
        let isBinary = below(2) == 0
        var writer = SafetensorsWriter(metadata: [
            "format": "features/1", "base_model": "tiny", "hidden_size": "8", "domain": "math",
            "split": "train", "label_kind": isBinary ? "binary" : "score",
        ])
        let (queryCount, pool, isLegal) = (2, 5, below(6) > 0)
        let type = element(of: FeatureType.allCases)
        let dtype = SafetensorsFile.DType(rawValue: type.rawValue) ?? .f32
        let width = `Damaged numbers`.width
        writer.add(
            "instruction", dtype, [queryCount, width],
            bytes: Self.stored(list(queryCount * width, isLegal: isLegal), as: type))
        writer.add(
            "responses", dtype, [queryCount * pool, width],
            bytes: Self.stored(list(queryCount * pool * width, isLegal: isLegal), as: type))
        writer.add("offsets", .i64, [queryCount + 1], [0, Int64(pool), Int64(2 * pool)])
        let labels = list(queryCount * pool, isLegal: isLegal)
        writer.add(
            "labels", .f32, [queryCount * pool],
            isBinary ? labels.map { $0 > 0 ? Float(1) : 0 } : labels)
        writer.add(
            "answers", .i32, [queryCount * pool], labels.map { _ in Int32(below(4)) - 1 })
        writer.add("logprobs", .f32, [queryCount * pool], list(queryCount * pool, isLegal: isLegal))
        return try FeatureSet(safetensors: writer.bytes())
    }
}
