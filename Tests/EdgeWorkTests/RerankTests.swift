// Reranks at the edge, over real mutual TLS: the scores are the ranker's own, and what cannot be
// scored is refused at once.
import Foundation
import LanguageSystem
import Logging
import RankerMath
import Rankers
import Testing
import WorkerWire

@testable import EdgeWork

/// A ranker and groups for it.
private struct Sample {
    let weights: RankerWeights
    let bytes: [UInt8]

    init(hiddenSize: Int = 96, seed: UInt64 = 1, combiner: String? = nil) throws {
        weights = RankerWeights(
            fresh: RankerConfiguration.preset(kind: .listwise, hiddenSize: hiddenSize), seed: seed
        ).with(
            try combiner.map { try JSONDecoder().decode(Combiner.self, from: Data($0.utf8)) })
        bytes = weights.safetensors()
    }

    /// Numbers of small size, and of any type.
    static func features(_ count: Int, _ type: FeatureType) -> [UInt8] {
        var state: UInt64 = 42
        return (0..<count).flatMap { _ -> [UInt8] in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
            switch type {
            case .float32: return withUnsafeBytes(of: number.bitPattern.littleEndian, Array.init)
            case .bfloat16:
                return withUnsafeBytes(
                    of: UInt16(truncatingIfNeeded: number.bitPattern >> 16).littleEndian,
                    Array.init)
            case .float16:
                return withUnsafeBytes(of: Float16(number).bitPattern.littleEndian, Array.init)
            }
        }
    }

    func work(
        _ number: UInt64, _ blob: BlobReference, _ type: FeatureType = .float16,
        candidateCount: Int = 10, features: [UInt8]? = nil, signals: RerankSignals? = nil,
        deadline: Duration = .seconds(600)
    ) -> EdgeRerankOrder {
        let size = weights.configuration.hiddenSize
        return EdgeRerankOrder(
            number: number,
            EdgeRerank(
                rankerName: blob.name, weights: blob,
                features: features ?? Self.features((candidateCount + 1) * size, type), dtype: type,
                candidateCount: candidateCount, hiddenSize: size, signals: signals,
                traceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            deadline: deadline)
    }

    /// What a coordinator would have scored.
    func scores(_ work: EdgeRerankOrder) throws -> [UInt32] {
        let scorer = RankerScorer(weights)
        let work = work.rerank
        return try work.features.withUnsafeBytes { bytes in
            Result { () throws(LanguageSystemError) in
                try scorer.score(
                    features: bytes, dtype: work.dtype, candidateCount: work.candidateCount)
            }
        }.get().map(\.bitPattern)
    }
}

extension EdgeRerankReply {
    fileprivate var bits: [UInt32]? {
        if case .scored(let scores, _, _) = result { scores.map(\.bitPattern) } else { nil }
    }

    fileprivate var combined: CombinedScores? {
        if case .scored(_, let combined, _) = result { combined } else { nil }
    }

    fileprivate var code: ErrorCode? { result.refusal?.code }

    fileprivate var message: String? { result.refusal?.message }
}

extension Arrangement {
    fileprivate func answer(_ work: EdgeRerankOrder) async throws -> EdgeRerankReply {
        await coordinator.say(.rerank(work))
        try await eventually("rerank \(work.number) is answered") {
            await coordinator.rerankAnswers.contains { $0.number == work.number }
        }
        return await coordinator.rerankAnswers.last { $0.number == work.number }!
    }

    /// Asks until it is scored: the weights are on their way.
    fileprivate func scored(from number: UInt64, _ make: (UInt64) -> EdgeRerankOrder) async throws
        -> EdgeRerankReply
    {
        var (number, found) = (number, EdgeRerankReply?.none)
        try await eventually("it is scored") {
            found = try await answer(make(number))
            number += 1
            return found?.bits != nil
        }
        return found!
    }

