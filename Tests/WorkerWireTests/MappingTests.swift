// Messages to values and back; whatever is too large, too short or impossible is refused.
import Foundation
import GRPCCore
import LanguageSystem
import SwiftProtobuf
import Testing
import WorkerWire

@Suite struct `Wire mapping` {
    static func digest(_ byte: UInt8) -> Digest {
        Digest(bytes: [UInt8](repeating: byte, count: 32))!
    }

    static func token(_ number: UInt8) -> LeaseToken {
        LeaseToken("0f8fad5b-d9cb-469f-a165-7086772895\(10 + number)")!
    }

    static let train = TaskLease(
        token: token(0), taskID: TaskID(7), attempt: 2, duration: .seconds(10),
        work: .train(
            TrainWork(
                rankerName: "math.listwise", rankerConfiguration: "{\"a\":1}",
                trainingConfiguration: "{}",
                features: [
                    BlobReference(
                        digest: digest(1), byteCount: 5, name: "math train",
                        domain: try! DomainName("math"))
                ],
                initialWeights: BlobReference(digest: digest(2), byteCount: 6, name: "w"),
                weightsStay: true)))
    static let localSet = FeatureSetDescription(
        digest: digest(5), byteCount: 9, baseModel: "m", domain: try! DomainName("math/algebra"),
        split: .train, user: "ada", labelKind: "binary", hiddenSize: 4, queryCount: 2,
        responseCount: 8, layer: 20, layerFraction: 0.625)
    static let evaluate = TaskLease(
        token: token(1), taskID: TaskID(8), attempt: 1, duration: .milliseconds(1_500),
        work: .evaluate(
            EvaluateWork(
                rankerName: "r", weights: BlobReference(digest: digest(3), byteCount: 7, name: "w"),
                features: [BlobReference(digest: digest(4), byteCount: 8, name: "f")],
                evaluationConfiguration: "{}")))

