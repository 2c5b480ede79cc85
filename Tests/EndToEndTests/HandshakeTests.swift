// Who may not speak to the workers' port. Each is refused, each is in the log once with the reason
// and without secrets, and the worker that may goes on.
import EdgeWork
import Glibc
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import PKI
import SwiftASN1
import Testing
import WorkerWire
import X509
import enum Crypto.P256

@Suite(.serialized, .timeLimit(.minutes(20))) struct `Handshakes` {
    @Test func `handshakes that are not a worker's are refused, logged once, and harm nobody`()
        async throws
    {
        try await Installation.with(workers: ["edge-1", "edge-2"]) { installation in
            try await installation.registerDemo(["geometry"])
            let ours = try CertificateAuthority.loadOrCreate(
                in: installation.dataDirectory + "/ca")
            let theirs = try CertificateAuthority.ephemeral()
            let caller = Caller(port: installation.workerPort, authority: ours.certificatePEM)
            let log = Log(installation)

            // What TLS itself refuses: the caller learns no more than that.
            for stranger in try Self.strangers(ours, theirs) {
                let mark = try log.mark()
                let answer = await caller.call(stranger.identity)
                #expect(answer.code == .unavailable, "\(stranger.name): \(answer)")
                let line = try await log.refusal(after: mark, "TLS handshake refused")
                #expect(line.contains(stranger.reason), "\(stranger.name): \(line)")
            }

            // What only the ledger knows: the caller is told.
            let unrecorded = try Self.worker("edge-1", of: ours)
            var mark = try log.mark()
            var answer = await caller.call(unrecorded)
            #expect(answer.code == .identityRefused)
            #expect(answer.message.hasSuffix("'edge-1': its certificate was not issued here"))
            _ = try await log.refusal(after: mark, "worker refused")

            _ = try await installation.sql("select ls.revoke_worker('edge-2', 'stolen')")
            let state = installation.home.appendingPathComponent("edge-2")
            let revoked = (
                try String(
                    contentsOf: state.appendingPathComponent("worker.pem"), encoding: .utf8),
                try String(
                    contentsOf: state.appendingPathComponent("worker-key.pem"), encoding: .utf8)
            )
            try await eventually(within: 30, "edge-2 has ended") {
                installation.workers["edge-2"]?.process.isRunning == false
            }
            mark = try log.mark()
            answer = await caller.call(revoked)
            #expect(answer.code == .identityRefused)
            #expect(answer.message == "cannot serve worker 'edge-2': it was revoked: stolen")
            _ = try await log.refusal(after: mark, "worker refused")

            // No TLS at all, half a hello, and none: the last is ended after ten seconds.
            mark = try log.mark()
            try Socket(installation.workerPort).expectEnd(
                afterSending: Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8))
            _ = try await log.refusal(after: mark, "TLS handshake refused")
            try Socket(installation.workerPort).close(afterSending: [
                0x16, 0x03, 0x01, 0x02, 0x00, 1,
            ])
            let idle = try (0..<50).map { _ in try Socket(installation.workerPort) }
            let idleHTTPS = try Socket(installation.restPort)
            for socket in idle.dropFirst() { try socket.send([0x16]) }

            // Meanwhile work is done.
            let trained = try await installation.lscoord(
                "train", "math/geometry.listwise", "--wait")
            #expect(trained.status == 0, "\(trained)")
            for socket in idle + [idleHTTPS] { try socket.expectEnd() }

            #expect(try log.text().contains("no TLS handshake within 10 s"))
            #expect(!(try log.text().contains("PRIVATE KEY")))
            #expect(
                try await installation.sql(
                    """
                    select string_agg(name || ' ' || state, ', ' order by name) from \
                    ls.worker_status
                    """
                )
                    == "edge-1 connected, edge-2 revoked")
        }
    }

    @Test func `handshakes with a server that shows a worker's certificate are refused`()
        async throws
    {
        try await Installation.with(workers: ["edge-1", "edge-2"]) { installation in
            let port = try freePort()
            let impostor = installation.home.appendingPathComponent("edge-2").path
            let server = try Program(
                "/usr/bin/openssl",
                [
                    "s_server", "-rev", "-accept", "\(port)", "-alpn", "h2", "-cert",
                    impostor + "/worker.pem", "-key", impostor + "/worker-key.pem", "-Verify", "1",
                    "-CAfile", installation.authorityPath,
                ], log: installation.home.appendingPathComponent("openssl.log"))
            defer { server.kill() }
            installation.workers["edge-1"]?.stop()
            // The network leads it astray: the same authority vouches for the impostor.
            let place = installation.home.appendingPathComponent("edge-1/coordinator.json")
            let text = try String(contentsOf: place, encoding: .utf8)
            try text.replacing("\(installation.workerPort)", with: "\(port)")
                .write(to: place, atomically: true, encoding: .utf8)
            try installation.startWorker("edge-1")
            try await eventually(within: 20, "it refuses") {
                try #require(server.process.isRunning, "\(server.text)")
                return installation.workers["edge-1"]?.text.contains("CERTIFICATE_VERIFY_FAILED")
                    == true
            }
            #expect(installation.workers["edge-1"]?.process.isRunning == true)
            #expect(!server.text.contains("PRI * HTTP/2"))
        }
    }

    @Test func `a handshake with a certificate that ran out comes after a recovery, for a week`()
        async throws
    {
        try await Installation.with(workers: ["edge-1"]) { installation in
            try await installation.expireCertificate(of: "edge-1", daysAgo: 6)
            try installation.startWorker("edge-1")
            try await eventually(within: 30, "it is back") {
                try await installation.sql("select state from ls.worker_status") == "connected"
            }
            #expect(
                try await installation.sql(
                    "select count(*) from ls.audit_entry where action = 'recover certificate'")
                    == "1")

            try await installation.expireCertificate(of: "edge-1", daysAgo: 8)
            try installation.startWorker("edge-1")
            let worker = try #require(installation.workers["edge-1"])
            try await eventually(within: 30, "it has ended") { !worker.process.isRunning }
            #expect(worker.process.terminationStatus == 77)
            #expect(worker.text.contains("it ran out at"))
            #expect(worker.text.contains("hint: ask for a token and join again"))

            // The machine is set up anew under its name, an act of an admin.
            try FileManager.default.moveItem(
                at: installation.home.appendingPathComponent("edge-1"),
                to: installation.home.appendingPathComponent("lost"))
            try await installation.join("edge-1")
            #expect(try await installation.sql("select count(*) from ls.worker") == "1")
        }
    }

    @Test func `handshakes of a machine whose name joined again are refused`() async throws {
        try await Installation.with(workers: ["edge-1"]) { installation in
            installation.workers["edge-1"]?.stop()
            let state = installation.home.appendingPathComponent("edge-1")
            let lost = installation.home.appendingPathComponent("lost")
            try FileManager.default.moveItem(at: state, to: lost)
            try await installation.join("edge-1")
            let ending = try await run(
                Programs.path("lsworker"), ["join", "--state-dir", lost.path], within: 60)
            #expect(ending.status == 77)
            #expect(ending.errors.contains("the name has joined again since"), "\(ending)")
            #expect(try await installation.sql("select state from ls.worker_status") == "connected")
        }
    }

    private typealias Identity = (chain: String, key: String)

    private static func strangers(_ ours: CertificateAuthority, _ theirs: CertificateAuthority)
        throws -> [(name: String, identity: Identity?, reason: String)]
    {
        let now = Date()
        let server = try ours.issueServerCertificate(names: ["localhost"])
        return [
            ("no certificate", nil, "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
            ("another authority", try worker("edge-1", of: theirs), "CERTIFICATE_VERIFY_FAILED"),
            ("self-signed", try selfSigned("edge-1"), "CERTIFICATE_VERIFY_FAILED"),
            (
                "expired", try worker("edge-1", of: ours, at: now - 25 * 3600),
                "CERTIFICATE_VERIFY_FAILED"
            ),
            (
                "of tomorrow", try worker("edge-1", of: ours, at: now + 24 * 3600),
                "CERTIFICATE_VERIFY_FAILED"
            ),
            (
                "a server's", (server.chain.joined() + ours.certificatePEM, server.keyPEM),
                "CERTIFICATE_VERIFY_FAILED"
            ),
        ]
    }

    private static func selfSigned(_ name: String) throws -> Identity {
        let key = P256.Signing.PrivateKey()
        let subject = try DistinguishedName { CommonName(name) }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: Date() - 600, notValidAfter: Date() + 3600, issuer: subject,
            subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try .init {
                try ExtendedKeyUsage([.clientAuth])
                SubjectAlternativeNames([.uniformResourceIdentifier("ls://worker/\(name)")])
            }, issuerPrivateKey: .init(key))
        return (try certificate.serializeAsPEM().pemString, key.pemRepresentation)
    }

    /// A certificate that no ledger knows of.
    private static func worker(
        _ name: String, of authority: CertificateAuthority, at now: Date = Date()
    ) throws -> Identity {
        let key = WorkerKey()
        let asked = try authority.check(
            certificateRequest: try key.certificateRequest(name: name))
        let issued = try authority.issueWorkerCertificate(asked, workerName: name, at: now)
        return (issued.chainPEM, key.pem)
    }
}

