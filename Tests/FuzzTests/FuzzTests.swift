// Everything that reads what a stranger sent, fed with damaged inputs: no crash, no unbounded
// memory, and of what is refused one sentence. A short run here, a long one with
// deploy/develop/fuzz; what once went wrong stays in Corpus and is tried first.
import Benchmarking
import Foundation
import LanguageSystem
import PKI
import Rankers
import SwiftProtobuf
import Testing
import WorkerWire

@Suite(.serialized, .timeLimit(.minutes(60))) struct `Damaged input` {
    @Test func `a damaged join token is read as what it says, or refused`() throws {
        let token =
            "LS1" + String(repeating: "5a", count: 32) + "::0123456789ab."
            + String(repeating: "c3", count: 32)
        try fuzz("token", [Array(token.utf8), Array("LS1::".utf8)]) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            let read = try JoinToken(text)
            #expect(read.text == text)
        }
    }

    @Test func `a damaged certificate request is refused, or is one`() throws {
        let authority = try CertificateAuthority.ephemeral()
        let samples = try (0..<4).map {
            try WorkerKey().certificateRequest(name: "edge-\($0)")
        }
        try fuzz("certificate-request", samples) { bytes in
            _ = try authority.check(certificateRequest: bytes)
            // One encoding: what is accepted is a sample, undamaged.
            #expect(samples.contains(bytes), "\(Data(bytes).base64EncodedString())")
        }
    }

    @Test func `damaged authorities are refused, or are authorities that were shown`() throws {
        let authorities = try (0..<3).map { _ in try CertificateAuthority.ephemeral() }
        let pins = authorities.map(\.publicKeySHA256)
        let samples = [
            authorities[0].trustedPEM, authorities[1].trustedPEM + authorities[2].trustedPEM,
        ]
        try fuzz("authorities", samples.map { Array($0.utf8) }) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            let read = try TrustedRoots(pem: text, place: "the coordinator's answer")
            // Each signed itself: a damaged one is none.
            #expect(read.pins.allSatisfy(pins.contains))
        }
    }

    @Test func `damaged weights are refused, or are finite weights of the shape they name`() throws
    {
        let shapes = [
            #"{"kind": "listwise", "hidden_size": 4, "projection_dim": 4, "heads": 2}"#,
            #"{"kind": "pointwise", "hidden_size": 4, "projection_dim": 2}"#,
        ]
        let samples = try shapes.map {
            RankerWeights(fresh: try RankerConfiguration(json: $0), seed: 1).safetensors()
        }
        try fuzz("weights", samples) { bytes in
            let weights = try RankerWeights(safetensors: bytes)
            #expect(weights.largestMagnitude.isFinite)
            #expect(weights.parameterCount == weights.configuration.parameterCount)
            #expect(try RankerWeights(safetensors: weights.safetensors()) == weights)
        }
    }

    @Test func `a damaged feature file is refused, or is as many rows as it says`() throws {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "ls-fuzz-\(getpid()).safetensors").path
        defer { unlink(path) }
        let signal = PlantedSignal(hiddenSize: 4, responseCount: 3, seed: 1, delta: 8)
        _ = try signal.write(to: path, queryCount: 2, split: .test)
        let sample = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        try fuzz("features", [sample]) { bytes in
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let summary = Result { try FeatureFileSummary(contentsOf: path) }
            let set = try FeatureSet(safetensors: bytes)
            #expect(try summary.get().metadata == set.metadata)
            #expect(try summary.get().queryCount == set.queryCount)
            #expect(try summary.get().responseCount == set.responseCount)
            #expect(set.offsets.count == set.queryCount + 1)
            #expect(set.offsets.last == set.responseCount && set.labels.count == set.responseCount)
        }
    }

    @Test func `damaged configurations and reports are refused, or are read the same again`() throws
    {
        let samples = [
            #"{"kind":"listwise","hidden_size":4096,"blocks":2,"heads":4,"activation":"gelu"}"#,
            #"{"kind":"pointwise","hidden_size":384,"residual":true,"similarity":"affine"}"#,
        ]
        try fuzz("configuration", samples.map { Array($0.utf8) }) { bytes in
            let read = try RankerConfiguration(json: String(decoding: bytes, as: UTF8.self))
            #expect(try RankerConfiguration(json: read.json) == read)
        }
    }

    @Test func `a worker's damaged message is refused, or maps to the same again`() throws {
        let digest = Digest(bytes: [UInt8](repeating: 7, count: 32))!
        let token = try LeaseToken(wire: "0f8fad5b-d9cb-469f-a165-70867728950e")
        let reports: [WorkerEvent] = [
            .hello(
                WorkerHello(
                    programVersion: "1", capacity: 3, taskKinds: [.train, .evaluate],
                    heldDigests: [digest], heldLeases: [token],
                    domains: [try DomainPattern("math/*")], taskByteCountMax: 1 << 30,
                    reranks: true, combinesSignals: true)),
            .reranked(
                EdgeRerankReply(
                    number: 7,
                    .scored(
                        [0.5, -0.25, .nan],
                        combined: CombinedScores([1, 2, .nan], signals: ["answers", "scores.a"]),
                        compute: .microseconds(300)))),
            .reranked(
                EdgeRerankReply(number: 8, .refused(LanguageSystemError(.unavailable, "not yet")))),
            .localData(
                LocalData(
                    sets: [
                        FeatureSetDescription(
                            digest: digest, byteCount: 9, baseModel: "m",
                            domain: try DomainName("math/algebra"), split: .train, user: "ada",
                            labelKind: "binary", hiddenSize: 4, queryCount: 2, responseCount: 8,
                            layer: 20, layerFraction: 0.625)
                    ], weights: [digest])),
            .availability(takesTasks: true),
            .heartbeat([LeaseProgress(token: token, progress: 0.5, note: "step 1")]),
            .inventory([digest, digest]), .draining,
        ]
        let samples = try reports.map {
            try Languagesystem_V1_WorkerMessage($0).serializedBytes() as [UInt8]
        }
        try fuzz("worker-message", samples) { bytes in
            let message = try Languagesystem_V1_WorkerMessage(serializedBytes: bytes)
            let report = try WorkerEvent(message)
            #expect(try WorkerEvent(Languagesystem_V1_WorkerMessage(report)) == report)
        }
    }

    @Test func `a damaged result is refused, or holds to its limits`() throws {
        let token = try LeaseToken(wire: "0f8fad5b-d9cb-469f-a165-70867728950e")
        let digest = Digest(bytes: [UInt8](repeating: 7, count: 32))!
        let evaluation = Languagesystem_V1_EvaluationResult(
            token: token,
            reports: [EvaluationResultReport(featureSet: digest, report: #"{"accuracy": 0.5}"#)])
        try fuzz("evaluation-result", [try evaluation.serializedBytes()]) { bytes in
            let message = try Languagesystem_V1_EvaluationResult(serializedBytes: bytes)
            _ = try LeaseToken(wire: message.leaseToken)
            for report in try [EvaluationResultReport](message) {
                #expect(report.report.utf8.count <= WireLimits.jsonByteCountMax)
            }
        }
        let uploads = [
            Languagesystem_V1_TrainingUpload(
                TrainingResultHeader(token: token, digest: digest, byteCount: 9, report: "{}")),
            Languagesystem_V1_TrainingUpload(
                BlobChunk(offset: 0, bytes: [1, 2, 3], byteCount: 9)),
        ]
        try fuzz("training-upload", try uploads.map { try $0.serializedBytes() }) { bytes in
            switch try Languagesystem_V1_TrainingUpload(serializedBytes: bytes).message {
            case .header(let header): _ = try TrainingResultHeader(header)
            case .chunk(let chunk):
                let piece = try BlobChunk(chunk)
                #expect(piece.offset >= 0 && piece.bytes.count <= WireLimits.chunkByteCount)
            case nil: break
            }
        }
        var failure = Languagesystem_V1_FailAttemptRequest()
        failure.leaseToken = token.description
        failure.code = "internal"
        failure.message = "it broke\nin two"
        try fuzz("failure", [try failure.serializedBytes()]) { bytes in
            let message = try Languagesystem_V1_FailAttemptRequest(serializedBytes: bytes)
            let line = WireLimits.line(message.message)
            #expect(line.isEmpty || isOneLine(line))
        }
    }

    @Test func `a coordinator's damaged message is refused, or maps to the same again`() throws {
        let digest = Digest(bytes: [UInt8](repeating: 7, count: 32))!
        let token = try LeaseToken(wire: "0f8fad5b-d9cb-469f-a165-70867728950e")
        let blob = BlobReference(
            digest: digest, byteCount: 5, name: "math train", domain: try DomainName("math"))
        let notices: [CoordinatorCommand] = [
            .welcome(
                workerName: "edge-1", coordinatorVersion: "1",
                heartbeatInterval: .milliseconds(900)),
            .begin(
                TaskLease(
                    token: token, taskID: TaskID(7), attempt: 2, duration: .seconds(10),
                    work: .train(
                        TrainWork(
                            rankerName: "math.listwise", rankerConfiguration: "{}",
                            trainingConfiguration: "{}", features: [blob], initialWeights: blob,
                            weightsStay: true)))),
            .refuse([DataRefusal(digest: digest, message: "no", hint: "ask")]),
            .prefetch([blob]),
            .rerank(
                EdgeRerankOrder(
                    number: 7,
                    EdgeRerank(
                        rankerName: "math.listwise", weights: blob,
                        features: [UInt8](repeating: 0x3c, count: 3 * 4 * 2), dtype: .float16,
                        candidateCount: 2, hiddenSize: 4,
                        signals: RerankSignals(
                            logProbabilities: [-1, -20], tokenCounts: [3, 40], answers: [0, -1],
                            finished: [true, false], numbers: ["a": [0.5, 1e9]]),
                        traceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
                    deadline: .milliseconds(200))),
            .stop(lost: [token], cancelled: [], leaseDuration: .seconds(9)),
        ]
        let samples = try notices.map {
            try Languagesystem_V1_CoordinatorMessage($0).serializedBytes() as [UInt8]
        }
        try fuzz("coordinator-message", samples) { bytes in
            let message = try Languagesystem_V1_CoordinatorMessage(serializedBytes: bytes)
            let notice = try CoordinatorCommand(message)
            #expect(try CoordinatorCommand(Languagesystem_V1_CoordinatorMessage(notice)) == notice)
        }
    }

    @Test func `another coordinator's damaged rerank is refused, or maps to the same again`() throws
    {
        let digest = Digest(bytes: [UInt8](repeating: 7, count: 32))!
        let sample = Languagesystem_V1_PeerRerank(
            PeerRerank(
                worker: WorkerID(7),
                order: EdgeRerankOrder(
                    number: 0,
                    EdgeRerank(
                        rankerName: "math.listwise",
                        weights: BlobReference(
                            digest: digest, byteCount: 5, name: "math.listwise@1"),
                        features: [UInt8](repeating: 0x3c, count: 3 * 4 * 2), dtype: .float16,
                        candidateCount: 2, hiddenSize: 4),
                    deadline: .milliseconds(200))))
        try fuzz("peer-rerank", [try sample.serializedBytes()]) { bytes in
            let rerank = try PeerRerank(Languagesystem_V1_PeerRerank(serializedBytes: bytes))
            #expect(rerank.worker.rawValue > 0)
            #expect(try PeerRerank(Languagesystem_V1_PeerRerank(rerank)) == rerank)
        }
    }
}

// MARK: Running

/// Among which the inputs are divided.
private let surfaceCount: UInt64 = 12

/// Tries the kept inputs of `surface`, then as many new ones as were asked for.
private func fuzz(
    _ surface: String, _ samples: [[UInt8]], _ read: ([UInt8]) throws -> Void
) throws {
    let environment = ProcessInfo.processInfo.environment
    let count = UInt64(environment["LS_FUZZ_INPUTS"] ?? "") ?? 40_000
    let seed = UInt64(environment["LS_FUZZ_SEED"] ?? "") ?? 1
    let progress = try FuzzProgress(surface, seed)
    let before = try residentByteCount()
    var (acceptedCount, inputCount) = (0, 0)
    func attempt(_ input: [UInt8]) {
        inputCount += 1
        do {
            try read(input)
            acceptedCount += 1
        } catch let error as LanguageSystemError {
            #expect(isOneLine(error.message), "\(surface): \(error.message)")
            #expect(error.message.utf8.count < 1_000 && error.code != .internal, "\(error)")
        } catch is BinaryDecodingError {
            // No message at all: the transport refuses it.
        } catch {
            Issue.record("\(surface): \(error)")
        }
    }
    for input in try keptInputs(surface) + samples { attempt(input) }
    for index in 0...count / surfaceCount {
        progress.note(index)
        attempt(Mutator.input(index, seed: seed, samples: samples))
    }
    let growth = try residentByteCount() - before
    #expect(acceptedCount >= samples.count - 1, "the samples themselves are read")
    // Alone (deploy/develop/fuzz) the memory is the readers'; among all tests, also that of whoever
    // runs beside them.
    let growthMax = environment["LS_FUZZ_INPUTS"] == nil ? 2 << 30 : 256 << 20
    #expect(growth < growthMax, "\(surface) grew by \(growth >> 20) MB")
    print("fuzz \(surface): \(inputCount) inputs, \(acceptedCount) accepted, seed \(seed)")
}

private func isOneLine(_ text: String) -> Bool {
    !text.isEmpty && text.unicodeScalars.allSatisfy(\.isPrintable)
}

private func keptInputs(_ surface: String) throws -> [[UInt8]] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "Corpus")
    return try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { $0.hasPrefix(surface + ".") }.sorted()
        .map { Array(try Data(contentsOf: folder.appending(path: $0))) }
}

private func residentByteCount() throws -> Int {
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(
        separator: " ")
    return (Int(pages[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
}

/// Which input is being read, in a file that is there after a crash.
private final class FuzzProgress {
    private let descriptor: Int32
    private let path: String

    init(_ surface: String, _ seed: UInt64) throws {
        path =
            FileManager.default.temporaryDirectory
            .appending(path: "ls-fuzz-\(getpid())-\(surface)-seed-\(seed)").path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
    }

    func note(_ index: UInt64) {
        withUnsafeBytes(of: index) { _ = pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    deinit {
        close(descriptor)
        unlink(path)
    }
}
