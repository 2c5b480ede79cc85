// A worker and a scripted coordinator over real mutual TLS: what it does with tasks, and with
// trouble.
import Foundation
import LanguageSystem
import Logging
import PKI
import Rankers
import Testing
import WorkerWire

@testable import EdgeWork

/// One worker that runs while `body` does.
struct Arrangement {
    let coordinator: ScriptedCoordinator
    let worker: EdgeWorker
    let state: StateDirectory
    let running: Task<Void, any Error>

    static let features = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("deploy/examples/math/precalculus")

    /// Who has been told that the authority's key was rotated.
    enum Rotated { case nobody, coordinator, worker }

    static func features(_ split: String) throws -> [UInt8] {
        Array(try Data(contentsOf: features.appendingPathComponent("\(split).safetensors")))
    }

    static func with(
        host: String = "127.0.0.1", capacity: Int = 1,
        policy: WorkPolicy = WorkPolicy(), memory: Int64? = nil, data: String? = nil,
        drain: Duration = .seconds(10), upkeepInterval: Duration = .milliseconds(250),
        lifetime: Duration = .seconds(24 * 3600),
        issuedAgo: TimeInterval = 0, issuer: CertificateAuthority? = nil, startsServer: Bool = true,
        rotated: Rotated = .nobody,
        _ body: (Arrangement) async throws -> Void
    ) async throws {
        try await withDirectory { directory in
            let (authority, next) = try rotatedAuthority(in: directory + "/ca")
            let coordinator = ScriptedCoordinator(
                authority: rotated == .coordinator ? next : authority)
            try await coordinator.start(issuer: issuer)
            let state = StateDirectory(directory + "/state")
            try state.prepare()
            let key = try state.keyForJoining()
            let mine = rotated == .worker ? next : authority
            let issued = try mine.issueWorkerCertificate(
                try mine.check(certificateRequest: try key.certificateRequest(name: "edge-1")),
                workerName: "edge-1",
                at: Date() - issuedAgo, lifetime: lifetime)
            let identity = try WorkerIdentity(
                endpoint: CoordinatorEndpoint(
                    host: host, restPort: 1, workerPort: await coordinator.port),
                roots: try TrustedRoots(pem: mine.trustedPEM, place: "test"),
                chainPEM: issued.chainPEM,
                chainPath: "test", key: key)
            try state.save(identity)
            if !startsServer { await coordinator.stop() }
            var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            logger.logLevel = .debug
            let worker = try EdgeWorker(
                identity: try #require(try state.identity()), state: state,
                settings: EdgeSettings(
                    capacity: capacity, policy: policy, threadCount: 1,
                    memoryByteCountMax: memory, dataDirectory: data, cacheByteCountMax: 64 << 20,
                    drainDuration: drain),
                upkeepInterval: upkeepInterval, logger: logger)
            let running = Task { try await worker.run() }
            do {
                try await body(
                    Arrangement(
                        coordinator: coordinator, worker: worker, state: state, running: running))
            } catch {
                running.cancel()
                await coordinator.stop()
                throw error
            }
            running.cancel()
            _ = await running.result
            await coordinator.stop()
        }
    }

    func connected() async throws {
        try await eventually("the worker is connected") { await coordinator.heartbeats.count > 0 }
    }

    func work(_ number: Int64, _ features: BlobReference, epochs: Int = 1) throws -> TaskLease {
        var training = TrainingConfiguration.preset(kind: .pointwise)
        training.epochs = epochs
        return TaskLease(
            token: .numbered(number), taskID: TaskID(number), attempt: 1,
            duration: .seconds(10),
            work: .train(
                TrainWork(
                    rankerName: "math/precalculus.pointwise",
                    rankerConfiguration: RankerConfiguration.preset(
                        kind: .pointwise, hiddenSize: 384
                    ).json,
                    trainingConfiguration: training.json, features: [features], initialWeights: nil)
            ))
    }

    /// A training that takes longer than any test, begun.
    func endlessTraining(_ number: Int64 = 1) async throws -> LeaseToken {
        let features = await coordinator.add(try Self.features("train"), name: "train")
        let work = try work(number, features, epochs: 1_000)
        await coordinator.say(.begin(work))
        try await eventually("training is under way") {
            await coordinator.heartbeats.last?.first { $0.token == work.token }?.progress ?? 0 > 0
        }
        return work.token
    }
}

