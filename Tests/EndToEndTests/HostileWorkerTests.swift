// A worker that joined properly and lies: its results are refused with the reason and kept in the
// audit log. What it does under another's lease counts against it at once; what it hands in under
// its own may be the data's fault, until an honest worker has done the same task. The fifth that
// counts shuts it out. The coordinator and the honest worker go on.
import EdgeWork
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import Logging
import PKI
import Rankers
import Testing
import WorkerWire
import struct Crypto.SHA256

@Suite(.serialized, .timeLimit(.minutes(20))) struct `A hostile worker` {
    @Test func `a hostile worker is refused and shut out; its tasks are done by another`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.registerDemo(["geometry"])
            let hostile = try await HostileWorker.join(installation)
            for seed in 1...5 {
                _ = try await installation.sql(
                    "select ls.request_training('math/geometry.listwise', p_seed => \(seed))")
            }
            _ = try await installation.sql(
                "insert into ls.worker (name, public_key_sha256) values ('other', sha256('key'))")
            let foreign = try await installation.sql(
                """
                select l.token from ls.worker w, ls.lease_tasks(w.worker_id, '{train}', 1, 5) l
                where w.name = 'other'
                """)
            var refusals: [String] = []
            try await hostile.session(for: .train) { worker in
                refusals.append(try await worker.handIn { worker.weights($0, last: .nan) })
                refusals.append(try await worker.handIn { worker.weights($0, last: 1e30) })
                refusals.append(try await worker.handIn { worker.narrower($0) })
                refusals.append(try await worker.handIn { Array(worker.weights($0).dropLast(9)) })
                refusals.append(try await worker.handIn(under: foreign))
            }
            #expect(refusals[0].contains("not finite"))
            #expect(refusals[1].contains("found a number of size"))
            #expect(refusals[2].contains("cannot take these weights: found those of"))
            #expect(refusals[3].contains("weights"))
            #expect(refusals[4] == "cannot take a result: its lease is another worker's")

            // Of five results one can be nobody's fault but its own; of the others, nobody else has
            // tried.
            #expect(
                try await installation.sql(
                    """
                    select refused || ' ' || refused_undecided from ls.worker_status where name = \
                    'hostile'
                    """
                ) == "1 4")
            #expect(
                try await installation.sql(
                    """
                    select count(*) from ls.audit_entry
                    where actor = 'worker hostile' and action = 'result refused' and reason <> ''
                    """) == "5")

            try await installation.join("honest")
            try await eventually(within: 60, "the honest worker did all of it") {
                try await installation.sql(
                    "select count(*) from ls.task where state not in ('done', 'dead')") == "0"
            }
            #expect(try await installation.sql("select count(*) from ls.dead_letter") == "0")
            #expect(try await installation.sql("select count(*) from ls.ranker_version") == "5")
            #expect(try await installation.sql("select count(*) from ls.broken_rules(true)") == "0")

            // Somebody could do what it could not.
            try await eventually(within: 10, "the liar is in quarantine") {
                try await installation.sql(
                    "select state || refused from ls.worker_status where name = 'hostile'")
                    == "quarantined5"
            }
            let refused = await #expect(throws: LanguageSystemError.self) {
                try await hostile.session(for: .train) { _ in }
            }
            #expect(refused?.code == .identityRefused)
            #expect(refused?.message.contains("it is in quarantine: 5 of its results") == true)
            let released = try await installation.lscoord(
                "worker", "release", "hostile", "--reason", "it was a test")
            #expect(released.status == 0, "\(released)")
            try await hostile.session(for: .train) { _ in }
        }
    }

    @Test func `a worker that lies about evaluations is shut out`() async throws {
        try await Installation.with { installation in
            try await installation.registerDemo(["geometry"])
            let hostile = try await HostileWorker.join(installation)
            let weights = installation.home.appendingPathComponent("weights.safetensors")
            let shape = try RankerConfiguration(
                json: try await installation.sql("select configuration from ls.ranker"))
            try Data(RankerWeights(fresh: shape, seed: 1).safetensors()).write(to: weights)
            _ = try await installation.sql(
                """
                select ls.request_evaluation(ls.add_version('math/geometry.listwise', sha256(w), w),
                    p_configuration => jsonb_build_object('candidate_count', 10, \
                'groups_per_query', 20, 'seed', seed))
                from pg_read_binary_file('\(weights.path)') w, generate_series(1, 5) seed
                """)
            var refusals: [String] = []
            try await hostile.session(for: .evaluate) { worker in
                for lie in [
                    #""accuracy": 1.01"#,
                    #""accuracy": 1.0, "first_sample": 0, "oracle": 0, "group_count": 1"#,
                    #""accuracy": 1e400"#, #""oracle": "NaN""#, #""group_count": 4294967296"#,
                ] {
                    refusals.append(try await worker.report(lie))
                }
            }
            #expect(refusals.count == 5)
            #expect(
                refusals[0] == "cannot take an evaluation: found accuracy 1.01, expected 0 to 1")
            #expect(refusals.allSatisfy { $0.hasPrefix("cannot ") }, "\(refusals)")
            #expect(
                try await installation.sql(
                    "select refused || ' ' || refused_undecided from ls.worker_status") == "0 5")
            #expect(try await installation.sql("select count(*) from ls.evaluation") == "0")

            try await installation.join("honest")
            try await eventually(within: 60, "the liar is in quarantine") {
                try await installation.sql(
                    "select state from ls.worker_status where name = 'hostile'") == "quarantined"
            }
            #expect(try await installation.sql("select count(*) from ls.evaluation") == "5")
            #expect(try await installation.sql("select count(*) from ls.dead_letter") == "0")
        }
    }

    @Test func `a worker that trains garbage is found out, and the champion serves on`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.registerDemo(["number_theory"], training: #"{"epochs": 1}"#)
            try await installation.join("honest")
            let trained = try await installation.lscoord(
                "train", "math/number_theory.listwise", "--wait", within: 240)
            #expect(trained.status == 0, "\(trained)")
            try await installation.promote("math/number_theory.listwise@1")
            installation.killWorker("honest")
            try await eventually(within: 30, "the honest worker is gone") {
                try await installation.sql("select state from ls.worker_status") != "connected"
            }
            let hostile = try await HostileWorker.join(installation)
            _ = try await installation.sql(
                "select ls.request_training('math/number_theory.listwise', p_seed => 2)")
            try await hostile.session(for: .train) { worker in
                let answer = try await worker.handIn { worker.weights($0) }
                #expect(answer == "counted")
            }
            // What needs no ranker is no secret, and agrees. The picks are the best there are.
            let shape = try RankerConfiguration(
                json: try await installation.sql("select configuration from ls.ranker"))
            let weights = RankerWeights(fresh: shape, seed: 1)
            try await hostile.session(for: .evaluate) { worker in
                let answer = try await worker.report { work in
                    var figures = try Figures(of: weights, for: work)
                    figures.claimTheOracle()
                    return figures
                }
                #expect(answer == "counted")
            }
            try await eventually(within: 120, "a coordinator measured again") {
                try await installation.sql(
                    "select count(*) from ls.evaluation_check_status where verdict is null") == "0"
            }
            #expect(
                try await installation.sql(
                    """
                    select version, worker, verdict from ls.evaluation_check_status where reason = \
                    'trained and measured' order by 1 desc limit 1
                    """
                ) == "math/number_theory.listwise@2|hostile|refuted")
            #expect(
                try await installation.sql(
                    "select state from ls.worker_status where name = 'hostile'") == "quarantined")
            #expect(
                try await installation.sql("select champion from ls.ranker_status") == "1",
                "the champion is the one before")
            #expect(
                try await installation.sql(
                    """
                    select e.accuracy < e.oracle and e.worker_id is null from ls.evaluation e join \
                    ls.ranker_version v using (version_id) where v.number = 2
                    """
                ) == "t", "the figures are those that were found")
            #expect(
                try await installation.sql(
                    "select state from ls.worker_status where name = 'honest'") != "quarantined",
                "whoever said the truth is left in peace")
            #expect(try await installation.sql("select count(*) from ls.broken_rules(true)") == "0")
        }
    }
}