    /// Keeps the sample's weights with the worker.
    fileprivate func kept(_ sample: Sample) throws -> BlobReference {
        let digest = digest(of: sample.bytes)
        try LocalWeights(directory: state.weightsPath).keep(sample.bytes, digest)
        return BlobReference(digest: digest, byteCount: Int64(sample.bytes.count), name: "mine@1")
    }
}

extension EdgeRerankServer {
    /// Returns when all that was taken has been answered.
    fileprivate func idle() async {
        await withCheckedContinuation { continuation in drain { continuation.resume() } }
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Reranks at the edge` {
    @Test
    func `reranks are refused while their weights are fetched, once, then scored as anywhere else`()
        async throws
    {
        try await Arrangement.with { all in
            try await all.connected()
            #expect(await all.coordinator.hellos.last?.reranks == true)
            #expect(await all.coordinator.hellos.last?.combinesSignals == true)
            let sample = try Sample()
            let blob = await all.coordinator.add(sample.bytes, name: "math.listwise@1")
            let first = try await all.answer(sample.work(1, blob))
            #expect(first.code == .unavailable)
            #expect(first.message?.contains("fetching") == true)
            _ = try await all.scored(from: 2) { sample.work($0, blob) }
            #expect(await all.coordinator.fetches.count == 1)
            for (index, type) in FeatureType.allCases.enumerated() {
                for candidateCount in [1, 2, 10, 100] {
                    let work = sample.work(
                        10_000 + UInt64(index * 1_000 + candidateCount), blob, type,
                        candidateCount: candidateCount)
                    #expect(try await all.answer(work).bits == (try sample.scores(work)))
                }
            }
            try await eventually("the worker says that it holds the weights") {
                await all.coordinator.inventories.last == [blob.digest]
            }
            try await eventually("the status says so") {
                guard let line = try all.state.status()?.reranks else { return false }
                return line.answeredCount >= 13 && line.refusedCount >= 1 && line.rankerCount == 1
                    && line.computeMicrosecondsMean > 0
            }
        }
    }

    @Test func `signals are combined with the scores, by the version's combiner`() async throws {
        try await Arrangement.with { all in
            try await all.connected()
            let plain = try Sample()
            let sample = try Sample(
                combiner: """
                    {"format": "combiner/1", "standards": {"score": {"mean": 0, "deviation": 1},
                     "scores.reward": {"mean": 1, "deviation": 2}}, "fits": [
                     {"signals": ["scores.reward"],
                      "coefficients": {"score": 1, "scores.reward": 3},
                      "without_score": {"scores.reward": 1}}]}
                    """)
            let (blob, plainBlob) = (try all.kept(sample), try all.kept(plain))
            let rewards = (0..<10).map { Double($0 * $0) }
            let signals = RerankSignals(
                answers: [Int32](repeating: 0, count: 10),
                numbers: ["reward": rewards])
            let answer = try await all.answer(sample.work(1, blob, signals: signals))
            let scores = try #require(answer.bits)
            #expect(scores == (try sample.scores(sample.work(1, blob))))
            #expect(
                answer.combined
                    == CombinedScores(
                        zip(scores, rewards).map {
                            Double(Float(bitPattern: $0)) + 3 * (($1 - 1) / 2)
                        }, signals: ["scores.reward"]))
            // Without what it was fitted for, and without a combiner, the scores stand alone.
            let answers = RerankSignals(answers: [Int32](repeating: 0, count: 10))
            for (number, work) in [
                sample.work(2, blob), sample.work(3, blob, signals: answers),
                plain.work(4, plainBlob, signals: signals),
            ].enumerated() {
                let answer = try await all.answer(work)
                #expect(answer.combined == nil && answer.bits != nil, "\(number)")
            }
        }
    }

    @Test
    func `reranks by weights that are kept here are scored the first time, beside a training`()
        async throws
    {
        try await Arrangement.with { all in
            try await all.connected()
            let sample = try Sample()
            let blob = try all.kept(sample)
            _ = try await all.endlessTraining()
            let fetchCount = await all.coordinator.fetches.count
            let work = sample.work(1, blob)
            #expect(try await all.answer(work).bits == (try sample.scores(work)))
            #expect(await all.coordinator.fetches.count == fetchCount)

            await all.worker.drain()
            let refused = try await all.answer(sample.work(2, blob))
            #expect(refused.code == .unavailable)
            #expect(refused.message?.contains("leaving") == true)
        }
    }

    @Test func `bad reranks are refused for what is wrong with them, and the session goes on`()
        async throws
    {
        try await Arrangement.with { all in
            try await all.connected()
            let sample = try Sample()
            let blob = try all.kept(sample)
            var features = Sample.features(11 * 96, .float32)
            withUnsafeBytes(of: Float.nan.bitPattern) {
                features.replaceSubrange(400..<404, with: $0)
            }
            let poisoned = try await all.answer(sample.work(1, blob, .float32, features: features))
            #expect(poisoned.code == .invalidFeatures)
            let wide = try Sample(hiddenSize: 128)
            let width = try await all.answer(wide.work(2, blob))
            #expect(width.code == .contractMismatch)
            #expect(width.message?.contains("width 128, expected 96") == true)
            let late = try await all.answer(sample.work(3, blob, deadline: .zero))
            #expect(late.code == .deadlineExceeded)
            // What the wire itself refuses.
            let short = try await all.answer(sample.work(4, blob, features: [1, 2, 3]))
            #expect(short.code == .invalidArgument)
            #expect(try await all.answer(sample.work(5, blob)).bits != nil)
            #expect(await all.coordinator.hellos.count == 1)
            try await eventually("the late one is counted") {
                try all.state.status()?.reranks?.lateCount == 1
            }
        }
    }

