// What the coordinator makes of a worker's word: results that are bad, and failures that the worker
// calls final.
import struct Crypto.SHA256
import LanguageSystem
import Ledger
import RankerMath
import Rankers
import Testing

@testable import Coordination

@Suite struct `Review of results` {
    @Test(arguments: ErrorCode.allCases)
    func `blames the sender for what is in a result, and for nothing else`(code: ErrorCode) {
        let blamed: Set<ErrorCode> = [
            .invalidArgument, .invalidWeights, .invalidFeatures, .contractMismatch,
        ]
        #expect(
            ResultReview.isOfContent(LanguageSystemError(code, "cannot take this"))
                == blamed.contains(code))
    }

    private static let configuration = RankerConfiguration.preset(kind: .pointwise, hiddenSize: 8)

    /// Weights with one number that is `magnitude`.
    private static func weights(
        _ magnitude: Float = 0, _ configuration: RankerConfiguration = configuration
    ) throws -> RankerWeights {
        let fresh = RankerWeights(fresh: configuration, seed: 1)
        var values = fresh.allValues
        values[0] = magnitude
        return RankerWeights(configuration: configuration, values: values)
    }

    @Test(arguments: [0, 1, -RankerWeights.magnitudeMax, RankerWeights.magnitudeMax])
    func `takes weights of the leased ranker whose numbers are of sensible size`(
        magnitude: Float
    ) throws {
        try ResultReview.check(
            try Self.weights(magnitude), leasedFor: Self.configuration.json)
        // Without a lease the ledger says that nothing counts.
        try ResultReview.check(try Self.weights(magnitude), leasedFor: nil)
    }

    @Test(arguments: [1.5, -2, 1e30] as [Float])
    func `refuses weights with a number that no training brings, lease or not`(factor: Float)
        throws
    {
        let weights = try Self.weights(factor * RankerWeights.magnitudeMax)
        for leased in [Self.configuration.json, nil] {
            let error = #expect(throws: LanguageSystemError.self) {
                try ResultReview.check(weights, leasedFor: leased)
            }
            #expect(error?.code == .invalidWeights)
        }
    }

    @Test(arguments: [
        RankerConfiguration.preset(kind: .listwise, hiddenSize: 8),
        RankerConfiguration.preset(kind: .pointwise, hiddenSize: 16),
    ])
    func `refuses the weights of another ranker, and names both`(other: RankerConfiguration) throws
    {
        let error = #expect(throws: LanguageSystemError.self) {
            try ResultReview.check(
                try Self.weights(0, other), leasedFor: Self.configuration.json)
        }
        #expect(error?.code == .invalidWeights)
        #expect(error?.message.contains(other.json) == true)
        #expect(error?.message.contains(Self.configuration.json) == true)
    }
}

@Suite struct `Upload of weights` {
    private static let bytes = (0..<100).map { UInt8($0) }

    private static func header(
        byteCount: Int64 = Int64(bytes.count), of content: [UInt8] = bytes
    ) throws -> TrainingResultHeader {
        TrainingResultHeader(
            token: try #require(LeaseToken("8c5f0a4e-0000-4000-8000-000000000001")),
            digest: try #require(Digest(bytes: SHA256.hash(data: content))), byteCount: byteCount,
            report: "{}")
    }

    private static func chunk(_ range: Range<Int>) -> BlobChunk {
        BlobChunk(offset: Int64(range.lowerBound), bytes: Array(bytes[range]), byteCount: 100)
    }

    @Test func `is whole when its pieces came in order, the last one included`() throws {
        var upload = try WeightsUpload(try Self.header())
        for range in [0..<40, 40..<40, 40..<99] { try upload.append(Self.chunk(range)) }
        let cut = upload
        #expect(throws: LanguageSystemError.uploadCut()) { try cut.verified() }
        try upload.append(Self.chunk(99..<100))
        #expect(try upload.verified() == Self.bytes)
    }

    @Test(arguments: [[0..<40, 50..<60], [0..<40, 0..<40], [10..<20], [0..<40, 39..<100]])
    func `refuses pieces out of order`(ranges: [Range<Int>]) throws {
        var upload = try WeightsUpload(try Self.header())
        for range in ranges.dropLast() { try upload.append(Self.chunk(range)) }
        let last = try #require(ranges.last)
        let error = #expect(throws: LanguageSystemError.self) {
            try upload.append(Self.chunk(last))
        }
        #expect(error?.code == .invalidWeights)
    }

    @Test func `refuses more than was announced, and what is too large to announce`() throws {
        var upload = try WeightsUpload(try Self.header(byteCount: 50))
        let more = #expect(throws: LanguageSystemError.self) {
            try upload.append(Self.chunk(0..<60))
        }
        #expect(more?.code == .invalidWeights)
        let most = Int64(WeightsUpload.byteCountMax)
        _ = try WeightsUpload(try Self.header(byteCount: most))
        for count in [most + 1, .max] {
            let error = #expect(throws: LanguageSystemError.self) {
                try WeightsUpload(try Self.header(byteCount: count))
            }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test func `refuses bytes of another digest`() throws {
        var upload = try WeightsUpload(try Self.header(of: [1, 2, 3]))
        try upload.append(Self.chunk(0..<100))
        #expect(throws: LanguageSystemError.uploadDamaged()) { try upload.verified() }
    }
}

@Suite struct `A failure that a worker calls final` {
    private static let ranker = #"{"kind": "listwise", "hidden_size": 8}"#
    private static let training = TrainingConfiguration.preset(kind: .listwise).json

    private func judgement(
        _ message: String, code: ErrorCode = .invalidArgument, training: String = Self.training,
        kind: TaskKind = .train
    ) -> FailureJudgement? {
        ResultReview.judgement(
            code: code.rawValue, message: message,
            of: LeasedConfigurations(kind: kind, ranker: Self.ranker, work: training))
    }

    @Test(arguments: [
        "cannot read the training configuration: found the unknown key 'new'",
        "cannot read the training configuration: found an unknown value at 'precision'",
        "cannot read the ranker configuration: found the unknown key 'new'",
        "cannot read the evaluation configuration: found another type at 'seed', expected UInt64",
        "cannot read this task: its kind is not known here",
    ])
    func `a failure over words that we know is for a newer worker`(message: String) {
        #expect(judgement(message) == .unknownHere)
    }

    @Test(arguments: [
        #"{"loss": "none"}"#, #"{"loss": "listKL", "new": 1}"#, "[]", "",
        #"{"loss": "listKL", "optimizer": {"name": "sgd", "lr": -1}}"#,
    ])
    func `a failure over a configuration that we cannot read either is the task's`(training: String)
    {
        #expect(judgement("cannot train: whatever", training: training) == .confirmed)
        #expect(judgement("x", code: .internal, training: training) == .confirmed)
    }

    @Test func `a failure over anything else is the worker's word alone`() {
        #expect(judgement("cannot train: the loss is not finite") == nil)
        #expect(judgement("cannot use this configuration: found epochs 7") == nil)
        #expect(
            judgement(
                "cannot read the training configuration: found the unknown key 'new'",
                code: .invalidFeatures) == nil)
    }
}
