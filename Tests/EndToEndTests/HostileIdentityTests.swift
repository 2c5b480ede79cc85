// Machines with an identity that is not, or no longer, theirs alone, and what one worker may read
// and fill: the coordinator goes on, the right machine works, and the other one hears why it does
// not.
import Foundation
import LanguageSystem
import PKI
import Testing
import WorkerWire

@testable import EdgeWork

@Suite(.serialized, .timeLimit(.minutes(20))) struct `A machine with an old identity` {
    @Test func `a machine whose name joined elsewhere does not get back in with its used token`()
        async throws
    {
        try await Installation.with { installation in
            let token = try await installation.token(for: "edge-1")
            let state = installation.home.appendingPathComponent("old")
            let rejoin = {
                let machine = try await StrangeMachine.join(
                    installation.restPort, token: token, state: state)
                await machine.leave()
            }
            try await rejoin()
            // The reply may have been lost.
            try await rejoin()
            #expect(
                try await installation.sql(
                    """
                    select count(*) from ls.audit_entry where actor = 'worker edge-1' and action = \
                    'join again'
                    """
                ) == "1")
            try await installation.changeTokens("used_at = used_at - interval '11 minutes'")
            var refusal = await #expect(throws: LanguageSystemError.self) { try await rejoin() }
            #expect(refusal?.code == .tokenRefused)
            #expect(refusal?.message.contains("more than ten minutes ago") == true)

            try await installation.join("edge-1")
            try await installation.changeTokens("used_at = clock_timestamp()")
            refusal = await #expect(throws: LanguageSystemError.self) { try await rejoin() }
            #expect(refusal?.code == .tokenRefused)
            #expect(refusal?.message.contains("has joined again since") == true)
            try await installation.changeTokens(
                "expires_at = clock_timestamp() - interval '1 second'")
            refusal = await #expect(throws: LanguageSystemError.self) { try await rejoin() }
            #expect(refusal?.message == "cannot join: the token has expired")
            let identity = try #require(try StateDirectory(state.path).identity())
            refusal = await #expect(throws: LanguageSystemError.self) {
                _ = try await identity.recovered(savedIn: StateDirectory(state.path))
            }
            #expect(refusal?.code == .identityRefused)
            #expect(
                try await installation.sql(
                    "select state from ls.worker_status where name = 'edge-1'") == "connected")
        }
    }

    /// The token stands in its environment for years, as the unit file wants it.
    @Test func `a machine whose certificate ran out recovers, and never by its used token`()
        async throws
    {
        try await Installation.with { installation in
            let token = try await installation.token(for: "edge-1")
            try installation.startWorker("edge-1", token: token)
            try await installation.connected("edge-1")
            installation.workers["edge-1"]?.stop()
            try await installation.expire("edge-1")
            try installation.startWorker("edge-1", token: token)
            try await installation.connected("edge-1")
            #expect(
                try await installation.sql(
                    """
                    select string_agg(action, ', ' order by at) from ls.audit_entry where actor \
                    like '%edge-1'
                    """
                ) == "join, recover certificate")

            // Its name joins elsewhere while it is off: neither way is open to it.
            installation.workers["edge-1"]?.stop()
            try await installation.expire("edge-1")
            let other = try await StrangeMachine.join(
                installation.restPort, token: try await installation.token(for: "edge-1"),
                state: installation.home.appendingPathComponent("other"))
            await other.leave()
            try installation.startWorker("edge-1", token: token)
            let old = try #require(installation.workers["edge-1"])
            try await eventually(within: 30, "it stops for good") { !old.process.isRunning }
            #expect(old.process.terminationStatus == 77)
            #expect(old.text.contains("no worker joined with this name and key"))
            #expect(old.text.contains("lsworker: cannot join: the token was used before"))
        }
    }

    @Test func `an old identity is shut out of whichever coordinator it is connected to`()
        async throws
    {
        try await FaultSite.with(.server, coordinators: 2) { site in
            try await site.registerGeometry()
            let old = try await StrangeMachine.join(
                site.coordinators[0].restPort, token: try await site.token(for: "edge-1"),
                state: site.home.appendingPathComponent("old"))
            try await old.open()
            #expect(await old.isWelcome)
            _ = try await site.sql("select ls.request_training('math/geometry.listwise')")
            try await eventually(within: 20, "it is leased a task") {
                await old.leases.count == 1
            }
            let features = try #require(await old.leases.first?.features.first)
            #expect(try await old.fetch(features.digest) == Int(features.byteCount))

            let new = try await StrangeMachine.join(
                site.coordinators[1].restPort, token: try await site.token(for: "edge-1"),
                state: site.home.appendingPathComponent("new"))
            try await new.open()
            try await eventually(within: 10, "the old machine's session ends") { await old.isOver }
            #expect(await old.reason?.code == .identityRefused)
            #expect(await old.reason?.message.contains("the name has joined again since") == true)
            try await eventually(within: 20, "the new machine has the task") {
                await new.leases.count == 1
            }
            // Lost to another machine: no failed attempt.
            #expect(
                try await site.sql(
                    "select attempt_count_max - attempt_count from ls.task where kind = 'train'")
                    == "4")
            for seed in 1...3 {
                _ = try await site.sql(
                    "select ls.request_training('math/geometry.listwise', p_seed => \(seed))")
            }
            let refusal = await #expect(throws: LanguageSystemError.self) {
                _ = try await old.fetch(features.digest)
            }
            #expect(refusal?.code == .identityRefused)
            try await old.open()
            #expect(await !old.isWelcome)
            #expect(await old.reason?.code == .identityRefused)
            #expect(await old.leases.isEmpty)
            #expect(await new.isWelcome)
            #expect(await !new.isOver)
            await old.leave()
            await new.leave()
        }
    }

    @Test func `a copied identity stops the older machine for good, and nobody's task pays for it`()
        async throws
    {
        try await Installation.with(workers: ["edge-1"]) { installation in
            try await installation.registerDemo(["geometry"], training: #"{"epochs": 20}"#)
            let task = try await installation.sql(
                "select ls.request_training('math/geometry.listwise')")
            try await eventually(within: 30, "it works") {
                try await installation.sql("select state from ls.task where task_id = \(task)")
                    == "leased"
            }
            let older = try #require(installation.workers["edge-1"])
            try installation.copyIdentity(of: "edge-1", to: "copy")
            try installation.startWorker("copy")
            try await eventually(within: 30, "the older one stops") { !older.process.isRunning }
            // What deploy/systemd/lsworker.service does not start again.
            #expect(older.process.terminationStatus == 77)
            #expect(
                older.text.contains(
                    """
                    lsworker: cannot go on as worker 'edge-1': another machine uses this identity
                    """),
                "\(older.text)")
            try await eventually(within: 120, "the copy does the task") {
                try await installation.sql("select state from ls.task where task_id = \(task)")
                    == "done"
            }
            #expect(
                try await installation.sql(
                    "select attempt_count_max - attempt_count from ls.task where task_id = \(task)")
                    == "4")
            #expect(
                try await installation.sql(
                    "select count(*) from ls.audit_entry where action = 'take over identity'")
                    == "1")
            let warnings = try #require(installation.coordinator?.text).split(separator: "\n")
                .filter { $0.contains("another machine uses the identity of a worker") }
            #expect(warnings.count == 1)

            // A process that is killed and started again in its own place takes nothing over.
            installation.killWorker("copy")
            try installation.startWorker("copy")
            let next = try await installation.sql(
                "select ls.request_training('math/geometry.listwise', p_seed => 2)")
            try await eventually(within: 120, "it goes on") {
                try await installation.sql("select state from ls.task where task_id = \(next)")
                    == "done"
            }
            #expect(
                try await installation.sql(
                    "select count(*) from ls.audit_entry where action = 'take over identity'")
                    == "1")
            #expect(try await installation.sql("select count(*) from ls.broken_rules(true)") == "0")
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(20))) struct `One worker` {
    @Test func `a worker reads what its tasks need, and no other user's features`() async throws {
        try await Installation.with { installation in
            try await installation.registerDemo(["geometry", "algebra"])
            let machine = try await StrangeMachine.join(
                installation.restPort, token: try await installation.token(for: "edge-1"),
                state: installation.home.appendingPathComponent("edge-1"))
            let digests = try await installation.sql(
                """
                select string_agg(digest::text, ' ' order by domain, split) from \
                ls.feature_set_status
                """
            )
            func digest(_ domain: String, _ split: String) async throws -> Digest {
                let hex = try await installation.sql(
                    """
                    select encode(f.digest, 'hex') from ls.feature_set f join ls.domain d using \
                    (domain_id)
                    where d.name = '\(domain)' and f.split = '\(split)'
                    """)
                return try #require(Digest(hex: hex))
            }
            let (geometry, algebra) = (
                try await digest("math/geometry", "train"),
                try await digest("math/algebra", "train")
            )
            func refusal(_ digest: Digest) async -> LanguageSystemError? {
                await #expect(throws: LanguageSystemError.self, "\(digests)") {
                    _ = try await machine.fetch(digest)
                }
            }
            // Enrolled, and nothing else: what is there and what is not read the same.
            let here = await refusal(geometry)
            #expect(here?.code == .unknownFeatureSet)
            let nowhere = Digest(bytes: [UInt8](repeating: 9, count: 32))!
            let gone = await refusal(nowhere)
            #expect(gone?.code == .unknownFeatureSet)
            #expect(
                here?.message.replacing(geometry.short, with: "")
                    == gone?.message.replacing(nowhere.short, with: ""))

            try await machine.open()
            _ = try await installation.sql("select ls.request_training('math/geometry.listwise')")
            try await eventually(within: 20, "a lease") { await machine.leases.count == 1 }
            #expect(try await machine.fetch(geometry) > 100_000)
            #expect(await refusal(algebra)?.code == .unknownFeatureSet)
            // Busy now, it hears what the next task needs, and may fetch that.
            _ = try await installation.sql("select ls.request_training('math/algebra.listwise')")
            try await eventually(within: 20, "a hint") {
                await machine.suggested.contains { $0.digest == algebra }
            }
            #expect(try await machine.fetch(algebra) > 100_000)
            _ = try await installation.sql(
                "select ls.cancel_task(task_id, 'test') from ls.task where ended_at is null")
            #expect(await refusal(geometry)?.code == .unknownFeatureSet)
            await machine.leave()
        }
    }

    @Test func `one worker fills no table by taking offers back, nor by asking for certificates`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.registerDemo(["geometry"])
            let machine = try await StrangeMachine.join(
                installation.restPort, token: try await installation.token(for: "edge-1"),
                state: installation.home.appendingPathComponent("edge-1"))
            try await machine.open()
            let sets = try (0..<200).map { number in
                FeatureSetDescription(
                    digest: Digest(
                        bytes: (0..<32).map { UInt8(truncatingIfNeeded: number >> ($0 % 2 * 8)) })!,
                    byteCount: 9, baseModel: Installation.baseModel,
                    domain: try DomainName("math/geometry"), split: .train, hiddenSize: 384,
                    queryCount: 1, responseCount: 2)
            }
            func ready() async throws -> String {
                try await installation.sql(
                    """
                    select count(*) from ls.feature_set where home_worker_id is not null and \
                    ready_at is not null
                    """
                )
            }
            for _ in 1...3 {
                await machine.say(.localData(LocalData(sets: sets)))
                try await eventually(within: 30, "all are offered") { try await ready() == "200" }
                await machine.say(.localData(LocalData()))
                try await eventually(within: 30, "all are taken back") { try await ready() == "0" }
            }
            #expect(
                try await installation.sql(
                    """
                    select string_agg(distinct action || ' ' || count, ', ') from ls.frequent_event
                    """
                )
                    == "lose feature set 600, offer feature set 600")
            #expect(
                try await installation.sql(
                    """
                    select count(*) from ls.audit_entry where actor = 'worker edge-1' and action \
                    like '%feature set'
                    """
                ) == "202")
            #expect(try await installation.sql("select count(*) from ls.feature_set") == "202")

            var renewedCount = 0
            var refusal: LanguageSystemError?
            while refusal == nil, renewedCount < 100 {
                do {
                    try await machine.renew()
                    renewedCount += 1
                } catch let error as LanguageSystemError {
                    refusal = error
                }
            }
            #expect(refusal?.code == .busy)
            #expect(
                try await installation.sql("select count(*) from ls.worker_certificate") == "60")
            await machine.leave()
        }
    }
}

