// Data that stays on its machine: what is offered of it, what work on it sends, and what its owner
// allows.
import Crypto
import Foundation
import LanguageSystem
import Rankers
import Testing
import WorkerWire

@testable import EdgeWork

@Suite(.timeLimit(.minutes(20))) struct `Local data` {
    private typealias Digest = LanguageSystem.Digest

    /// A directory with the demo's train set in it.
    private static func withData(
        _ body: (String, [UInt8]) async throws -> Void
    ) async throws {
        try await withDirectory { directory in
            let bytes = try Arrangement.features("train")
            try Data(bytes).write(to: URL(fileURLWithPath: directory + "/train.safetensors"))
            try await body(directory, bytes)
        }
    }

    private static func blob(_ bytes: [UInt8], _ name: String = "train") -> BlobReference {
        BlobReference(
            digest: Digest(bytes: SHA256.hash(data: bytes))!, byteCount: Int64(bytes.count),
            name: name)
    }

    /// Whether any sixteen numbers of a row of `features` are in `wire`.
    private static func leaks(_ features: [UInt8], into wire: [UInt8]) -> Bool {
        let windowCount = 32
        let sent = Set(
            wire.indices.dropLast(windowCount - 1).map { Array(wire[$0..<$0 + windowCount]) })
        // From past the header on; a window in every hundred bytes meets each of the rows.
        return stride(from: 2_000, to: features.count - windowCount, by: 100).contains {
            sent.contains(Array(features[$0..<$0 + windowCount]))
        }
    }

    @Test
    func `local data is offered by description and digest, as it is added, changed and removed`()
        async throws
    {
        try await Self.withData { directory, bytes in
            try await Arrangement.with(data: directory) { all in
                try await eventually("the file is offered") {
                    await all.coordinator.offers.last?.sets.count == 1
                }
                let offered = try #require(await all.coordinator.offers.last?.sets.first)
                let set = try FeatureSet(safetensors: bytes)
                #expect(offered.digest == set.digest)
                #expect(offered.byteCount == Int64(bytes.count))
                #expect(offered.domain == set.metadata.domain)
                #expect(offered.queryCount == set.queryCount)
                #expect(offered.responseCount == Int64(set.responseCount))
                #expect(offered.hiddenSize == set.hiddenSize)

                let test = try Arrangement.features("test")
                let second = URL(fileURLWithPath: directory + "/sub/test.safetensors")
                try FileManager.default.createDirectory(
                    at: second.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(test).write(to: second)
                try await eventually("a file that is added") {
                    await all.coordinator.offers.last?.sets.count == 2
                }
                // In place, as a program does that goes on writing: cut, then filled with another.
                try Data(test.prefix(5_000)).write(to: second)
                try await eventually("a file that is none is not offered, and said") {
                    let status = try all.state.status()
                    let offered = await all.coordinator.offers.last?.sets.count
                    return offered == 1 && status?.localData?.unreadableCount == 1
                }
                try Data(bytes).write(to: second)
                try FileManager.default.removeItem(atPath: directory + "/train.safetensors")
                try await eventually("a file that moved is offered once") {
                    let status = try all.state.status()
                    let offered = await all.coordinator.offers.last?.sets
                    return offered?.map(\.digest) == [set.digest]
                        && status?.localData?.unreadableCount == 0
                }
                try FileManager.default.removeItem(at: second)
                try await eventually("a file that is removed") {
                    await all.coordinator.offers.last?.sets.isEmpty == true
                }
                let count = await all.coordinator.offers.count
                try FileManager.default.removeItem(atPath: directory)
                try await eventually("a directory out of sight is said") {
                    try all.state.status()?.errors.contains {
                        $0.message.contains("cannot look for local data")
                    } == true
                }
                #expect(await all.coordinator.offers.count == count, "and takes nothing back")
            }
        }
    }

    @Test func `local data is not taken back before it was seen`() async throws {
        try await withDirectory { directory in
            let data = directory + "/not-mounted-yet"
            try await Arrangement.with(data: data) { all in
                try await all.connected()
                try await eventually("it says that it cannot look") {
                    try all.state.status()?.errors.isEmpty == false
                }
                #expect(await all.coordinator.offers.isEmpty, "an offer of nothing takes all back")
                try FileManager.default.createDirectory(
                    atPath: data, withIntermediateDirectories: true)
                try await eventually("what can be seen is offered, if it is nothing") {
                    await all.coordinator.offers.last?.sets.isEmpty == true
                }
            }
        }
    }

    @Test func `local data is trained on and measured without a row or a weight on the wire`()
        async throws
    {
        try await Self.withData { directory, bytes in
            try await Arrangement.with(data: directory) { all in
                try await eventually("the file is offered") {
                    await all.coordinator.offers.last?.sets.count == 1
                }
                let ranker = RankerConfiguration.preset(kind: .pointwise, hiddenSize: 384)
                var training = TrainingConfiguration.preset(kind: .pointwise)
                training.epochs = 1
                let train = TaskLease(
                    token: .numbered(1), taskID: TaskID(1), attempt: 1,
                    duration: .seconds(10),
                    work: .train(
                        TrainWork(
                            rankerName: "mine", rankerConfiguration: ranker.json,
                            trainingConfiguration: training.json, features: [Self.blob(bytes)],
                            initialWeights: nil, weightsStay: true)))
                await all.coordinator.say(.begin(train))
                try await eventually("the result is handed in") {
                    await all.coordinator.uploads.count == 1
                }
                let upload = await all.coordinator.uploads[0]
                #expect(upload.header.weightsStay)
                #expect(upload.bytes.isEmpty, "digest and size are all that goes")
                let kept = try #require(
                    try LocalWeights(directory: all.state.weightsPath).bytes(
                        of: upload.header.digest))
                #expect(upload.header.byteCount == Int64(kept.count))
                try await eventually("the worker says which weights it keeps") {
                    await all.coordinator.offers.last?.weights == [upload.header.digest]
                }
                let evaluate = TaskLease(
                    token: .numbered(2), taskID: TaskID(2), attempt: 1,
                    duration: .seconds(10),
                    work: .evaluate(
                        EvaluateWork(
                            rankerName: "mine",
                            weights: BlobReference(
                                digest: upload.header.digest, byteCount: upload.header.byteCount,
                                name: "mine@1"),
                            features: [Self.blob(bytes)],
                            evaluationConfiguration: try EvaluationConfiguration().json)))
                await all.coordinator.say(.begin(evaluate))
                try await eventually("it is measured") {
                    await all.coordinator.evaluations.count == 1
                }
                #expect(await all.coordinator.fetches.isEmpty, "nothing was asked for either")
                let copy = all.state.cachePath + "/\(Self.blob(bytes).digest)"
                #expect(FileManager.default.fileExists(atPath: copy))
                try FileManager.default.removeItem(atPath: directory + "/train.safetensors")
                try await eventually("the copy goes with the file") {
                    !FileManager.default.fileExists(atPath: copy)
                }
                let wire = await all.coordinator.wire
                #expect(
                    wire.count < 40_000,
                    "\(bytes.count) bytes of features, \(kept.count) of weights")
                #expect(!Self.leaks(bytes, into: wire))
                #expect(!Self.leaks(kept, into: wire))
                // The measure is one: of the same bytes on the wire it would have said so.
                #expect(Self.leaks(bytes, into: wire + bytes[9_000..<10_000]))
            }
        }
    }

    @Test func `local data that changes under a task is noticed, and nothing else is trained on`()
        async throws
    {
        try await Self.withData { directory, bytes in
            try await Arrangement.with(data: directory) { all in
                try await eventually("the file is offered") {
                    await all.coordinator.offers.last?.sets.count == 1
                }
                var other = bytes
                other[other.count - 1] ^= 1
                // Between the offer and the task, before anybody looks again.
                try Data(other).write(to: URL(fileURLWithPath: directory + "/train.safetensors"))
                await all.coordinator.say(.begin(try all.work(1, Self.blob(bytes))))
                try await eventually("the attempt fails") {
                    await all.coordinator.failures.count == 1
                }
                #expect(await all.coordinator.uploads.isEmpty)
                try await eventually("what is there now is offered") {
                    await all.coordinator.offers.last?.sets.map(\.digest) == [
                        Self.blob(other).digest
                    ]
                }
            }
        }
    }

    @Test func `damaged local weights are reported, and not made up`() async throws {
        try await Arrangement.with { all in
            try await all.connected()
            let evaluate = TaskLease(
                token: .numbered(2), taskID: TaskID(2), attempt: 1,
                duration: .seconds(10),
                work: .evaluate(
                    EvaluateWork(
                        rankerName: "mine",
                        weights: BlobReference(
                            digest: Self.blob([1]).digest, byteCount: 1, name: "mine@1"),
                        features: [Self.blob([2])],
                        evaluationConfiguration: try EvaluationConfiguration().json)))
            let weights = LocalWeights(directory: all.state.weightsPath)
            try weights.keep([9], Self.blob([1]).digest)
            await all.coordinator.say(.begin(evaluate))
            try await eventually("the attempt fails") {
                await all.coordinator.failures.count == 1
            }
            #expect(await all.coordinator.failures[0].retryable == false)
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct `An owner's limits` {
    @Test(arguments: [
        (WorkPolicy(domains: [try! DomainPattern("code")]), "allows code"),
        (WorkPolicy(taskByteCountMax: 1_000), "owner allows 1000"),
        (WorkPolicy(hours: try! WorkingHours("00:00-00:01,00:02-00:03")), "works 00:00-00:01"),
    ])
    func `limits are kept to before a byte is fetched`(policy: WorkPolicy, words: String)
        async throws
    {
        // At these two minutes of the day the worker would be right to take it.
        if policy.hours?.contain(Date()) == true { return }
        try await Arrangement.with(policy: policy) { all in
            try await all.connected()
            let features = await all.coordinator.add(
                try Arrangement.features("train"), name: "train")
            await all.coordinator.say(.begin(try all.work(1, features)))
            try await eventually("the task is given back") {
                await all.coordinator.failures.count == 1
            }
            #expect(await all.coordinator.failures[0].message.contains(words))
            #expect(await all.coordinator.failures[0].retryable)
            #expect(await all.coordinator.fetches.isEmpty)
            let hello = try #require(await all.coordinator.hellos.first)
            #expect(hello.domains == policy.domains)
            #expect(hello.taskByteCountMax == policy.taskByteCountMax)
            if policy.hours != nil { #expect(await all.coordinator.availabilities == [false]) }
        }
    }

    @Test func `a limit of memory stops the task that goes past it, and not the worker`()
        async throws
    {
        try await Arrangement.with(memory: 1 << 20) { all in
            try await all.connected()
            let features = await all.coordinator.add(
                try Arrangement.features("train"), name: "train")
            await all.coordinator.say(.begin(try all.work(1, features, epochs: 1_000)))
            try await eventually("the task is given back") {
                await all.coordinator.failures.count == 1
            }
            #expect(await all.coordinator.failures[0].message.contains("of memory in use"))
            #expect(await all.coordinator.failures[0].retryable)
            try await eventually("the worker is there") {
                await all.coordinator.heartbeats.last?.isEmpty == true
            }
        }
    }

    @Test(arguments: [
        ("09:00-17:30", "09:00", true), ("09:00-17:30", "17:29", true),
        ("09:00-17:30", "17:30", false), ("09:00-17:30", "08:59", false),
        ("22:00-6:00", "23:59", true), ("22:00-6:00", "00:00", true),
        ("22:00-6:00", "06:00", false), ("1:00-2:00, 3:00-24:00", "23:59", true),
        ("1:00-2:00, 3:00-24:00", "02:30", false), ("00:00-24:00", "12:00", true),
    ])
    func `hours of work are times of day`(text: String, time: String, isWithin: Bool) throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = time.split(separator: ":").map { Int($0)! }
        let date = Date(timeIntervalSince1970: TimeInterval(parts[0] * 3_600 + parts[1] * 60))
        #expect(try WorkingHours(text).contain(date, calendar) == isWithin)
    }

    @Test(arguments: [
        "", "9-17", "09:00", "09:00-09:00", "25:00-26:00", "1:00-2:60", "a:b-c:d", "1:00-2:00,",
    ])
    func `hours of work that are none are refused`(text: String) {
        #expect(throws: LanguageSystemError.self) { try WorkingHours(text) }
    }

    @Test func `a busy worker fetches ahead what its owner allows`() async throws {
        let policy = WorkPolicy(domains: [try DomainPattern("math/*")])
        try await Arrangement.with(policy: policy) { all in
            try await all.connected()
            let bytes = try Arrangement.features("train")
            let blob = await all.coordinator.add(bytes, name: "train")
            func named(_ domain: String) throws -> BlobReference {
                BlobReference(
                    digest: blob.digest, byteCount: blob.byteCount, name: "train",
                    domain: try DomainName(domain))
            }
            await all.coordinator.say(.prefetch([try named("code")]))
            await all.coordinator.say(.prefetch([try named("math/algebra")]))
            try await eventually("it is there, and said to be") {
                await all.coordinator.inventories.last == [blob.digest]
            }
            #expect(await all.coordinator.fetches == [0], "once, and of the domain allowed")
        }
    }
}
