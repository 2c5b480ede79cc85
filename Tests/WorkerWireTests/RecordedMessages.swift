// What programs say to each other, one of each kind and every field of it. The values never change:
// programs that are out there say what they were recorded as.
import Foundation
import LanguageSystem
import RerankWire
import WorkerWire

extension `Recorded messages` {
    /// What a worker says.
    static let workers: [Recording] = [
        event(
            "hello",
            try .hello(
                WorkerHello(
                    programVersion: "0.1.0", capacity: 3, taskKinds: [.train, .evaluate],
                    heldDigests: [digest(1), digest(2)], heldLeases: [token(1)],
                    domains: [DomainPattern("math/*"), DomainPattern("code")],
                    taskByteCountMax: 1 << 40, reranks: true))),
        // Nothing said but what must be: any domain, any size, no reranks.
        event(
            "hello_least",
            .hello(
                WorkerHello(
                    programVersion: "", capacity: 1, taskKinds: [.train], heldDigests: [],
                    heldLeases: []))),
        event(
            "hello_combines",
            .hello(
                WorkerHello(
                    programVersion: "0.1.0", capacity: 1, taskKinds: [.evaluate],
                    combinesSignals: true))),
        event(
            "heartbeat",
            try .heartbeat([
                LeaseProgress(
                    token: token(1), progress: 0.25, note: "epoch 1, step 40 of 120")
            ])),
        event("inventory", try .inventory([digest(1), digest(2)])),
        event("draining", .draining),
        event(
            "local_data",
            try .localData(
                LocalData(
                    sets: [
                        FeatureSetDescription(
                            digest: digest(5), byteCount: 1 << 33, baseModel: "base",
                            domain: DomainName("math/algebra"), split: .test, user: "ada",
                            labelKind: "binary", hiddenSize: 4_096, queryCount: 2,
                            responseCount: 1 << 32, layer: 20, layerFraction: 0.625)
                    ], weights: [digest(7)]))),
        event("availability", .availability(takesTasks: true)),
        event("availability_none", .availability(takesTasks: false)),
        event(
            "rerank_scores",
            .reranked(
                EdgeRerankReply(
                    number: 1 << 40,
                    .scored([0.25, -1, .infinity], compute: .microseconds(310))))),
        event(
            "rerank_scores_combined",
            .reranked(
                EdgeRerankReply(
                    number: 5,
                    .scored(
                        [0.25, -1],
                        combined: CombinedScores(
                            [1.5, -1e-3], signals: ["logprobs", "scores.reward"]),
                        compute: .microseconds(310))))),
        event(
            "rerank_refusal",
            .reranked(EdgeRerankReply(number: 9, .refused(.init(.unavailable, "not yet"))))),
        Recording("fetch_blob") { (message: inout Languagesystem_V1_FetchBlobRequest) in
            message = Languagesystem_V1_FetchBlobRequest(
                digest: try digest(3), offset: 1 << 33)
        },
        Recording(
            "training_header",
            try TrainingResultHeader(
                token: token(1), digest: digest(4), byteCount: 1_250_000,
                report: #"{"steps":120}"#, weightsStay: true),
            as: Languagesystem_V1_TrainingUpload.init, read: { try .init($0.header) }),
        Recording(
            "training_chunk", piece, as: Languagesystem_V1_TrainingUpload.init,
            read: { try .init($0.chunk) }),
        Recording(
            "evaluation_result",
            try EvaluationResult(
                token: token(2),
                reports: [
                    EvaluationResultReport(
                        featureSet: digest(5), report: #"{"accuracy":0.5}"#),
                    EvaluationResultReport(
                        featureSet: digest(6), report: #"{"accuracy":0.75}"#),
                ]),
            as: { Languagesystem_V1_EvaluationResult(token: $0.token, reports: $0.reports) },
            read: {
                EvaluationResult(token: try .init(wire: $0.leaseToken), reports: try .init($0))
            }),
        Recording("fail_attempt") { (message: inout Languagesystem_V1_FailAttemptRequest) in
            message = Languagesystem_V1_FailAttemptRequest(
                token: try token(3),
                error: LanguageSystemError(.unavailable, "cannot train: found too little memory"),
                retryable: true)
        },
        Recording("renew_certificate") {
            (message: inout Languagesystem_V1_RenewCertificateRequest) in
            message.certificateRequest = Data([0x30, 0x82, 0, 255])
        },
    ]

    /// What a coordinator says to a worker.
    static let coordinators: [Recording] = [
        command(
            "welcome",
            .welcome(
                workerName: "edge-1", coordinatorVersion: "0.1.0",
                heartbeatInterval: .milliseconds(900))),
        command(
            "task_train",
            try .begin(
                TaskLease(
                    token: token(1), taskID: TaskID(1 << 40), attempt: 2, duration: .seconds(10),
                    work: .train(
                        TrainWork(
                            rankerName: "math/algebra.listwise",
                            rankerConfiguration: #"{"kind":"listwise"}"#,
                            trainingConfiguration: #"{"seed":7}"#,
                            features: [features],
                            initialWeights: BlobReference(
                                digest: digest(2), byteCount: 6, name: "weights"),
                            weightsStay: true))))),
        command(
            "task_train_fresh",
            try .begin(
                TaskLease(
                    token: token(2), taskID: TaskID(8), attempt: 1, duration: .milliseconds(1_500),
                    work: .train(
                        TrainWork(
                            rankerName: "r", rankerConfiguration: "{}",
                            trainingConfiguration: "{}", features: [features],
                            initialWeights: nil))))),
        command(
            "task_evaluate",
            try .begin(
                TaskLease(
                    token: token(3), taskID: TaskID(9), attempt: 1, duration: .seconds(30),
                    work: .evaluate(
                        EvaluateWork(
                            rankerName: "math/algebra.listwise",
                            weights: BlobReference(
                                digest: digest(3), byteCount: 7, name: "weights"),
                            features: [features],
                            evaluationConfiguration: #"{"candidate_count":10}"#))))),
        command(
            "heartbeat_reply",
            try .stop(
                lost: [token(1)], cancelled: [token(2), token(3)],
                leaseDuration: .seconds(9))),
        command(
            "local_data_reply",
            try .refuse([
                DataRefusal(digest: digest(5), message: "cannot take it", hint: nil),
                DataRefusal(digest: digest(6), message: "cannot take it", hint: "ask"),
            ])),
        command("prefetch", try .prefetch([features])),
        command("rerank", try .rerank(rerank)),
        command(
            "rerank_signals",
            try .rerank(
                EdgeRerankOrder(
                    number: 6,
                    EdgeRerank(
                        rankerName: "r",
                        weights: BlobReference(
                            digest: digest(3), byteCount: 7, name: "weights"),
                        features: (0..<6).map(UInt8.init), dtype: .bfloat16, candidateCount: 2,
                        hiddenSize: 1,
                        signals: RerankSignals(
                            logProbabilities: [-1.25, -300], tokenCounts: [12, 0],
                            answers: [0, -1], finished: [true, false],
                            numbers: ["reward": [0.5, 0.25]])),
                    deadline: .milliseconds(200)))),
        Recording(
            "blob_chunk", piece, as: Languagesystem_V1_BlobChunk.init, read: { try .init($0) }),
        Recording(
            "completion", Completion(counted: true, versionID: RankerVersionID(1 << 40)),
            as: Languagesystem_V1_CompletionReply.init, read: { .init($0) }),
        Recording(
            "completion_lost", Completion(counted: false, versionID: nil),
            as: Languagesystem_V1_CompletionReply.init, read: { .init($0) }),
        Recording("fail_attempt_reply") { (message: inout Languagesystem_V1_FailAttemptReply) in
            message.counted = true
        },
        Recording("renew_certificate_reply") {
            (message: inout Languagesystem_V1_RenewCertificateReply) in
            message.certificateChain = "-----BEGIN CERTIFICATE-----"
        },
    ]

    /// What a coordinator says to another.
    static let peers: [Recording] = [
        Recording(
            "peer_rerank", try PeerRerank(worker: WorkerID(7), order: rerank),
            as: Languagesystem_V1_PeerRerank.init, read: { try .init($0) })
    ]

    /// What is said at the gRPC port for reranks, in both directions.
    static let callers: [Recording] = [
        Recording("call_rerank_batch") { (message: inout Languagesystem_V1_RerankBatchRequest) in
            var request = Languagesystem_V1_RerankRequest()
            request.model = "math/algebra.listwise:champion"
            request.user = "ada"
            request.domain = "math/algebra"
            request.fallbacks = ["math.listwise", "base"]
            request.topN = 2
            request.rawScores = true
            request.features.dtype = .bfloat16
            request.features.candidateCount = 2
            request.features.hiddenSize = 4
            request.features.data = Data((0..<24).map(UInt8.init))
            request.features.contract.revision = "main"
            request.features.contract.layer = -1
            request.features.contract.layerFraction = 0.625
            request.features.contract.norm = "rms"
            request.features.contract.pooling = "last"
            request.features.contract.dtype = "bfloat16"
            request.features.contract.templateDigest = "0f"
            message.requests = [request, Languagesystem_V1_RerankRequest()]
        },
        Recording("call_rerank_signals") { (message: inout Languagesystem_V1_RerankRequest) in
            message.logprobs = [-1.25, -300]
            message.tokenCounts = [12, 0]
            var answer = Languagesystem_V1_CandidateAnswer()
            answer.text = "1/2"
            message.answers = [answer, Languagesystem_V1_CandidateAnswer()]
            message.finishReason = ["stop", ""]
            var reward = Languagesystem_V1_RerankNumbers()
            reward.values = [0.5, 0.25]
            message.signals = ["reward": reward]
            message.aggregate = "weighted_vote"
        },
        Recording("call_rerank_signals_reply") { (message: inout Languagesystem_V1_RerankReply) in
            message.meta.signals = ["answers", "scores.reward"]
            message.meta.aggregate = "weighted_vote"
        },
        Recording("call_rerank_batch_reply") {
            (message: inout Languagesystem_V1_RerankBatchReply) in
            var candidate = Languagesystem_V1_RankedCandidate()
            candidate.index = 1
            candidate.relevanceScore = 0.75
            var reply = Languagesystem_V1_RerankAnswer()
            reply.reply.id = "request-1"
            reply.reply.model = "math/algebra.listwise@3"
            reply.reply.results = [candidate]
            reply.reply.meta.ranker = "math/algebra.listwise"
            reply.reply.meta.version = 3
            reply.reply.meta.digest = "0f"
            reply.reply.meta.kind = "listwise"
            reply.reply.meta.reason = "domain"
            reply.reply.meta.rule = "canary"
            reply.reply.meta.fallback = true
            reply.reply.meta.explanation = "nobody's own ranker was there"
            reply.reply.meta.where = "edge"
            reply.reply.meta.worker = "edge-1"
            reply.reply.meta.timings.routeMs = 0.25
            reply.reply.meta.timings.loadMs = 0.5
            reply.reply.meta.timings.queueMs = 0.75
            reply.reply.meta.timings.computeMs = 1.25
            var failure = Languagesystem_V1_RerankAnswer()
            failure.failure.id = "request-2"
            failure.failure.code = "unknownRanker"
            failure.failure.message = "cannot use it"
            failure.failure.hint = "register it"
            message.id = "batch-1"
            message.answers = [reply, failure]
        },
        Recording("call_prefetch") { (message: inout Languagesystem_V1_PrefetchRequest) in
            message.model = "base"
            message.user = "ada"
            message.domain = "math"
            message.pin = false
        },
        Recording("call_prefetch_reply") { (message: inout Languagesystem_V1_PrefetchReply) in
            message.model = "math.listwise@3"
            message.ranker = "math.listwise"
            message.version = 3
            message.digest = "0f"
            message.wasCached = true
            message.pinned = true
        },
    ]

    // MARK: What they are made of

    private struct EvaluationResult: Equatable {
        let token: LeaseToken
        let reports: [EvaluationResultReport]
    }

    private static let piece = BlobChunk(offset: 1 << 20, bytes: [0, 1, 255], byteCount: 1 << 33)

    private static var features: BlobReference {
        get throws {
            BlobReference(
                digest: try digest(1), byteCount: 1 << 33, name: "math/algebra train",
                domain: try DomainName("math/algebra"))
        }
    }

    private static var rerank: EdgeRerankOrder {
        get throws {
            EdgeRerankOrder(
                number: 1 << 40,
                EdgeRerank(
                    rankerName: "math/algebra.listwise",
                    weights: BlobReference(digest: try digest(3), byteCount: 7, name: "weights"),
                    features: (0..<24).map(UInt8.init), dtype: .bfloat16, candidateCount: 2,
                    hiddenSize: 4,
                    traceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
                deadline: .milliseconds(200))
        }
    }

    private static func digest(_ byte: UInt8) throws -> Digest {
        try Digest(wire: Data(repeating: byte, count: 32))
    }

    /// As a coordinator gives them out.
    private static func token(_ number: Int) throws -> LeaseToken {
        try LeaseToken(wire: "0f8fad5b-d9cb-469f-a165-70867728950\(number)")
    }

    private static func event(
        _ name: String, _ value: @autoclosure @escaping @Sendable () throws -> WorkerEvent
    ) -> Recording {
        Recording(
            name, try value(), as: Languagesystem_V1_WorkerMessage.init, read: { try .init($0) })
    }

    private static func command(
        _ name: String, _ value: @autoclosure @escaping @Sendable () throws -> CoordinatorCommand
    ) -> Recording {
        Recording(
            name, try value(), as: Languagesystem_V1_CoordinatorMessage.init,
            read: { try .init($0) })
    }
}
