// The authority's key is rotated: who knows only the old one is led to the new one, and wherever
// the rotation is interrupted there is one authority that works.
import Foundation
import LanguageSystem
import Testing
import X509

@testable import PKI

@Suite struct `Rotation of the authority's key` {
    let directory: String

    init() {
        directory = FileManager.default.temporaryDirectory.path + "/ls-pki-\(UUID().uuidString)"
    }

    func with(_ body: (CertificateAuthority) async throws -> Void) async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(try CertificateAuthority.loadOrCreate(in: directory))
    }

    /// What `lscoord authority rotate` does; `decided` is the database.
    func rotate(
        _ decided: inout DecidedKeys, isForced: Bool = false,
        beforeEachStep: () throws(LanguageSystemError) -> Void = {}
    ) throws(LanguageSystemError) {
        if try CertificateAuthority.follow(decided, in: directory) == .rotation { return }
        let next = try CertificateAuthority.prepareRotation(
            in: directory, from: decided.present, isForced: isForced, at: Date(),
            beforeEachStep: beforeEachStep)
        try beforeEachStep()
        decided = DecidedKeys(present: next.publicKeySHA256, previous: decided.present)
        try AuthorityFiles(directory).follow(decided, beforeEachStep: beforeEachStep)
    }

    func rotated(_ old: CertificateAuthority) throws -> CertificateAuthority {
        var decided = DecidedKeys(present: old.publicKeySHA256, previous: nil)
        try rotate(&decided)
        return try CertificateAuthority.loadOrCreate(in: directory, following: decided)
    }

    func accepts(_ chain: [Certificate], under root: CertificateAuthority) async -> Bool {
        var verifier = Verifier(rootCertificates: CertificateStore([root.certificate])) {
            RFC5280Policy()
        }
        let result = await verifier.validate(
            leaf: chain[0], intermediates: CertificateStore(chain.dropFirst()))
        if case .validCertificate = result { return true }
        return false
    }

    func worker(of authority: CertificateAuthority) throws -> String {
        try authority.issueWorkerCertificate(
            try authority.check(certificateRequest: try WorkerKey().certificateRequest(name: "x")),
            workerName: "edge-1"
        ).chainPEM
    }

    func openssl(_ command: String) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "cd '\(directory)' && openssl \(command) >/dev/null 2>&1"]
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    @Test func `a rotation leads from the old key to the new one, both ways`() async throws {
        try await with { old in
            let new = try rotated(old)
            #expect(new.publicKeySHA256 != old.publicKeySHA256)
            #expect(new.overlap?.previousPublicKeySHA256 == old.publicKeySHA256)
            let server = try new.issueServerCertificate(names: ["localhost"])
            let chain = Certificate.all(inPEM: server.chain.joined())
            #expect(chain.count == 2)
            #expect(await accepts(chain, under: old))
            #expect(await accepts(chain, under: new))
            #expect(await accepts([chain[0]], under: new))
            #expect(await !accepts([chain[0]], under: old))
            #expect(await !accepts(chain, under: try CertificateAuthority.ephemeral()))
            // Coordinators of which one was started again already.
            let coordinator = try new.issueCoordinatorCertificate(name: "two")
            #expect(
                await accepts(Certificate.all(inPEM: coordinator.chain.joined()), under: old))
            let older = try old.issueCoordinatorCertificate(name: "one")
            #expect(await accepts(Certificate.all(inPEM: older.chain.joined()), under: old))
            // Another implementation says the same.
            try server.chain[0].write(
                toFile: directory + "/leaf.pem", atomically: true, encoding: .utf8)
            #expect(
                try openssl(
                    "verify -x509_strict -CAfile previous-ca.pem -untrusted ca-cross.pem leaf.pem")
                    == 0)
            #expect(
                try openssl("verify -x509_strict -CAfile ca.pem -untrusted ca-cross.pem leaf.pem")
                    == 0)
            #expect(try openssl("verify -CAfile previous-ca.pem leaf.pem") != 0)
        }
    }

    @Test func `a rotation gives workers both authorities, and after it one`() async throws {
        try await with { old in
            let new = try rotated(old)
            let during = try worker(of: new)
            let roots = try TrustedRoots(behindLeafOf: during, place: "test")
            #expect(roots.pins == [new.publicKeySHA256, old.publicKeySHA256])
            #expect(roots.pem == new.trustedPEM)
            #expect(try TrustedRoots(pem: roots.pem, place: "test") == roots)
            #expect(roots.only(old.publicKeySHA256)?.pem == old.certificatePEM)
            #expect(roots.only(new.publicKeySHA256)?.pem == new.certificatePEM)
            #expect(roots.only(try CertificateAuthority.ephemeral().publicKeySHA256) == nil)
            // What the worker shows is taken by a coordinator that was not started again, too.
            let shown = Certificate.all(inPEM: during)
            #expect(await accepts(shown, under: old))
            #expect(await accepts(shown, under: new))

            let after = try CertificateAuthority.loadOrCreate(
                in: directory, following: DecidedKeys(present: new.publicKeySHA256, previous: nil))
            #expect(after.overlap == nil && after.trustedPEM == new.certificatePEM)
            #expect(
                try TrustedRoots(behindLeafOf: try worker(of: after), place: "test").pins
                    == [new.publicKeySHA256])
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
                    == ["ca-key.pem", "ca.pem"])
            #expect(await !accepts(Certificate.all(inPEM: try worker(of: old)), under: after))
        }
    }

    @Test func `a rotation is done once; a second one comes after the retirement`() async throws {
        try await with { old in
            let new = try rotated(old)
            var decided = DecidedKeys(
                present: new.publicKeySHA256, previous: old.publicKeySHA256)
            let error = #expect(throws: LanguageSystemError.self) { try rotate(&decided) }
            #expect(error?.code == .forbiddenTransition)
            #expect(error?.message.contains("is not retired yet") == true)
            decided = DecidedKeys(present: new.publicKeySHA256, previous: nil)
            try rotate(&decided)
            let third = try CertificateAuthority.loadOrCreate(in: directory, following: decided)
            #expect(third.overlap?.previousPublicKeySHA256 == new.publicKeySHA256)
            let server = try third.issueServerCertificate(names: ["localhost"])
            #expect(await accepts(Certificate.all(inPEM: server.chain.joined()), under: new))
            #expect(await !accepts(Certificate.all(inPEM: server.chain.joined()), under: old))
        }
    }

    /// Three steps that make ready, the decision, five that put in place.
    @Test(arguments: 0..<9, [false, true])
    func `a rotation interrupted anywhere works and is finished by repeating`(
        step: Int, starts: Bool
    )
        async throws
    {
        try await with { old in
            let oldKey = try PrivateFile.readSecret(
                directory + "/ca-key.pem", byteCountMax: 10_000)
            var decided = DecidedKeys(present: old.publicKeySHA256, previous: nil)
            var count = 0
            let crash = #expect(throws: LanguageSystemError.self) {
                try rotate(&decided) { () throws(LanguageSystemError) in
                    if count == step { throw LanguageSystemError(.cancelled, "crash") }
                    count += 1
                }
            }
            #expect(crash?.code == .cancelled)
            #expect((decided.previous != nil) == (step > 3), "after the decision or before")
            if starts {
                let found = try CertificateAuthority.loadOrCreate(in: directory, following: decided)
                #expect(found.publicKeySHA256 == decided.present)
                _ = try worker(of: found)
            }
            if !(starts && decided.previous != nil) { try rotate(&decided) }
            let found = try CertificateAuthority.loadOrCreate(in: directory, following: decided)
            #expect(found.publicKeySHA256 == decided.present)
            #expect(found.overlap?.previousPublicKeySHA256 == old.publicKeySHA256)
            let server = try found.issueServerCertificate(names: ["localhost"])
            #expect(await accepts(Certificate.all(inPEM: server.chain.joined()), under: old))
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == [
                    "ca-cross.pem", "ca-key.pem", "ca.pem", "previous-ca-key.pem",
                    "previous-ca.pem",
                ])
            // readSecret refuses a key that others may read.
            let kept = try PrivateFile.readSecret(
                directory + "/previous-ca-key.pem", byteCountMax: 10_000)
            #expect(kept == oldKey)
            _ = try PrivateFile.readSecret(directory + "/ca-key.pem", byteCountMax: 10_000)
        }
    }

    @Test(arguments: 0..<3)
    func `a retirement interrupted anywhere is finished at the next start`(step: Int) async throws {
        try await with { old in
            let new = try rotated(old)
            let decided = DecidedKeys(present: new.publicKeySHA256, previous: nil)
            var count = 0
            let crash = #expect(throws: LanguageSystemError.self) {
                try AuthorityFiles(directory).follow(decided) { () throws(LanguageSystemError) in
                    if count == step { throw LanguageSystemError(.cancelled, "crash") }
                    count += 1
                }
            }
            #expect(crash?.code == .cancelled)
            let found = try CertificateAuthority.loadOrCreate(in: directory, following: decided)
            #expect(found.publicKeySHA256 == new.publicKeySHA256 && found.overlap == nil)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
                    == ["ca-key.pem", "ca.pem"])
            #expect(try CertificateAuthority.follow(decided, in: directory) == .nothing)
        }
    }

    @Test func `a rotation is refused for an authority that may not sign another, unless forced`()
        async throws
    {
        try await with { made in
            let older = try CertificateAuthority.selfSigned(made.key, at: Date(), pathLengthMax: 0)
            try PrivateFile.write(
                directory + "/ca.pem", Array(CertificateAuthority.pem(older).utf8), mode: 0o644)
            var decided = DecidedKeys(present: made.publicKeySHA256, previous: nil)
            let error = #expect(throws: LanguageSystemError.self) { try rotate(&decided) }
            #expect(error?.code == .forbiddenTransition)
            #expect(error?.hint?.contains("--force") == true)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
                    == ["ca-key.pem", "ca.pem"])
            let old = try CertificateAuthority.load(in: directory)
            try rotate(&decided, isForced: true)
            let new = try CertificateAuthority.loadOrCreate(in: directory, following: decided)
            let server = try new.issueServerCertificate(names: ["localhost"])
            let chain = Certificate.all(inPEM: server.chain.joined())
            #expect(await accepts(chain, under: new))
            #expect(await !accepts(chain, under: old), "that is why they must join again")
        }
    }

    @Test func `a rotation is refused where the present key is not, and there nothing is made`()
        async throws
    {
        try await with { old in
            let elsewhere = try CertificateAuthority.ephemeral().publicKeySHA256
            let error = #expect(throws: LanguageSystemError.self) {
                try CertificateAuthority.prepareRotation(in: directory, from: elsewhere)
            }
            #expect(error?.code == .identityRefused)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
                    == ["ca-key.pem", "ca.pem"])
            let none = #expect(throws: LanguageSystemError.self) {
                try CertificateAuthority.prepareRotation(
                    in: directory + "/nowhere", from: old.publicKeySHA256)
            }
            #expect(none?.message.contains("found none") == true)
        }
    }

    @Test func `a rotation copied in part to another coordinator is refused there`() async throws {
        try await with { old in
            let new = try rotated(old)
            try FileManager.default.removeItem(atPath: directory + "/ca-cross.pem")
            let error = #expect(throws: LanguageSystemError.self) {
                try CertificateAuthority.loadOrCreate(
                    in: directory,
                    following: DecidedKeys(
                        present: new.publicKeySHA256, previous: old.publicKeySHA256))
            }
            #expect(error?.code == .identityRefused)
            #expect(error?.hint?.contains("copy the whole ca directory") == true)
        }
    }

    @Test func `a rotation is believed by no worker for what a certificate says of itself`()
        async throws
    {
        try await with { old in
            let new = try rotated(old)
            let stranger = try CertificateAuthority.ephemeral()
            let leaf = CertificateAuthority.pem(Certificate.all(inPEM: try worker(of: new))[0])
            let cross = try String(contentsOfFile: directory + "/ca-cross.pem", encoding: .utf8)
            for chain in [
                "", "no PEM", leaf, leaf + cross, leaf + leaf, leaf + old.certificatePEM,
                leaf + stranger.certificatePEM,
                leaf + new.certificatePEM + old.certificatePEM + stranger.certificatePEM,
            ] {
                #expect(throws: LanguageSystemError.self) {
                    try TrustedRoots(behindLeafOf: chain, place: "test")
                }
            }
            for text in [
                "", "no PEM", leaf, cross, new.certificatePEM + leaf,
                new.trustedPEM + stranger.certificatePEM,
            ] {
                #expect(throws: LanguageSystemError.self) {
                    try TrustedRoots(pem: text, place: "test")
                }
            }
        }
    }
}
