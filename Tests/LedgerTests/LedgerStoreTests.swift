// Each method of LedgerStore once around: what goes in arrives, what comes out is decoded. What the
// functions decide is tested in SQL.
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Testing

@Suite struct `Ledger store` {
    @Test func `the ledger store registers base models, domains and rankers`() async throws {
        try await TestLedger.with { ledger in
            let store = ledger.store
            let contract = FeatureContract(
                revision: "abc", layer: 4, layerFraction: 0.66, norm: "before", pooling: "mean",
                dtype: "float16", templateDigest: "00")
            let model = try await store.registerBaseModel(
                "encoder", hiddenSize: 384, contract: contract)
            #expect(try await store.registerBaseModel("encoder", hiddenSize: 384) == model)
            let mismatch = await #expect(throws: LanguageSystemError.self) {
                try await store.registerBaseModel("encoder", hiddenSize: 512)
            }
            #expect(mismatch?.code == .contractMismatch)
            #expect(mismatch?.hint == "features of another contract need another name")

            let domain = try DomainName("music/jazz")
            #expect(try await store.registerDomain(domain) == store.registerDomain(domain))
            let registered = try await store.registerRanker(
                baseModel: "encoder", kind: .listwise,
                configuration: #"{"kind": "listwise", "hidden_size": 384, "residual": true}"#,
                training: #"{"seed": 1}"#, user: "ada", domain: domain)
            #expect(registered.name == "~ada/music/jazz.listwise")
            let status = try #require(try await store.rankers(named: [registered.name]).first)
            #expect(status.id == registered.id && status.kind == .listwise)
            #expect(status.user == "ada" && status.domain == domain && status.championID == nil)
        }
    }

    /// Roles and databases may have settings of their own, and figures that are compared are
    /// written as texts on their way.
    @Test func `the ledger store reads figures to the last digit, whatever the role's settings`()
        async throws
    {
        try await TestLedger.with { ledger in
            let pool = ConnectionPool(
                PoolConfiguration(
                    ledger.database.connectionInfo + " options='-c extra_float_digits=-9'"),
                logger: TestLedger.quiet)
            let figure = 0.1 + 0.2
            let (text, json): (String, String) = try await pool.withConnection { connection in
                let row = try connection.execute(
                    "select $1::float8::text as text, to_jsonb($1::float8)::text as json", figure
                ).one()
                return (try row.decode("text"), try row.decode("json"))
            }
            #expect(Double(text) == figure && Double(json) == figure)
            await pool.close()
        }
    }

    @Test func `the ledger store moves aliases and remembers why`() async throws {
        try await TestLedger.with { ledger in
            let store = ledger.store
            let ranker = try await ledger.ranker("code")
            let first = try await store.addVersion(
                to: ranker, digest: .sha256([1]), weights: [1], report: #"{"steps": 3}"#)
            let second = try await store.addVersion(
                to: ranker, digest: .sha256([2]), weights: [2], parent: first, by: "ada")
            #expect(try await store.considerPromotion(second) == false)
            #expect(try await store.promote(first, because: "there is no test set"))
            #expect(try await store.promote(second, because: "by hand", by: "ada"))
            #expect(try await store.promote(second, because: "by hand", by: "ada") == false)
            try await ledger.database.pool.execute(
                "select ls.set_alias($1, 'challenger', 'to watch')", first)
            #expect(try await store.rollback(ranker, because: "worse") == first)

            let versions = try await store.versions(of: ranker)
            #expect(versions.map(\.number) == [1, 2])
            #expect(versions[0].digest == .sha256([1]) && versions[0].report == #"{"steps": 3}"#)
            #expect(versions[1].parent == "code.listwise@1" && versions[1].byteCount == 1)
            #expect(versions[0].aliases == ["challenger", "champion"])
            let moves = try await store.aliasHistory(of: ranker)
            #expect(moves.map(\.toNumber) == [1, 1, 2, 1])
            #expect(moves[2].movedBy == "ada" && moves[2].reason == "by hand")
            let piece = try await store.readBlob(.sha256([2]), from: 0)
            #expect(piece == BlobChunk(offset: 0, bytes: [2], byteCount: 1))
            let wrong = await #expect(throws: LanguageSystemError.self) {
                try await store.addVersion(to: ranker, digest: .sha256([1]), weights: [3])
            }
            #expect(wrong?.code == .invalidWeights)
        }
    }