extension Installation {
    func token(for name: String) async throws -> String {
        let made = try await lscoord("token", "create", "--name", name, "--quiet")
        try #require(made.status == 0, "\(made)")
        return made.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    fileprivate func connected(_ name: String) async throws {
        try await eventually(within: 30, "\(name) is connected") {
            try await sql("select state from ls.worker_status where name = '\(name)'")
                == "connected"
        }
    }

    /// Of tokens that were used, as time would.
    fileprivate func changeTokens(_ change: String) async throws {
        _ = try await sql("update ls.join_token set \(change) where used_at is not null")
    }

    /// The certificate of a worker that is off ran out yesterday, here and in its state directory.
    fileprivate func expire(_ name: String) async throws {
        let state = home.appendingPathComponent(name)
        let authority = try CertificateAuthority.load(in: dataDirectory + "/ca")
        let identity = try #require(try StateDirectory(state.path).identity())
        let issued = try authority.issueWorkerCertificate(
            try authority.check(
                certificateRequest: try identity.key.certificateRequest(name: name)),
            workerName: name, at: Date() - 2 * 86_400, lifetime: .seconds(86_400))
        try issued.chainPEM.write(
            to: state.appendingPathComponent("worker.pem"), atomically: true, encoding: .utf8)
        _ = try await sql(
            """
            update ls.certificate set not_before = now() - interval '2 days', not_after = now() - \
            interval '1 day'
            where worker_id = (select worker_id from ls.worker where name = '\(name)')
            """)
    }

    /// What another machine would need to be this worker.
    fileprivate func copyIdentity(of name: String, to copy: String) throws {
        let (from, to) = (home.appendingPathComponent(name), home.appendingPathComponent(copy))
        try FileManager.default.createDirectory(
            at: to, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for file in ["ca.pem", "worker.pem", "worker-key.pem", "coordinator.json"] {
            try FileManager.default.copyItem(
                at: from.appendingPathComponent(file), to: to.appendingPathComponent(file))
        }
    }
}

extension FaultSite {
    fileprivate func token(for name: String) async throws -> String {
        let made = try await lscoord("token", "create", "--name", name, "--quiet")
        try #require(made.status == 0, "\(made)")
        return made.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    fileprivate func registerGeometry() async throws {
        for arguments in [
            ["register", "base-model", FaultRun.baseModel, "--hidden-size", "384"],
            ["register", "domain", "math/geometry"],
            [
                "register", "ranker", "--base-model", FaultRun.baseModel, "--domain",
                "math/geometry", "--kind", "listwise",
            ],
            ["features", "import", Programs.demo("geometry", "train")],
        ] {
            let ending = try await lscoord(arguments)
            try #require(ending.status == 0, "\(arguments): \(ending)")
        }
    }
}