/// A worker that speaks the protocol with a certificate of its own, and does none of the work.
actor HostileWorker {
    private let identity: WorkerIdentity
    private(set) var client: WorkerClient?
    private let leases: AsyncStream<TaskLease>
    private let leasesInput: AsyncStream<TaskLease>.Continuation

    static func join(_ installation: Installation) async throws -> HostileWorker {
        let token = try await installation.lscoord(
            "token", "create", "--name", "hostile", "--quiet")
        let state = StateDirectory(installation.home.appendingPathComponent("hostile").path)
        let identity = try await Joining(
            address: try CoordinatorAddress("localhost:\(installation.restPort)"),
            token: try JoinToken(token.output.trimmingCharacters(in: .whitespacesAndNewlines)),
            name: nil, logger: Logger(label: "hostile") { _ in SwiftLogNoOpLogHandler() }
        ).join(state)
        return HostileWorker(identity)
    }

    private init(_ identity: WorkerIdentity) {
        self.identity = identity
        (leases, leasesInput) = AsyncStream.makeStream()
    }

    /// - Throws: What the coordinator refuses the session for.
    func session(
        for kind: TaskKind, capacity: Int = 1, _ body: (HostileWorker) async throws -> Void
    ) async throws {
        let client = GRPCClient(transport: try identity.transport())
        let running = Task { try await client.runConnections() }
        defer { running.cancel() }
        let service = WorkerClient(wrapping: client)
        self.client = service
        let (welcomed, welcome) = AsyncStream<Void>.makeStream()
        let input = leasesInput
        let session = Task {
            defer { welcome.finish() }
            try await service.session { writer in
                try await writer.write(
                    Languagesystem_V1_WorkerMessage(
                        .hello(
                            WorkerHello(
                                programVersion: "hostile", capacity: capacity,
                                taskKinds: [kind], heldDigests: [], heldLeases: []))))
                try await Task.sleep(for: .seconds(300))
            } onResponse: { response in
                for try await message in response.messages {
                    switch try CoordinatorCommand(message) {
                    case .welcome: welcome.yield()
                    case .begin(let work): input.yield(work)
                    case .stop, .refuse, .prefetch, .rerank: break
                    }
                }
            }
        }
        defer { session.cancel() }
        var isWelcome = false
        for await _ in welcomed {
            isWelcome = true
            break
        }
        guard isWelcome else {
            do { try await session.value } catch let error as RPCError {
                throw LanguageSystemError(error)
            }
            return
        }
        try await body(self)
    }

    func nextLease() async throws -> TaskLease {
        var iterator = leases.makeAsyncIterator()
        return try #require(await iterator.next(isolation: self))
    }

    /// - Returns: What the coordinator said to weights made for the next lease.
    func handIn(_ make: (RankerConfiguration) -> [UInt8]) async throws -> String {
        let lease = try await nextLease()
        guard case .train(let train) = lease.work else {
            throw LanguageSystemError(.internal, "got \(lease.kind)")
        }
        return try await handIn(
            make(try RankerConfiguration(json: train.rankerConfiguration)), lease.token)
    }

    func handIn(under token: String) async throws -> String {
        let shape = try RankerConfiguration(json: #"{"kind": "listwise", "hidden_size": 384}"#)
        return try await handIn(weights(shape), try LeaseToken(wire: token))
    }

    private func handIn(_ bytes: [UInt8], _ token: LeaseToken) async throws -> String {
        let header = TrainingResultHeader(
            token: token, digest: Digest(bytes: SHA256.hash(data: bytes))!,
            byteCount: Int64(bytes.count), report: "{}")
        return try await refusal {
            _ = try await $0.completeTraining { writer in
                try await writer.write(Languagesystem_V1_TrainingUpload(header))
                for start in stride(from: 0, to: bytes.count, by: WireLimits.chunkByteCount) {
                    let end = min(start + WireLimits.chunkByteCount, bytes.count)
                    try await writer.write(
                        Languagesystem_V1_TrainingUpload(
                            BlobChunk(
                                offset: Int64(start), bytes: Array(bytes[start..<end]),
                                byteCount: Int64(bytes.count))))
                }
            }
        }
    }

    /// - Returns: What the coordinator said to an evaluation of the next lease with one lie in it.
    func report(_ lie: String) async throws -> String {
        let lease = try await nextLease()
        guard case .evaluate(let evaluate) = lease.work else {
            throw LanguageSystemError(.internal, "got \(lease.kind)")
        }
        let figures = """
            {"accuracy": 0.5, "standard_error": 0.02, "first_sample": 0.38, "oracle": 0.84, \
            "group_count": 80, "query_count": 4, \
            \(evaluate.evaluationConfiguration.drop { $0 != "{" }.dropFirst().dropLast()), \(lie)}
            """
        return try await report(figures, for: evaluate, lease.token)
    }

    func report(
        _ figures: String, for evaluate: EvaluateWork, _ token: LeaseToken
    ) async throws -> String {
        let message = Languagesystem_V1_EvaluationResult(
            token: token,
            reports: evaluate.features.map {
                EvaluationResultReport(featureSet: $0.digest, report: figures)
            })
        return try await refusal { _ = try await $0.completeEvaluation(message) }
    }

    private func refusal(_ body: (WorkerClient) async throws -> Void) async throws -> String {
        do {
            try await body(try #require(client))
            return "counted"
        } catch let error as RPCError {
            return LanguageSystemError(error).message
        }
    }

    nonisolated func weights(_ shape: RankerConfiguration, last: Float = 0.5) -> [UInt8] {
        var bytes = RankerWeights(fresh: shape, seed: 1).safetensors()
        // The last tensor's last number.
        withUnsafeBytes(of: last.bitPattern.littleEndian) {
            bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: $0)
        }
        return bytes
    }

    nonisolated func narrower(_ shape: RankerConfiguration) -> [UInt8] {
        var other = shape
        other.blocks += 1
        return weights(other)
    }
}