    @Test func `a rerank may be as large as the wire allows`() async throws {
        try await Arrangement.with { all in
            try await all.connected()
            let sample = try Sample(hiddenSize: 4_096)
            let blob = try all.kept(sample)
            let work = sample.work(1, blob, .float32, candidateCount: 255)
            #expect(work.rerank.features.count == WireLimits.rerankFeaturesByteCountMax)
            #expect(try await all.answer(work).bits == (try sample.scores(work)))
        }
    }

    @Test func `reranks are not done where the owner does not allow them`() async throws {
        try await Arrangement.with(policy: WorkPolicy(reranks: false)) { all in
            try await all.connected()
            #expect(await all.coordinator.hellos.last?.reranks == false)
            let sample = try Sample()
            let blob = try all.kept(sample)
            #expect(try await all.answer(sample.work(1, blob)).code == .forbiddenTransition)
            #expect(try all.state.status()?.reranks == nil)
        }
    }

    @Test func `reranks may be all that a machine does, at any hour`() async throws {
        // No time of day is in it for long enough to matter: a minute that is never now.
        let minute = Calendar.current.dateComponents([.hour], from: Date()).hour! + 12
        let hours = try WorkingHours("\(minute % 24):00-\(minute % 24):01")
        try await Arrangement.with(policy: WorkPolicy(taskKinds: [], hours: hours)) { all in
            try await eventually("it has said that it takes no tasks") {
                await all.coordinator.availabilities == [false]
            }
            let sample = try Sample()
            #expect(try await all.answer(sample.work(1, try all.kept(sample))).bits != nil)
        }
    }

    @Test
    func `reranks by weights that cannot be had are refused with the reason, and fetched once`()
        async throws
    {
        try await Arrangement.with { all in
            try await all.connected()
            let sample = try Sample()
            let blob = BlobReference(
                digest: digest(of: sample.bytes), byteCount: Int64(sample.bytes.count),
                name: "gone@1")
            var number: UInt64 = 0
            try await eventually("the reason is known") {
                number += 1
                return try await all.answer(sample.work(number, blob)).code == .unknownFeatureSet
            }
            #expect(try await all.answer(sample.work(0, blob)).code == .unknownFeatureSet)
            #expect(await all.coordinator.fetches.count == 1)
        }
    }

    @Test func `reranks by weights that an earlier process cached are scored the first time`()
        async throws
    {
        try await withDirectory { directory in
            let sample = try Sample()
            let blob = BlobReference(
                digest: digest(of: sample.bytes), byteCount: Int64(sample.bytes.count), name: "r@1")
            try FileManager.default.createDirectory(
                atPath: directory + "/cache", withIntermediateDirectories: true)
            try Data(sample.bytes).write(
                to: URL(fileURLWithPath: "\(directory)/cache/\(blob.digest)"))
            let server = EdgeRerankServer(
                isAllowed: true, weights: LocalWeights(directory: directory + "/weights"),
                cache: try BlobCache(directory: directory + "/cache", byteCountMax: 64 << 20),
                link: CoordinatorLink(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let running = Task { await server.run {} }
            let work = sample.work(1, blob)
            let answer = await withCheckedContinuation { continuation in
                server.take(work) { continuation.resume(returning: $0) }
            }
            #expect(answer.bits == (try sample.scores(work)))
            await server.idle()
            running.cancel()
            await running.value
        }
    }

    @Test func `reranks past the bound are refused as busy`() async throws {
        try await withDirectory { directory in
            let sample = try Sample()
            let blob = BlobReference(
                digest: digest(of: sample.bytes), byteCount: Int64(sample.bytes.count), name: "r@1")
            let server = EdgeRerankServer(
                isAllowed: true, weights: LocalWeights(directory: directory + "/weights"),
                cache: try BlobCache(directory: directory + "/cache", byteCountMax: 64 << 20),
                link: CoordinatorLink(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            // Nobody reads weights yet: all of them wait.
            let (answers, answered) = AsyncStream<EdgeRerankReply>.makeStream()
            for number in 0...UInt64(EdgeRerankServer.openCountMax) {
                server.take(sample.work(number, blob)) { answered.yield($0) }
            }
            var iterator = answers.makeAsyncIterator()
            let refused = await iterator.next()
            #expect(refused?.number == UInt64(EdgeRerankServer.openCountMax))
            #expect(refused?.code == .busy)
            let running = Task { await server.run {} }
            for number in 0..<UInt64(EdgeRerankServer.openCountMax) {
                let answer = await iterator.next()
                #expect(answer?.number == number && answer?.code == .unavailable)
            }
            await server.idle()
            running.cancel()
            await running.value
        }
    }
}

@Suite struct `Trace of a rerank` {
    @Test(arguments: [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
        ("00-4bf9-00f067aa0ba902b7-01", false), ("4bf92f3577b34da6a3ce929d0e0e4736", false),
        ("", false),
    ])
    func `the trace is the number that a traceparent names`(text: String, isOne: Bool) {
        #expect(traceID(text) == (isOne ? "4bf92f3577b34da6a3ce929d0e0e4736" : nil))
    }
}