    static let rerank = EdgeRerankOrder(
        number: 9,
        EdgeRerank(
            rankerName: "math.listwise",
            weights: BlobReference(digest: digest(3), byteCount: 7, name: "math.listwise@2"),
            features: [UInt8](repeating: 1, count: 3 * 4 * 2), dtype: .bfloat16, candidateCount: 2,
            hiddenSize: 4,
            traceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        deadline: .milliseconds(200))

    @Test(arguments: [
        CoordinatorCommand.rerank(rerank),
        .welcome(
            workerName: "edge-1", coordinatorVersion: "1", heartbeatInterval: .milliseconds(900)),
        .begin(train), .begin(evaluate),
        .stop(lost: [token(2)], cancelled: [token(3)], leaseDuration: .seconds(9)),
        .refuse([
            DataRefusal(digest: digest(5), message: "cannot take it", hint: nil),
            DataRefusal(digest: digest(6), message: "cannot take it", hint: "ask"),
        ]),
        .prefetch([
            BlobReference(
                digest: digest(1), byteCount: 5, name: "math train",
                domain: try! DomainName("math"))
        ]),
    ])
    func `the mapping of a coordinator's messages keeps every value`(command: CoordinatorCommand)
        throws
    {
        let message = Languagesystem_V1_CoordinatorMessage(command)
        let sent = try Languagesystem_V1_CoordinatorMessage(
            serializedBytes: try message.serializedBytes() as [UInt8])
        #expect(try CoordinatorCommand(sent) == command)
    }

    @Test(arguments: [
        WorkerEvent.hello(
            WorkerHello(
                programVersion: "1", capacity: 3, taskKinds: [.train, .evaluate],
                heldDigests: [digest(1)],
                heldLeases: [token(4)], domains: [try! DomainPattern("math/*")],
                taskByteCountMax: 1 << 20, reranks: true, combinesSignals: true)),
        .reranked(
            EdgeRerankReply(
                number: 9, .scored([0.25, -1, .nan, .infinity], compute: .microseconds(310)))),
        .reranked(
            EdgeRerankReply(
                number: 10,
                .scored(
                    [0.25, -1],
                    combined: CombinedScores([1e300, .nan], signals: ["logprobs", "scores.a"]),
                    compute: .zero))),
        .reranked(
            EdgeRerankReply(number: .max, .refused(LanguageSystemError(.unavailable, "not yet")))),
        .localData(LocalData(sets: [localSet], weights: [digest(7)])),
        .availability(takesTasks: false),
        .heartbeat([LeaseProgress(token: token(4), progress: 0.5, note: "step 1")]),
        .inventory([digest(1), digest(2)]), .draining,
    ])
    func `the mapping of a worker's messages keeps every value`(event: WorkerEvent) throws {
        #expect(try WorkerEvent(Languagesystem_V1_WorkerMessage(event)) == event)
    }

    @Test(arguments: [
        "", "a b", "é", "t-1", "0f8fad5b-d9cb-469f-a165-70867728950",
        "0f8fad5b-d9cb-469f-a165-70867728950e1",
    ])
    func `the mapping refuses a token that is none`(text: String) {
        #expect(throws: LanguageSystemError.self) { try LeaseToken(wire: text) }
    }

    @Test(arguments: [Double.nan, .infinity, -0.01, 1.01])
    func `the mapping refuses progress outside of 0 to 1`(progress: Double) {
        var message = Languagesystem_V1_LeaseProgress()
        message.leaseToken = "0f8fad5b-d9cb-469f-a165-70867728950e"
        message.progress = progress
        #expect(throws: LanguageSystemError.self) { try LeaseProgress(message) }
    }

    @Test func `the mapping refuses local feature sets of impossible sizes, and too many`() {
        let message = Languagesystem_V1_WorkerMessage(
            .localData(LocalData(sets: [Self.localSet])))
        let changes: [(inout Languagesystem_V1_LocalFeatureSet) -> Void] = [
            { $0.byteCount = 0 }, { $0.byteCount = .max }, { $0.queryCount = 0 },
            { $0.responseCount = 1 }, { $0.responseCount = .max }, { $0.hiddenSize = .max },
            { $0.digest = Data() }, { $0.layerFraction = .nan }, { $0.split = "NO" },
            { $0.domain = "NO" },
        ]
        for change in changes {
            var damaged = message
            change(&damaged.localData.featureSets[0])
            #expect(throws: LanguageSystemError.self) { try WorkerEvent(damaged) }
        }
        var many = message
        many.localData.featureSets = Array(
            repeating: message.localData.featureSets[0], count: WireLimits.localSetCountMax + 1)
        #expect(throws: LanguageSystemError.self) { try WorkerEvent(many) }
    }

    @Test func `the mapping refuses a rerank of impossible sizes`() {
        let message = Languagesystem_V1_CoordinatorMessage(.rerank(Self.rerank))
        let changes: [(inout Languagesystem_V1_RerankWork) -> Void] = [
            { $0.candidateCount = 0 }, { $0.candidateCount = .max }, { $0.candidateCount = 3 },
            { $0.hiddenSize = 0 }, { $0.hiddenSize = .max }, { $0.dtype = "int8" },
            { $0.features.append(0) }, { $0.features = Data() }, { $0.clearWeights() },
            { $0.weights.byteCount = 0 },
            // In proportion, but too large.
            {
                $0.hiddenSize = 65_536
                $0.candidateCount = 1_000
                $0.features = Data(count: 1_001 * 65_536 * 2)
            },
        ]
        for change in changes {
            var damaged = message
            change(&damaged.rerank)
            #expect(throws: LanguageSystemError.self) { try CoordinatorCommand(damaged) }
        }
    }

    @Test func `the mapping of a rerank for a peer keeps every value, and refuses half of one`()
        throws
    {
        let rerank = PeerRerank(worker: WorkerID(7), order: Self.rerank)
        let message = Languagesystem_V1_PeerRerank(rerank)
        let sent = try Languagesystem_V1_PeerRerank(
            serializedBytes: try message.serializedBytes() as [UInt8])
        #expect(try PeerRerank(sent) == rerank)
        let changes: [(inout Languagesystem_V1_PeerRerank) -> Void] = [
            { $0.workerID = 0 }, { $0.workerID = -1 }, { $0.clearWork() }, { $0.work.dtype = "" },
            { $0.work.features.append(0) }, { $0.work.clearWeights() },
        ]
        for change in changes {
            var damaged = message
            change(&damaged)
            let error = #expect(throws: LanguageSystemError.self) { try PeerRerank(damaged) }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func `the mapping of a rerank carries the largest group in one message`() throws {
        let size = WireLimits.rerankFeaturesByteCountMax
        let work = EdgeRerankOrder(
            number: 1,
            EdgeRerank(
                rankerName: "r", weights: Self.rerank.rerank.weights,
                features: [UInt8](repeating: 0, count: size), dtype: .float32, candidateCount: 255,
                hiddenSize: 4_096),
            deadline: .seconds(1))
        let bytes: [UInt8] = try Languagesystem_V1_CoordinatorMessage(.rerank(work))
            .serializedBytes()
        #expect(bytes.count <= WireLimits.sessionMessageByteCountMax)
        let handedOn: [UInt8] = try Languagesystem_V1_PeerRerank(
            PeerRerank(worker: WorkerID(.max), order: work)
        ).serializedBytes()
        #expect(handedOn.count <= WireLimits.sessionMessageByteCountMax)
        #expect(try EdgeRerankOrder(Languagesystem_V1_RerankWork(work)) == work)
    }

    @Test(arguments: [
        nil, RerankSignals(answers: [0, -1]),
        RerankSignals(
            logProbabilities: [-0.1, -1e300], tokenCounts: [0, 1 << 30], answers: [.max, .min],
            finished: [true, false], numbers: ["a": [0.1, .infinity], "b-2": [1, 2]]),
    ])
    func `the mapping of a rerank keeps its signals`(signals: RerankSignals?) throws {
        let order = EdgeRerankOrder(
            number: 1,
            EdgeRerank(
                rankerName: "r", weights: Self.rerank.rerank.weights,
                features: [UInt8](repeating: 0, count: 24), dtype: .float32, candidateCount: 2,
                hiddenSize: 2, signals: signals),
            deadline: .seconds(1))
        let bytes: [UInt8] = try Languagesystem_V1_RerankWork(order).serializedBytes()
        #expect(try EdgeRerankOrder(Languagesystem_V1_RerankWork(serializedBytes: bytes)) == order)
        var message = Languagesystem_V1_RerankWork(order)
        message.signals.answers = [1, 2, 3]
        #expect(throws: LanguageSystemError.self) { try EdgeRerankOrder(message) }
        message.signals.answers = []
        var numbers = Languagesystem_V1_SignalNumbers()
        numbers.values = [1, 2]
        for name in 0..<9 { message.signals.scores["n\(name)"] = numbers }
        #expect(throws: LanguageSystemError.self) { try EdgeRerankOrder(message) }
    }

    @Test func `the mapping refuses an answer to a rerank that is no list of scores, or too long`()
    {
        var message = Languagesystem_V1_RerankScores()
        message.scores = Data(count: 7)
        #expect(throws: LanguageSystemError.self) { try EdgeRerankReply(message) }
        message.scores = Data(count: 4 * (WireLimits.candidateCountMax + 1))
        #expect(throws: LanguageSystemError.self) { try EdgeRerankReply(message) }
        message.scores = Data(count: 8)
        for count in [15, 8 * (WireLimits.candidateCountMax + 1)] {
            message.combined = Data(count: count)
            #expect(throws: LanguageSystemError.self) { try EdgeRerankReply(message) }
        }
        message.combined = Data(count: 16)
        message.signals = [String](repeating: "a", count: WireLimits.signalCountMax + 1)
        #expect(throws: LanguageSystemError.self) { try EdgeRerankReply(message) }
    }

    @Test func `a refusal with a code that is not known here is an internal one`() throws {
        var message = Languagesystem_V1_RerankScores()
        message.code = "tired"
        message.message = "cannot: tired"
        #expect(
            try EdgeRerankReply(message)
                == EdgeRerankReply(
                    number: 0, .refused(LanguageSystemError(.internal, "cannot: tired"))))
    }

    @Test func `the mapping refuses a digest of another length`() {
        #expect(throws: LanguageSystemError.self) { try Digest(wire: Data(count: 31)) }
        #expect(throws: LanguageSystemError.self) { try Digest(wire: Data()) }
    }

    @Test func `the mapping refuses what is too many`() {
        var hello = Languagesystem_V1_Hello()
        hello.capacity = 1
        hello.taskKinds = ["train"]
        hello.heldDigests = Array(
            repeating: Data(count: 32), count: WireLimits.heldDigestCountMax + 1)
        #expect(throws: LanguageSystemError.self) { try WorkerHello(hello) }
        hello.heldDigests = []
        hello.heldLeases = Array(repeating: "x", count: WireLimits.leaseCountMax + 1)
        #expect(throws: LanguageSystemError.self) { try WorkerHello(hello) }
        hello.heldLeases = []
        for capacity in [0, 65, UInt32.max] {
            hello.capacity = capacity
            #expect(throws: LanguageSystemError.self) { try WorkerHello(hello) }
        }
    }

    @Test func `the mapping ignores kinds of task it does not know, but not all of them`() throws {
        var hello = Languagesystem_V1_Hello()
        hello.capacity = 1
        hello.taskKinds = ["train", "dream"]
        #expect(try WorkerHello(hello).taskKinds == [.train])
        hello.taskKinds = ["dream"]
        #expect(throws: LanguageSystemError.self) { try WorkerHello(hello) }
        // Nothing but reranks is something.
        hello.reranks = true
        #expect(try WorkerHello(hello).taskKinds.isEmpty)
    }

    @Test func `the mapping takes a hello of before for one that combines no signals`() throws {
        var hello = Languagesystem_V1_Hello()
        hello.capacity = 1
        hello.taskKinds = ["evaluate"]
        #expect(try !WorkerHello(hello).combinesSignals)
        hello.combinesSignals = true
        #expect(try WorkerHello(hello).combinesSignals)
    }

    @Test(arguments: [
        "", "[]", "1", "{", "\"{}\"", "{\"a\":}",
        "{\"a\":\"\(String(repeating: "x", count: 300_000))\"}",
    ])
    func `the mapping refuses JSON that is no object of acceptable size`(text: String) {
        #expect(throws: LanguageSystemError.self) { try WireLimits.json(text) }
    }

    @Test func `the mapping refuses a task without work, features or weights`() {
        var lease = Languagesystem_V1_TaskLease(Self.train)
        lease.work = nil
        #expect(throws: LanguageSystemError.self) { try TaskLease(lease) }
        lease = Languagesystem_V1_TaskLease(Self.train)
        lease.train.features = []
        #expect(throws: LanguageSystemError.self) { try TaskLease(lease) }
        lease = Languagesystem_V1_TaskLease(Self.evaluate)
        lease.evaluate.clearWeights()
        #expect(throws: LanguageSystemError.self) { try TaskLease(lease) }
        lease = Languagesystem_V1_TaskLease(Self.evaluate)
        lease.evaluate.features[0].byteCount = .max
        #expect(throws: LanguageSystemError.self) { try TaskLease(lease) }
    }

    @Test func `the mapping refuses a chunk beyond its blob`() {
        var chunk = Languagesystem_V1_BlobChunk()
        chunk.bytes = Data(count: 10)
        chunk.byteCount = 15
        chunk.offset = 6
        #expect(throws: LanguageSystemError.self) { try BlobChunk(chunk) }
        chunk.offset = .max
        #expect(throws: LanguageSystemError.self) { try BlobChunk(chunk) }
        chunk.byteCount = .max
        #expect(throws: LanguageSystemError.self) { try BlobChunk(chunk) }
        chunk.offset = 0
        chunk.byteCount = 4 << 20
        chunk.bytes = Data(count: WireLimits.chunkByteCount + 1)
        #expect(throws: LanguageSystemError.self) { try BlobChunk(chunk) }
    }

    @Test func `the mapping makes a note one line of acceptable length`() {
        let note = WireLimits.line("a\nb\u{1b}[31m" + String(repeating: "é", count: 1_000))
        #expect(note.hasPrefix("a b [31m"))
        #expect(note.utf8.count <= WireLimits.lineByteCountMax)
    }

    @Test(arguments: ErrorCode.allCases)
    func `the mapping of a refusal keeps code, sentence and hint`(code: ErrorCode) {
        let error = LanguageSystemError(
            code, "cannot do it: found ü", hint: "try ‘this’", cause: "secret detail")
        let rpc = RPCError(error)
        #expect(rpc.code.rawValue == code.grpcStatus)
        #expect(!"\(rpc)".contains("secret detail"))
        let back = LanguageSystemError(rpc)
        #expect(back == LanguageSystemError(code, error.message, hint: error.hint))
    }

    @Test func `a transport's own failure is a failure to answer`() {
        #expect(
            LanguageSystemError(RPCError(code: .unavailable, message: "x")).code == .unavailable)
        #expect(LanguageSystemError(RPCError(code: .internalError, message: "x")).code == .internal)
    }
}

@Suite struct `Join messages` {
    @Test func `join messages are the JSON that the plan says`() throws {
        let request = JoinRequest(id: "i", secret: "s", name: nil, certificateRequest: [1, 2, 255])
        let json = try #require(
            try JSONSerialization.jsonObject(with: try JSONEncoder().encode(request))
                as? [String: String])
        #expect(json == ["id": "i", "secret": "s", "certificate_request": "AQL/"])
        #expect(
            try JSONDecoder().decode(JoinRequest.self, from: try JSONEncoder().encode(request))
                == request)
        #expect(!"\(request)".contains("secret"))
        let reply = try JSONDecoder().decode(
            JoinReply.self,
            from: Data(#"{"worker":"w","certificate_chain":"PEM","worker_port":8444}"#.utf8))
        #expect(reply == JoinReply(worker: "w", certificateChain: "PEM", workerPort: 8444))
    }

    @Test(arguments: [
        #"{"id":"i","secret":"s"}"#, #"{"id":"i","secret":"s","certificate_request":"%"}"#, "[]",
    ])
    func `join messages are refused when incomplete`(text: String) {
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode(JoinRequest.self, from: Data(text.utf8))
        }
    }
}