    @Test func `the ledger store leads a task from request to champion`() async throws {
        try await TestLedger.with { ledger in
            let store = ledger.store
            let train = try await ledger.featureSet("code", .train)
            try await ledger.featureSet("code", .test)
            let ranker = try await ledger.ranker("code")
            let worker = try await ledger.worker("w")
            let task = try await store.requestTraining(
                ranker, featureSets: [train], seed: 9, priority: -1, by: "ada")

            let lease = try #require(
                try await store.leaseTasks(
                    for: worker, kinds: [.train], countMax: 1, lasting: .seconds(10),
                    held: [.sha256(Array("codetrain".utf8))]
                ).first)
            #expect(lease.taskID == task && lease.attempt == 1 && lease.kind == .train)
            #expect(lease.rankerName == ranker && lease.weights == nil)
            #expect(lease.configuration.contains(#""seed": 9"#))
            guard case .train(let train) = lease.work else {
                Issue.record("found \(lease.kind), expected train")
                return
            }
            #expect(train.rankerConfiguration.contains(#""hidden_size": 4"#))
            #expect(
                lease.features == [
                    BlobReference(
                        digest: .sha256(Array("codetrain".utf8)), byteCount: 9, name: "code train",
                        domain: try DomainName("code"))
                ])
            let stranger = LeaseToken(rawValue: UUID())
            let answers = try await store.renewLeases(
                of: worker,
                [
                    LeaseProgress(token: lease.token, progress: 0.5, note: "step 1 of 2"),
                    LeaseProgress(token: stranger),
                ], lasting: .seconds(10))
            #expect(answers == [lease.token: .held, stranger: .lost])
            let progress = try #require(try await store.taskProgress([task]).first)
            #expect(progress.progress == 0.5 && progress.note == "step 1 of 2")
            #expect(progress.worker == "w" && progress.attemptMax == 5)