@Suite(.timeLimit(.minutes(20))) struct `Worker session` {
    @Test(arguments: ["127.0.0.1", "localhost"])
    func `trains what it is leased, reports progress and hands in weights of the announced digest`(
        host: String
    )
        async throws
    {
        try await Arrangement.with(host: host) { all in
            try await all.connected()
            let features = await all.coordinator.add(
                try Arrangement.features("train"), name: "train")
            let work = try all.work(1, features)
            await all.coordinator.say(.begin(work))
            try await eventually("the result is handed in") {
                await all.coordinator.uploads.count == 1
            }
            let upload = await all.coordinator.uploads[0]
            #expect(upload.header.token == work.token)
            #expect(upload.header.byteCount == Int64(upload.bytes.count))
            #expect(digest(of: upload.bytes) == upload.header.digest)
            _ = try RankerWeights(safetensors: upload.bytes)
            #expect(
                await all.coordinator.heartbeats.contains { $0.contains { $0.token == work.token } }
            )
            try await eventually("the worker says what it holds") {
                await all.coordinator.inventories.last == [features.digest]
            }
            try await eventually("the lease is gone from its heartbeats") {
                await all.coordinator.heartbeats.last?.isEmpty == true
            }
            #expect(await all.coordinator.failures.isEmpty)
        }
    }

    @Test func `evaluates a version on every feature set, in order`() async throws {
        try await Arrangement.with { all in
            try await all.connected()
            let train = await all.coordinator.add(try Arrangement.features("train"), name: "train")
            let test = await all.coordinator.add(try Arrangement.features("test"), name: "test")
            await all.coordinator.say(.begin(try all.work(1, train)))
            try await eventually("weights exist") {
                await all.coordinator.uploads.count == 1
            }
            let weights = await all.coordinator.add(
                await all.coordinator.uploads[0].bytes, name: "weights")
            await all.coordinator.say(
                .begin(
                    TaskLease(
                        token: .numbered(1_001), taskID: TaskID(2), attempt: 1,
                        duration: .seconds(10),
                        work: .evaluate(
                            EvaluateWork(
                                rankerName: "r", weights: weights, features: [test, train],
                                evaluationConfiguration: EvaluationConfiguration.preset.json)))))
            try await eventually("the evaluation is handed in") {
                await all.coordinator.evaluations.count == 1
            }
            let reports = await all.coordinator.evaluations[0]
            #expect(reports.map(\.featureSet) == [test.digest, train.digest])
            #expect(reports.allSatisfy { $0.report.contains("\"accuracy\"") })
        }
    }

    @Test(arguments: [false, true])
    func `stops a training whose lease is lost or cancelled, and says nothing of it`(
        cancelled: Bool
    ) async throws {
        try await Arrangement.with { all in
            try await all.connected()
            let token = try await all.endlessTraining()
            await all.coordinator.say(
                .stop(
                    lost: cancelled ? [] : [token], cancelled: cancelled ? [token] : [],
                    leaseDuration: .seconds(10)))
            try await eventually("the training has stopped") {
                await all.coordinator.heartbeats.last?.isEmpty == true
            }
            #expect(await all.coordinator.uploads.isEmpty)
            #expect(await all.coordinator.failures.isEmpty)
        }
    }

    @Test func `comes back to a restarted coordinator with the lease it still works on`()
        async throws
    {
        try await Arrangement.with { all in
            try await all.connected()
            let token = try await all.endlessTraining()
            await all.coordinator.stop()
            try await all.coordinator.start()
            try await eventually("the worker is back") { await all.coordinator.hellos.count == 2 }
            let hello = await all.coordinator.hellos[1]
            #expect(hello.heldLeases == [token])
            #expect(hello.heldDigests.count == 1)
        }
    }

    @Test func `finishes without a coordinator, and hands in once there is one`() async throws {
        try await Arrangement.with { all in
            try await all.connected()
            let features = await all.coordinator.add(
                try Arrangement.features("train"), name: "train")
            let work = try all.work(1, features, epochs: 20)
            await all.coordinator.say(.begin(work))
            try await eventually("the features are on the worker's disk") {
                await all.coordinator.fetches.count == 1
            }
            try await Task.sleep(for: .milliseconds(100))
            await all.coordinator.stop()
            try await Task.sleep(for: .milliseconds(300))
            try await all.coordinator.start()
            try await eventually("the result is handed in") {
                await all.coordinator.uploads.count == 1
            }
            #expect(await all.coordinator.uploads[0].header.token == work.token)
        }
    }

    @Test func `waits for a coordinator that was never up`() async throws {
        try await Arrangement.with(startsServer: false) { all in
            try await eventually("it has failed to connect") {
                try all.state.status()?.errors.isEmpty == false
            }
            try await all.coordinator.start()
            try await all.connected()
        }
    }

    @Test func `does not talk to an impostor`() async throws {
        try await Arrangement.with(issuer: try CertificateAuthority.ephemeral()) { all in
            try await eventually("it has refused") { try all.state.status()?.errors.first != nil }
            try await Task.sleep(for: .milliseconds(500))
            #expect(await all.coordinator.hellos.isEmpty)
        }
    }

    @Test func `goes on with a blob where the line broke, and fetches damaged bytes again`()
        async throws
    {
        try await Arrangement.with { all in
            try await all.connected()
            let features = await all.coordinator.add(
                try Arrangement.features("train"), name: "train")
            await all.coordinator.breakNextFetch(after: 150_000)
            await all.coordinator.say(.begin(try all.work(1, features)))
            try await eventually("the result is handed in") {
                await all.coordinator.uploads.count == 1
            }
            #expect(await all.coordinator.fetches == [0, 150_000])
            let other = await all.coordinator.add(try Arrangement.features("test"), name: "test")
            await all.coordinator.damageNextFetchOnce()
            await all.coordinator.say(.begin(try all.work(2, other)))
            try await eventually("the second result is handed in") {
                await all.coordinator.uploads.count == 2
            }
            #expect(await all.coordinator.fetches == [0, 150_000, 0, 0])
        }
    }

    @Test func `sends an upload again that broke half-way`() async throws {
        try await Arrangement.with { all in
            try await all.connected()
            let features = await all.coordinator.add(
                try Arrangement.features("train"), name: "train")
            await all.coordinator.breakNextUploadOnce()
            await all.coordinator.say(.begin(try all.work(1, features)))
            try await eventually("the result is handed in") {
                await all.coordinator.uploads.count == 1
            }
            let upload = await all.coordinator.uploads[0]
            #expect(digest(of: upload.bytes) == upload.header.digest)
        }
    }

    @Test func `says why an attempt failed, and whether another try makes sense`() async throws {
        try await Arrangement.with { all in
            try await all.connected()
            let garbage = await all.coordinator.add([1, 2, 3], name: "garbage")
            await all.coordinator.say(.begin(try all.work(1, garbage)))
            try await eventually("the failure is said") {
                await all.coordinator.failures.count == 1
            }
            let failure = await all.coordinator.failures[0]
            #expect(failure.leaseToken == LeaseToken.numbered(1).description)
            #expect(failure.code == "invalidFeatures")
            #expect(!failure.retryable)
            // Its bytes are named, and nothing of this machine.
            #expect(failure.message.hasPrefix("cannot read garbage (\(garbage.digest.short)…): "))
            #expect(!failure.message.contains("/"))
        }
    }

    @Test func `what is said to others names no directory of this machine`() {
        let error = LanguageSystemError(
            .unavailable, "cannot write /srv/state/weights/ab.safetensors: see /srv/state",
            hint: "look at /data/ada/x.safetensors", cause: "/srv/state")
        let said = error.without(directories: ["/srv/state", "/data/ada"])
        #expect(said.message == "cannot write weights/ab.safetensors: see its directory")
        #expect(said.hint == "look at x.safetensors")
        #expect(said.cause == "/srv/state")
        let full = LanguageSystemError.cannotCache(
            "/srv/state/cache/0123456789abcdef", cause: "full")
        #expect(full.message == "cannot keep 0123456789ab… in this worker's cache: full")
        #expect(
            LanguageSystemError.cannotReadCache("/srv/x/0123", cause: "/srv/x").message
                == "cannot read 0123… in this worker's cache")
    }

    @Test func `does not do what its owner does not allow, whatever the coordinator says`()
        async throws
    {
        try await Arrangement.with(policy: WorkPolicy(taskKinds: [.evaluate])) { all in
            try await all.connected()
            #expect(await all.coordinator.hellos.first?.taskKinds == [.evaluate])
            let features = await all.coordinator.add(try Arrangement.features("train"), name: "t")
            await all.coordinator.say(.begin(try all.work(1, features)))
            try await eventually("it has said so") { await all.coordinator.failures.count == 1 }
            let failure = await all.coordinator.failures[0]
            #expect(failure.message == "cannot take this train task: this worker does none")
            #expect(failure.retryable)
            #expect(await all.coordinator.fetches.isEmpty)
        }
    }

    @Test func `fails an attempt whose blob nobody has`() async throws {
        try await Arrangement.with { all in
            try await all.connected()
            let nowhere = BlobReference(digest: digest(of: [9]), byteCount: 1, name: "nowhere")
            await all.coordinator.say(.begin(try all.work(1, nowhere)))
            try await eventually("the failure is said") {
                await all.coordinator.failures.count == 1
            }
            #expect(await all.coordinator.failures[0].code == "unknownFeatureSet")
        }
    }

    @Test
    func
        `begins a task that came before the last answer, and gives back what is too much`()
        async throws
    {
        try await Arrangement.with { all in
            try await all.connected()
            let token = try await all.endlessTraining(1)
            let features = await all.coordinator.add(try Arrangement.features("test"), name: "test")
            for number in [2, 3] as [Int64] {
                await all.coordinator.say(.begin(try all.work(number, features)))
            }
            try await eventually("the third is given back") {
                await all.coordinator.failures.count == 1
            }
            #expect(
                await all.coordinator.failures.map(\.leaseToken) == [
                    LeaseToken.numbered(3).description
                ])
            #expect(await all.coordinator.failures.map(\.code) == ["busy"])
            await all.coordinator.say(
                .stop(lost: [token], cancelled: [], leaseDuration: .seconds(10)))
            try await eventually("the second is done") {
                await all.coordinator.uploads.count == 1
            }
            #expect(await all.coordinator.uploads[0].header.token == .numbered(2))
        }
    }

    @Test func `says what failed without saying where this machine keeps it`() async throws {
        try await Arrangement.with { all in
            try await all.connected()
            let name = "math/precalculus train"
            let features = await all.coordinator.add(Array("no features".utf8), name: name)
            await all.coordinator.say(.begin(try all.work(1, features)))
            try await eventually("it failed") { await all.coordinator.failures.count == 1 }
            let failure = try #require(await all.coordinator.failures.first)
            #expect(failure.code == ErrorCode.invalidFeatures.rawValue)
            #expect(failure.message.contains(name), "\(failure.message)")
            #expect(!failure.message.contains(all.state.path))
            #expect(try all.state.status()?.errors.first?.message.contains(name) ?? true)
        }
    }

    @Test(arguments: [true, false])
    func `drains at once when it has no task, whatever the clock does`(isConnected: Bool)
        async throws
    {
        try await Arrangement.with(
            drain: .seconds(3_600), upkeepInterval: .seconds(3_600), startsServer: isConnected
        ) { all in
            if isConnected { try await all.connected() }
            await all.worker.drain()
            try await all.running.value
            #expect(try all.state.status()?.connection == .stopped)
        }
    }

    @Test func `drains: the running task may finish, then it leaves`() async throws {
        try await Arrangement.with(drain: .seconds(3_600), upkeepInterval: .seconds(3_600)) { all in
            try await all.connected()
            let features = await all.coordinator.add(
                try Arrangement.features("train"), name: "train")
            await all.coordinator.say(.begin(try all.work(1, features, epochs: 3)))
            try await eventually("training has begun") {
                await all.coordinator.heartbeats.last?.isEmpty == false
            }
            await all.worker.drain()
            try await all.running.value
            #expect(await all.coordinator.uploads.count == 1)
            #expect(await all.coordinator.isDraining)
            #expect(try all.state.status()?.connection == .stopped)
        }
    }

    @Test func `drains: what does not finish in time is given back`() async throws {
        try await Arrangement.with(drain: .milliseconds(300)) { all in
            try await all.connected()
            _ = try await all.endlessTraining()
            await all.worker.drain()
            try await all.running.value
            let failures = await all.coordinator.failures
            #expect(failures.map(\.leaseToken) == [LeaseToken.numbered(1).description])
            #expect(failures.map(\.retryable) == [true])
        }
    }

    @Test func `renews its certificate at half-life and comes back with the new one`() async throws
    {
        try await Arrangement.with(lifetime: .seconds(3600), issuedAgo: 3000) { all in
            try await eventually("two certificates were shown") {
                await all.coordinator.serials.count == 2
            }
            #expect(await all.coordinator.renewalCount == 1)
            let saved = try #require(try all.state.identity())
            #expect(saved.certificate.notAfter > Date() + 20 * 3600)
        }
    }

    @Test func `finds a coordinator whose key was rotated, and learns the new one by renewing`()
        async throws
    {
        try await Arrangement.with(lifetime: .seconds(3600), issuedAgo: 3000, rotated: .coordinator)
        {
            all in
            try await eventually("two certificates were shown") {
                await all.coordinator.serials.count == 2
            }
            let authority = all.coordinator.authority
            let saved = try #require(try all.state.identity())
            #expect(
                saved.roots.pins == [
                    authority.publicKeySHA256, authority.overlap?.previousPublicKeySHA256,
                ])
        }
    }

    @Test func `a worker that knows the new key is taken by a coordinator that does not`()
        async throws
    {
        try await Arrangement.with(rotated: .worker) { all in
            try await all.connected()
            #expect(all.coordinator.authority.overlap == nil)
        }
    }

    @Test func `learns no authority from a chain that is not of its new certificate`() async throws
    {
        try await withDirectory { directory in
            let (old, new) = try rotatedAuthority(in: directory + "/ca")
            let key = WorkerKey()
            func chain(_ authority: CertificateAuthority) throws -> String {
                try authority.issueWorkerCertificate(
                    try authority.check(
                        certificateRequest: try key.certificateRequest(name: "edge-1")),
                    workerName: "edge-1"
                ).chainPEM
            }
            let identity = try WorkerIdentity(
                endpoint: CoordinatorEndpoint(host: "localhost", restPort: 1, workerPort: 2),
                roots: try TrustedRoots(pem: old.certificatePEM, place: "test"),
                chainPEM: try chain(old), chainPath: "test", key: key)
            let renewed = try identity.renewed(chainPEM: try chain(new))
            #expect(renewed.roots.pem == new.trustedPEM)
            let leaf = try #require(
                try chain(new).split(separator: "-----END CERTIFICATE-----\n").first)
            let stranger = try CertificateAuthority.ephemeral()
            for tail in ["", stranger.certificatePEM, old.certificatePEM] {
                let error = #expect(throws: LanguageSystemError.self) {
                    try identity.renewed(chainPEM: leaf + "-----END CERTIFICATE-----\n" + tail)
                }
                #expect(error?.code == .identityRefused)
            }
        }
    }

    @Test func `ends with a sentence when it is revoked`() async throws {
        try await Arrangement.with { all in
            try await all.connected()
            await all.coordinator.refuse(
                LanguageSystemError(.identityRefused, "worker edge-1 is revoked"))
            await all.coordinator.stop()
            try await all.coordinator.start()
            let error = await #expect(throws: LanguageSystemError.self) {
                try await all.running.value
            }
            #expect(error?.code == .identityRefused)
            #expect(error?.message.contains("revoked") == true)
        }
    }

    @Test func `does not show a certificate that has expired; it asks for another first`()
        async throws
    {
        try await Arrangement.with(lifetime: .seconds(60), issuedAgo: 120) { all in
            // Nobody listens where it would ask.
            try await eventually("it says so") { try all.state.status()?.errors.first != nil }
            #expect(try #require(try all.state.status()).connection == .connecting)
            #expect(await all.coordinator.hellos.isEmpty)
        }
    }
}