extension Installation {
    /// Stops a worker and gives it a certificate that ran out: as if it had been off since then.
    fileprivate func expireCertificate(of name: String, daysAgo: Double) async throws {
        workers[name]?.stop()
        let state = home.appendingPathComponent(name)
        let key = try WorkerKey(
            pem: try String(
                contentsOf: state.appendingPathComponent("worker-key.pem"), encoding: .utf8),
            path: name)
        let authority = try CertificateAuthority.loadOrCreate(in: dataDirectory + "/ca")
        let issued = try authority.issueWorkerCertificate(
            try authority.check(certificateRequest: try key.certificateRequest(name: name)),
            workerName: name, at: Date() - (daysAgo + 1) * 24 * 3600)
        try issued.chainPEM.write(
            to: state.appendingPathComponent("worker.pem"), atomically: true, encoding: .utf8)
        _ = try await sql(
            """
            update ls.certificate set not_before = now() - interval '\(daysAgo + 1) days',
                not_after = now() - interval '\(daysAgo) days'
            """)
    }
}

/// Calls the workers' port with any certificate.
struct Caller {
    let port: Int
    let authority: String

    func call(_ identity: (chain: String, key: String)?) async -> LanguageSystemError {
        do {
            let trust = TLSConfig.TrustRootsSource.certificates([
                .bytes(Array(authority.utf8), format: .pem)
            ])
            let security: HTTP2ClientTransport.Posix.TransportSecurity
            if let identity {
                security = .mTLS(
                    certificateChain: [.bytes(Array(identity.chain.utf8), format: .pem)],
                    privateKey: .bytes(Array(identity.key.utf8), format: .pem)
                ) { $0.trustRoots = trust }
            } else {
                security = .tls { $0.trustRoots = trust }
            }
            let transport = try HTTP2ClientTransport.Posix(
                target: .dns(host: "localhost", port: port), transportSecurity: security)
            return try await withGRPCClient(transport: transport) { client in
                var options = CallOptions.defaults
                options.waitForReady = false
                options.timeout = .seconds(120)
                let request = Languagesystem_V1_FailAttemptRequest()
                _ = try await Languagesystem_V1_WorkerService.Client(wrapping: client)
                    .failAttempt(request, options: options)
                return LanguageSystemError(.internal, "was served")
            }
        } catch let error as RPCError {
            return LanguageSystemError(error)
        } catch {
            return LanguageSystemError(.internal, "\(error)")
        }
    }
}