            let completion = try await store.completeTraining(
                by: worker, lease.token, digest: .sha256([7]), weights: [7], report: "{}")
            let version = try #require(completion.versionID)
            let evaluation = try #require(
                try await store.leaseTasks(
                    for: worker, kinds: [.evaluate], countMax: 5, lasting: .seconds(10)
                ).first)
            #expect(
                evaluation.weights
                    == BlobReference(digest: .sha256([7]), byteCount: 1, name: "code.listwise@1"))
            #expect(
                try await store.completeEvaluation(
                    by: worker, evaluation.token,
                    reports: [
                        (evaluation.features[0].digest, evaluationReport(accuracy: 0.5))
                    ]))
            #expect(try await store.requestEvaluation(version) == nil)
            let status = try #require(try await store.rankers(named: [ranker]).first)
            #expect(status.championID == version && status.accuracy == 0.5)
            #expect(status.firstSample == 0.38 && status.openTaskCount == 0)

            let summary = try await store.statusSummary()
            #expect(summary.taskCounts[.done] == 2 && summary.evaluationCount == 1)
            #expect(summary.championCount == 1 && summary.featureSetCount == 2)
        }
    }

    @Test func `the ledger store ends attempts in every other way`() async throws {
        try await TestLedger.with { ledger in
            let store = ledger.store
            let lease = try await ledger.leaseTraining("code")
            let worker = WorkerID(1)
            #expect(
                try await store.failAttempt(
                    by: worker, lease.token, code: "outOfMemory", message: "no memory",
                    retryable: false,
                    judgement: .confirmed))
            #expect(try await store.taskProgress([lease.taskID]).first?.state == .dead)
            try await store.redrive(lease.taskID, because: "more memory")
            func leaseAgain() async throws -> TaskLease {
                let leases = try await store.leaseTasks(
                    for: worker, kinds: [.train], countMax: 1, lasting: .seconds(60))
                return try #require(leases.first)
            }
            #expect(try await leaseAgain().attempt == 2)
            try await ledger.letExpire(lease.taskID)
            #expect(
                try await store.expireLeases() == [
                    ExpiredLease(
                        taskID: lease.taskID, attempt: 2, worker: "w", taskState: .waiting)
                ])
            let third = try await leaseAgain()
            #expect(try await store.releaseLeases(of: worker, keeping: [third.token]) == 0)
            #expect(try await store.releaseLeases(of: worker, keeping: []) == 1)
            let fourth = try await leaseAgain()
            #expect(try await store.cancelTask(lease.taskID, because: "enough"))
            #expect(try await store.cancelTask(lease.taskID, because: "enough") == false)
            let answers = try await store.renewLeases(
                of: worker, [LeaseProgress(token: fourth.token)], lasting: .seconds(1))
            #expect(answers == [fourth.token: .cancelled])
            let refused = await #expect(throws: LanguageSystemError.self) {
                try await store.redrive(lease.taskID, because: "no")
            }
            #expect(refused?.code == .forbiddenTransition)
        }
    }

    @Test func `the ledger store routes, resolves and shows the transfer matrix`() async throws {
        try await TestLedger.with { ledger in
            let store = ledger.store
            let pool = ledger.database.pool
            #expect(try await store.routePlan(baseModel: "tiny", user: "ada").entries.isEmpty)
            try await ledger.featureSet("math/algebra", .test)
            try await ledger.featureSet("math/geometry", .test)
            let worker = try await ledger.worker("w")
            for (domain, byte) in [("math/algebra", 1), ("math/geometry", 2)] as [(String, UInt8)] {
                let ranker = try await ledger.ranker(domain)
                _ = try await store.addVersion(
                    to: ranker, digest: .sha256([byte]), weights: [byte])
                try await pool.execute("select fixture.evaluate($1, 0.5)", worker)
            }
            let algebra = try DomainName("math/algebra")
            let plan = try await store.routePlan(baseModel: "tiny", domain: algebra)
            let route = try #require(plan.choices(for: "request").first)
            #expect(route.reason == .domain && route.digest == .sha256([1]))
            #expect(route.rankerName == "math/algebra.listwise" && route.versionNumber == 1)
            let named = try await store.resolve("math/geometry.listwise@1")
            #expect(named.reason == .named && named.kind == .listwise)

            let tasks = try await store.requestTransferMatrix(
                baseModel: "tiny", pattern: "math/*", kind: .listwise)
            #expect(tasks.count == 2)
            try await pool.execute(
                "select fixture.evaluate($1, 0.4), fixture.evaluate($1, 0.6)", worker)
            let again = try await store.requestTransferMatrix(baseModel: "tiny", pattern: "math/*")
            #expect(again == [])
            let cells = try await store.transferMatrix(baseModel: "tiny", kind: .listwise)
            #expect(cells.map(\.accuracy) == [0.5, 0.4, 0.6, 0.5])
            #expect(
                cells.map(\.targetDomain.description).prefix(2) == [
                    "math/algebra", "math/geometry",
                ])
            #expect(abs(try #require(cells[1].difference) + 0.1) < 1e-12)
            #expect(cells[0].oracle == 0.96 && cells[0].majority == nil && cells[0].seed == 1)
        }
    }

    @Test func `the ledger store enrols, knows and revokes workers`() async throws {
        try await TestLedger.with { ledger in
            let store = ledger.store
            let authority = Digest.sha256([1, 2, 3])
            try await store.setCertificateAuthority(
                pem: "-----BEGIN CERTIFICATE-----\n", publicKeySHA256: authority)
            let token = try await store.createJoinToken(
                for: "edge-1", lasting: .seconds(60), by: "ada")
            let match = try #require(
                try /LS1([0-9a-f]{64})::([0-9a-f]+)\.([0-9a-f]+)/.wholeMatch(in: token))
            #expect(match.1 == authority.description)
            let key = Digest.sha256([4])
            for _ in 1...2 {
                let worker = try await store.redeemJoinToken(
                    id: String(match.2), secret: String(match.3), publicKeySHA256: key,
                    workerName: "anything")
                #expect(worker == EnrolledWorker(id: WorkerID(1), name: "edge-1"))
            }
            let used = await #expect(throws: LanguageSystemError.self) {
                try await store.redeemJoinToken(
                    id: String(match.2), secret: String(match.3), publicKeySHA256: .sha256([5]),
                    workerName: nil)
            }
            #expect(used?.code == .tokenRefused)

            let worker = WorkerID(1)
            let until = Date(timeIntervalSince1970: 4_000_000_000)
            try await store.recordCertificate(
                of: worker, serial: "0a", notBefore: Date(timeIntervalSince1970: 1_700_000_000),
                notAfter: until, issuer: authority)
            #expect(try await store.authenticateWorker("edge-1", serial: "0a") == worker)
            let connection = try await store.workerConnected(
                worker,
                WorkerHello(programVersion: "0.1.0", capacity: 2, taskKinds: [.train]), to: "c1")
            let status = try #require(try await store.workers().first)
            #expect(status.state == "connected" && status.capacity == 2)
            #expect(status.certificateUntil == until && status.leaseCount == 0)
            #expect(try await store.workerDisconnected(worker, connection: connection.id))
            #expect(try await store.workers().first?.state == "away")
            try await store.revokeWorker("edge-1", because: "lost", by: "ada")
            let revoked = await #expect(throws: LanguageSystemError.self) {
                try await store.authenticateWorker("edge-1")
            }
            #expect(revoked?.code == .identityRefused)
        }
    }

    @Test func `the ledger store knows two keys of the authority while one takes over`()
        async throws
    {
        try await TestLedger.with { ledger in
            let store = ledger.store
            #expect(try await store.authorityStatus() == nil)
            let (old, new) = (Digest.sha256([1]), Digest.sha256([2]))
            let pem = "-----BEGIN CERTIFICATE-----\n"
            try await store.setCertificateAuthority(pem: pem, publicKeySHA256: old)
            let worker = try await ledger.worker("edge-1")
            func record(_ serial: String, _ issuer: Digest) async throws {
                try await store.recordCertificate(
                    of: worker, serial: serial, notBefore: Date(), notAfter: Date() + 3600,
                    issuer: issuer)
            }
            try await record("0a", old)
            try await store.rotateCertificateAuthority(
                pem: pem, publicKeySHA256: new, from: old, because: "age", by: "ada")
            let during = try #require(try await store.authorityStatus())
            #expect(during.publicKeySHA256 == new && during.previousPublicKeySHA256 == old)
            #expect(during.workerCount == 1 && during.previousWorkers == ["edge-1"])
            let refused = await #expect(throws: LanguageSystemError.self) {
                try await store.retireCertificateAuthority(because: "done")
            }
            #expect(refused?.code == .forbiddenTransition)
            try await record("0b", new)
            try await store.retireCertificateAuthority(because: "done", by: "ada")
            let after = try #require(try await store.authorityStatus())
            #expect(after.previousPublicKeySHA256 == nil && after.previousWorkers == [])
            let late = await #expect(throws: LanguageSystemError.self) {
                try await record("0c", old)
            }
            #expect(late?.code == .identityRefused)
        }
    }

    @Test func `the ledger store drops feature sets that nobody needs`() async throws {
        try await TestLedger.with { ledger in
            let id = try await ledger.featureSet("code", .train)
            try await ledger.store.dropFeatureSet(id, because: "space", by: "ada")
            #expect(try await ledger.store.featureSets() == [])
        }
    }
}
