import LanguageSystem
import RankerMath
import Rankers
import Testing

/// The three configurations that arrive as JSON.
protocol JSONConfiguration: Equatable {
    init(json: String) throws(LanguageSystemError)
    var json: String { get }
}
extension RankerConfiguration: JSONConfiguration {}
extension TrainingConfiguration: JSONConfiguration {}
extension EvaluationConfiguration: JSONConfiguration {}

/// Spoils JSON: bytes dropped, doubled and exchanged, values replaced by others.
struct JSONSpoiler {
    var generator: Generator
    static let values = [
        "1e400", "-1e400", "1e-400", "-0", "-0.0", "0", "1", "2", "0.5", "-1", "1.5", "true",
        "null", "[]", "{}", "[0.9,0.999]", "[null]", #""""#, #""sgd""#, #""feature""#, "NaN",
        "9223372036854775807", "9223372036854775808", "18446744073709551615", "1e3", "1000000",
        #""\ud800""#, #"{"held_out":0.5}"#, #""a\nb""#,
    ]
    static let keys = [#""seed""#, #""heads""#, #""a\nb""#, #""""#, #""early_stopping""#, #""lr""#]

    mutating func spoil(_ json: String) -> String {
        var text = json
        for _ in 0...generator.below(3) {
            text = generator.below(3) == 0 ? spoilBytes(text) : replaceToken(text)
        }
        return text
    }

    private mutating func spoilBytes(_ json: String) -> String {
        var bytes = Array(json.utf8)
        guard bytes.count > 1 else { return json }
        let place = generator.below(bytes.count)
        switch generator.below(4) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: place)
        case 2: bytes.swapAt(place, generator.below(bytes.count))
        default:
            let end = min(bytes.count, place + generator.below(20))
            bytes.insert(contentsOf: bytes[place..<end], at: place)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Puts another value after one of the colons, or another key before it.
    private mutating func replaceToken(_ json: String) -> String {
        let colons = json.indices.filter { json[$0] == ":" }
        guard !colons.isEmpty else { return json }
        let colon = colons[generator.below(colons.count)]
        if generator.below(5) == 0 {
            let start = json[..<colon].lastIndex { ",{".contains($0) } ?? json.startIndex
            let key = Self.keys[generator.below(Self.keys.count)]
            return json[...start] + key + json[colon...]
        }
        let rest = json[json.index(after: colon)...]
        let end = rest.firstIndex { ",}".contains($0) } ?? json.endIndex
        return json[...colon] + Self.values[generator.below(Self.values.count)] + json[end...]
    }
}

@Suite struct `Configuration JSON, spoilt` {
    @Test func `a ranker's spoilt JSON is read or refused with one sentence`() throws {
        try spoil(
            [
                .preset(kind: .listwise, hiddenSize: 384),
                RankerConfiguration(
                    kind: .pointwise, hiddenSize: 8, projectionWidth: nil, instruction: .learned,
                    blocks: 2, heads: 2, mlpMultiple: 3, activation: .relu, residual: true,
                    similarity: .affine),
            ])
    }

    @Test func `a training's spoilt JSON is read or refused with one sentence`() throws {
        // Nothing as it is by default: what is lost on the way does not come back by itself.
        var stopping = try TrainingConfiguration(
            loss: .listMSE, temperature: 3,
            optimizer: .sgd(rate: 0.2, momentum: 0.5, weightDecay: 0.01, schedule: .cosine),
            batchGroups: 7, groupsPerQuery: 9, candidateCount: 3, epochs: 5, seed: 7,
            start: .standardised)
        stopping.optimizer.betas = [0.8, 0.9]
        stopping.optimizer.epsilon = 1e-6
        stopping.earlyStopping = try EarlyStopping(heldOut: 0.5, patience: 4)
        try spoil(
            [stopping, .preset(kind: .pointwise)]
                + TrainingConfiguration.paperGrid(kind: .listwise)[...1])
    }

    @Test func `an evaluation's spoilt JSON is read or refused with one sentence`() throws {
        try spoil([
            EvaluationConfiguration.preset,
            EvaluationConfiguration(candidateCount: 5, groupsPerQuery: 3, seed: 2),
        ])
    }

    @Test func `a key that stands twice is refused by name, in every configuration`() {
        func expectRefusal<C: JSONConfiguration>(_ type: C.Type, _ json: String, _ key: String) {
            let error = #expect(throws: LanguageSystemError.self) { try C(json: json) }
            #expect(
                error?.message.hasSuffix("found the key '\(key)' twice, expected it once") == true,
                "\(String(describing: error))")
        }
        expectRefusal(
            RankerConfiguration.self, #"{"kind":"listwise","hidden_size":8,"kind":"pointwise"}"#,
            "kind")
        expectRefusal(
            EvaluationConfiguration.self, #"{"seed":1,"see\u0064":2}"#, "seed")
        expectRefusal(
            TrainingConfiguration.self,
            #"{"loss":"list_kl","optimizer":{"name":"sgd","lr":1,"lr":2}}"#, "optimizer.lr")
    }

    @Test func `an unknown key is refused by name, in every configuration`() {
        func expectRefusal<C: JSONConfiguration>(_ type: C.Type, _ json: String) {
            let error = #expect(throws: LanguageSystemError.self) { try C(json: json) }
            #expect(error?.message.contains("unknown key 'tau'") == true)
            #expect(error?.hint?.hasPrefix("known keys are ") == true)
        }
        expectRefusal(RankerConfiguration.self, #"{"kind":"listwise","hidden_size":8,"tau":1}"#)
        expectRefusal(EvaluationConfiguration.self, #"{"tau":1}"#)
        let training = #"{"loss":"list_kl","optimizer":{"name":"sgd","lr":1"#
        expectRefusal(TrainingConfiguration.self, training + #"},"tau":1}"#)
        expectRefusal(TrainingConfiguration.self, training + #","tau":1}}"#)
        expectRefusal(TrainingConfiguration.self, training + #"},"early_stopping":{"tau":1}}"#)
    }

    @Test func `a key with a line break, or a very long one, still makes one short sentence`() {
        for key in [#"a\nb"#, #"a\u0000\u001b[2J\u2028"#, String(repeating: "k", count: 50_000)] {
            let error = #expect(throws: LanguageSystemError.self) {
                try EvaluationConfiguration(json: "{\"\(key)\":1}")
            }
            expectSentence(error?.message ?? "")
        }
    }

    /// 4,000 spoilt forms of each: some are still sound, and those survive a round trip.
    private func spoil<C: JSONConfiguration>(_ sound: [C]) throws {
        var spoiler = JSONSpoiler(generator: Generator(seed: 11))
        var (readCount, refusedCount) = (0, 0)
        for configuration in sound {
            #expect(try C(json: configuration.json) == configuration)
            for _ in 0..<4_000 {
                let json = spoiler.spoil(configuration.json)
                do throws(LanguageSystemError) {
                    let read = try C(json: json)
                    readCount += 1
                    #expect(try C(json: read.json) == read, "\(json)")
                    #expect(try C(json: read.json).json == read.json)
                } catch {
                    refusedCount += 1
                    #expect(error.code == .invalidArgument)
                    expectSentence(error.message)
                }
            }
        }
        #expect(readCount > 100 && refusedCount > 1_000)
    }

    private func expectSentence(_ message: String) {
        #expect(message.hasPrefix("cannot ") && message.contains(": "), "\(message)")
        #expect(message.count < 400 && !message.hasSuffix("."), "\(message.count)")
        let isOneLine = message.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{2028}" }
        #expect(isOneLine, "\(message.debugDescription)")
    }
}