/// What the coordinator logs.
struct Log {
    private let path: String

    init(_ installation: Installation) {
        path = installation.home.appendingPathComponent("lscoord.log").path
    }

    func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
    func mark() throws -> Int { try text().utf8.count }

    /// The one line that says so.
    func refusal(after mark: Int, _ message: String) async throws -> String {
        func lines() throws -> [String] {
            String(decoding: try text().utf8.dropFirst(mark), as: UTF8.self)
                .split(separator: "\n").map(String.init).filter { $0.contains(message) }
        }
        try await eventually(within: 20, "the log says: \(message)") { try !lines().isEmpty }
        let found = try lines()
        #expect(found.count == 1, "\(found)")
        return found[0]
    }
}

/// A TCP connection to localhost.
private final class Socket {
    private let descriptor: Int32

    init(_ port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0, "cannot connect: \(errno)")
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { Glibc.close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        #expect(Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }

    /// The other side ends the connection, having said no more than a TLS alert.
    func expectEnd(afterSending bytes: [UInt8] = []) throws {
        if !bytes.isEmpty { try send(bytes) }
        var buffer = [UInt8](repeating: 0, count: 64)
        var byteCount = 0
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 || (count < 0 && errno == ECONNRESET) { break }
            try #require(count > 0, "still open after 30 s")
            byteCount += count
        }
        #expect(byteCount <= 64)
    }

    func close(afterSending bytes: [UInt8]) throws {
        try send(bytes)
        shutdown(descriptor, Int32(SHUT_RDWR))
    }
}
