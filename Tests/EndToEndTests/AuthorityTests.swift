// The authority's key is rotated under a fleet that works: nobody joins again, and at the end the
// key before is worth nothing.
import Foundation
import LanguageSystem
import PKI
import Testing

@Suite(.serialized, .timeLimit(.minutes(20))) struct `The authority's key` {
    @Test func `the authority's key is rotated and retired while workers go on`() async throws {
        try await Installation.with(workers: ["edge-1"]) { installation in
            try await installation.registerDemo(["geometry"])
            let directory = installation.dataDirectory + "/ca"
            let before = installation.home.appendingPathComponent("ca-before").path
            try FileManager.default.copyItem(atPath: directory, toPath: before)
            let old = try CertificateAuthority.load(in: before)
            let retired = try installation.identity(of: "edge-1")
            let token = try await installation.lscoord(
                "token", "create", "--name", "edge-2", "--quiet")
            try #require(token.status == 0, "\(token)")
            try await refuses(
                installation, ["retire", "--reason", "tidy"], 65, "previous key: there is none")

            // The running lscoord is not disturbed; the command also works without one.
            installation.coordinator?.stop()
            let rotated = try await installation.lscoord(
                "authority", "rotate", "--reason", "once a year")
            try #require(rotated.status == 0, "\(rotated)")
            let new = try CertificateAuthority.load(in: directory)
            #expect(new.overlap?.previousPublicKeySHA256 == old.publicKeySHA256)
            try await refusesToStart(installation, with: before, "was rotated at")
            try await installation.start()
            try await refuses(
                installation, ["rotate", "--reason", "again"], 65, "is not retired yet")

            // Who knew only the old key goes on with it, and works.
            try await installation.train()
            #expect(try installation.roots(of: "edge-1").pins == [old.publicKeySHA256])
            let caller = Caller(port: installation.workerPort, authority: old.certificatePEM)
            #expect(await caller.call(retired).code != .unavailable)
            try await refuses(
                installation, ["retire", "--reason", "tidy"], 65,
                "1 worker still carries a certificate of it: edge-1")

            // An older token lets a worker in, which knows both from the start.
            try installation.startWorker(
                "edge-2", token: token.output.trimmingCharacters(in: .whitespacesAndNewlines))
            try await installation.connected("edge-2")
            let both = [new.publicKeySHA256, old.publicKeySHA256]
            #expect(try installation.roots(of: "edge-2").pins == both)
            let status = try await installation.lscoord("authority", "status")
            #expect(
                status.output.contains("1 of 2 workers carry its certificates: edge-1"), "\(status)"
            )

            // By renewing the other learns the new one.
            try await installation.letRenew("edge-1", with: old)
            try await eventually(within: 60, "edge-1 has renewed") {
                try installation.roots(of: "edge-1").pins == both
            }
            let done = try await installation.lscoord("authority", "retire", "--reason", "renewed")
            try #require(done.status == 0, "\(done)")
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
                    == ["ca-key.pem", "ca.pem"])
            installation.coordinator?.stop()
            try await refusesToStart(installation, with: before, "the database knows")
            try await installation.start()

            // The key before is worth nothing, and nobody needs it.
            let log = Log(installation)
            let mark = try log.mark()
            let late = await Caller(port: installation.workerPort, authority: new.certificatePEM)
                .call(retired)
            #expect(late.code == .unavailable)
            let line = try await log.refusal(after: mark, "TLS handshake refused")
            #expect(line.contains("CERTIFICATE_VERIFY_FAILED"), "\(line)")
            try await installation.connected("edge-1")
            try await installation.connected("edge-2")
            try await installation.train()
            try await installation.letRenew("edge-1", with: new)
            try await eventually(within: 60, "edge-1 has renewed again") {
                try installation.roots(of: "edge-1").pins == [new.publicKeySHA256]
            }
            #expect(
                try await installation.sql(
                    """
                    select string_agg(action || ': ' || reason, ', ' order by at) from \
                    ls.audit_entry where action like '%authority'
                    """
                ) == "rotate authority: once a year, retire authority: renewed")
        }
    }

    private func refuses(
        _ installation: Installation, _ arguments: [String], _ status: Int32, _ words: String
    ) async throws {
        let ending = try await run(
            Programs.path("lscoord"), ["authority"] + arguments,
            environment: installation.environment)
        #expect(ending.status == status && ending.errors.contains(words), "\(ending)")
    }

    /// A coordinator of the same database that has other files.
    private func refusesToStart(
        _ installation: Installation, with other: String, _ words: String
    ) async throws {
        let (directory, aside) = (
            installation.dataDirectory + "/ca",
            installation.home.appendingPathComponent("ca-aside").path
        )
        try FileManager.default.moveItem(atPath: directory, toPath: aside)
        try FileManager.default.copyItem(atPath: other, toPath: directory)
        let ending = try await installation.lscoord("serve", within: 60)
        #expect(ending.status == 77 && ending.errors.contains(words), "\(ending)")
        #expect(ending.errors.contains("hint: copy the ca directory"), "\(ending)")
        try FileManager.default.removeItem(atPath: directory)
        try FileManager.default.moveItem(atPath: aside, toPath: directory)
    }
}

extension Installation {
    fileprivate func connected(_ name: String) async throws {
        try await eventually(within: 60, "\(name) is connected") {
            try await sql("select state from ls.worker_status where name = '\(name)'")
                == "connected"
        }
    }

    fileprivate func train() async throws {
        let trained = try await lscoord("train", "math/geometry.listwise", "--wait")
        try #require(trained.status == 0, "\(trained)")
    }

    fileprivate func text(_ file: String, of name: String) throws -> String {
        try String(
            contentsOf: home.appendingPathComponent(name).appendingPathComponent(file),
            encoding: .utf8)
    }

    fileprivate func roots(of name: String) throws -> TrustedRoots {
        try TrustedRoots(pem: try text("ca.pem", of: name), place: name)
    }

    fileprivate func identity(of name: String) throws -> (chain: String, key: String) {
        (try text("worker.pem", of: name), try text("worker-key.pem", of: name))
    }

    /// Starts a worker again as if its certificate, of this authority, were 14 hours old.
    fileprivate func letRenew(_ name: String, with authority: CertificateAuthority) async throws {
        workers[name]?.stop()
        let key = try WorkerKey(pem: try text("worker-key.pem", of: name), path: name)
        let issued = try authority.issueWorkerCertificate(
            try authority.check(certificateRequest: try key.certificateRequest(name: name)),
            workerName: name, at: Date() - 14 * 3600)
        try issued.chainPEM.write(
            to: home.appendingPathComponent(name).appendingPathComponent("worker.pem"),
            atomically: true, encoding: .utf8)
        _ = try await sql(
            """
            insert into ls.certificate (serial, worker_id, not_before, not_after, issuer_sha256)
            select '\(issued.serial)', worker_id, now() - interval '14 hours',
                now() + interval '10 hours', '\\x\(authority.publicKeySHA256)'
            from ls.worker where name = '\(name)'
            """)
        try startWorker(name)
        try await connected(name)
    }
}
