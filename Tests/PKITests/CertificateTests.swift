// What the authority signs, and what passes for a worker's certificate: exactly what we issue.
import Crypto
import Foundation
import LanguageSystem
import SwiftASN1
import Testing
import X509

@testable import PKI

@Suite struct `Certificates` {
    let authority: CertificateAuthority

    init() throws { authority = try CertificateAuthority.ephemeral() }

    func issue(_ key: WorkerKey, _ name: String = "edge-1") throws -> (
        WorkerCertificate, Certificate
    ) {
        let request = try authority.check(
            certificateRequest: try key.certificateRequest(name: "anything"))
        let issued = try authority.issueWorkerCertificate(request, workerName: name)
        return (issued, try #require(Certificate(firstInPEM: issued.chainPEM)))
    }

    func accepts(_ leaf: Certificate, under root: CertificateAuthority) async -> Bool {
        var verifier = Verifier(rootCertificates: CertificateStore([root.certificate])) {
            RFC5280Policy()
        }
        let result = await verifier.validate(leaf: leaf, intermediates: CertificateStore())
        if case .validCertificate = result { return true }
        return false
    }

    @Test func `a worker's certificate says its name, clientAuth alone, 24 hours, and verifies`()
        async throws
    {
        let key = WorkerKey()
        let (issued, leaf) = try issue(key)
        let identity = try PeerIdentity(leaf)
        #expect(identity.workerName == "edge-1")
        #expect(identity.serial == issued.serial)
        #expect(Array(try #require(try leaf.extensions.extendedKeyUsage)) == [.clientAuth])
        let lifetime = issued.notAfter.timeIntervalSinceNow
        #expect((23.9 * 3600...24.1 * 3600).contains(lifetime))
        #expect(await accepts(leaf, under: authority))
        let known = try IssuedCertificate(chainPEM: issued.chainPEM, path: "test")
        #expect(known.publicKeySHA256 == key.publicKeySHA256)
        #expect(!known.isExpired(at: Date()))
        #expect(known.isExpired(at: issued.notAfter))
        let life = known.notAfter.timeIntervalSince(known.notBefore)
        for _ in 0..<100 {
            let share = known.renewalTime().timeIntervalSince(known.notBefore) / life
            #expect((0.45...0.55).contains(share))
        }
    }

    @Test func `a certificate does not verify under another authority`() async throws {
        let (_, leaf) = try issue(WorkerKey())
        #expect(await !accepts(leaf, under: try CertificateAuthority.ephemeral()))
    }

    @Test func `a coordinator's certificate is clientAuth alone, 24 hours, and no worker's`()
        async throws
    {
        let issued = try authority.issueCoordinatorCertificate(name: "host-7-9f3a21c4")
        #expect(issued.chain.count == 1)
        let leaf = try Certificate(pemEncoded: issued.chain[0])
        #expect(try CoordinatorIdentity(leaf).name == "host-7-9f3a21c4")
        #expect(Array(try #require(try leaf.extensions.extendedKeyUsage)) == [.clientAuth])
        #expect((23.9 * 3600...24.1 * 3600).contains(issued.life.secondsLeft(at: Date())))
        #expect(await accepts(leaf, under: authority))
        #expect(await !accepts(leaf, under: try CertificateAuthority.ephemeral()))
        #expect(try Certificate.PrivateKey(pemEncoded: issued.keyPEM).publicKey == leaf.publicKey)
        var error = #expect(throws: LanguageSystemError.self) { try PeerIdentity(leaf) }
        #expect(error?.code == .identityRefused)
        let (_, worker) = try issue(WorkerKey())
        error = #expect(throws: LanguageSystemError.self) { try CoordinatorIdentity(worker) }
        #expect(error?.code == .identityRefused)
        error = #expect(throws: LanguageSystemError.self) {
            try authority.issueCoordinatorCertificate(name: "worker/edge-1")
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test func `a server's certificate has its names and addresses, and is no worker's`()
        async throws
    {
        let server = try authority.issueServerCertificate(names: [
            "coordinator.example.org", "127.0.0.1", "::1",
        ])
        let leaf = try Certificate(pemEncoded: server.chain[0])
        let names = try #require(try leaf.extensions.subjectAlternativeNames)
        #expect(
            Array(names) == [
                .dnsName("coordinator.example.org"),
                .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
                .ipAddress(
                    ASN1OctetString(contentBytes: ArraySlice(repeating: 0, count: 15) + [1])),
            ])
        #expect(Array(try #require(try leaf.extensions.extendedKeyUsage)) == [.serverAuth])
        #expect(await accepts(leaf, under: authority))
        #expect(throws: LanguageSystemError.self) { try PeerIdentity(leaf) }
        #expect(try Certificate.PrivateKey(pemEncoded: server.keyPEM).publicKey == leaf.publicKey)
    }

    @Test(arguments: [
        "", "a b", "-x.org", "x..y", "evil\u{0}.org", String(repeating: "a", count: 300),
    ])
    func `a server's certificate is refused for what is no name`(name: String) {
        let error = #expect(throws: LanguageSystemError.self) {
            try authority.issueServerCertificate(names: [name])
        }
        #expect(error?.code == .invalidSettings)
    }

    @Test(arguments: [
        "", "Edge", "edge 1", "-edge", "../x", "a/b", "édge", String(repeating: "a", count: 64),
    ])
    func `a worker's certificate is refused for what is no worker's name`(name: String) throws {
        let request = try authority.check(
            certificateRequest: try WorkerKey().certificateRequest(name: "x"))
        let error = #expect(throws: LanguageSystemError.self) {
            try authority.issueWorkerCertificate(request, workerName: name)
        }
        #expect(error?.code == .identityRefused)
    }

    /// A certificate of this authority's own key, as no code of ours would issue it.
    func odd(
        uris: [String] = ["ls://worker/edge-1"], commonName: String = "edge-1",
        usages: [ExtendedKeyUsage.Usage] = [.clientAuth], isAuthority: Bool = false,
        extra: [GeneralName] = []
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: .init(),
            publicKey: Certificate.PrivateKey(P256.Signing.PrivateKey()).publicKey,
            notValidBefore: Date(), notValidAfter: Date() + 3600,
            issuer: authority.certificate.subject,
            subject: try DistinguishedName { CommonName(commonName) },
            extensions: try .init {
                if isAuthority {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                } else {
                    Critical(BasicConstraints.notCertificateAuthority)
                }
                try ExtendedKeyUsage(usages)
                SubjectAlternativeNames(uris.map { .uniformResourceIdentifier($0) } + extra)
            }, issuerPrivateKey: authority.key)
    }

    @Test func `a certificate passes for a worker's when it is exactly one`() throws {
        #expect(try PeerIdentity(try odd()).workerName == "edge-1")
    }

    @Test(arguments: [
        "ls://worker/", "ls://worker/edge-1/x", "ls://worker/Edge-1", "ls://admin/edge-1",
        "http://worker/edge-1",
        "LS://worker/edge-1", "ls://worker/edge-1?x", "ls://worker/edge-1#x",
        "ls://worker/edge%2D1", "",
    ])
    func `a certificate does not pass for a worker's with another URI`(uri: String) throws {
        let certificate = try odd(uris: [uri])
        #expect(throws: LanguageSystemError.self) { try PeerIdentity(certificate) }
    }

    @Test func `a certificate does not pass for a worker's by tricks`() throws {
        for certificate in [
            try odd(uris: []),
            try odd(uris: ["ls://worker/edge-1", "ls://worker/edge-2"]),
            try odd(extra: [.dnsName("edge-1")]),
            try odd(commonName: "edge-2"),
            try odd(uris: ["ls://worker/edge-2"], commonName: "edge-1"),
            try odd(commonName: "edge-1\u{0}"),
            try odd(usages: [.serverAuth]),
            try odd(usages: [.clientAuth, .serverAuth]),
            try odd(usages: [.any]),
            try odd(isAuthority: true),
        ] {
            #expect(throws: LanguageSystemError.self) { try PeerIdentity(certificate) }
        }
    }

    @Test func `a certificate passes for a coordinator's when it is one, and not by tricks`() throws
    {
        let uri = "ls://coordinator/one"
        #expect(try CoordinatorIdentity(try odd(uris: [uri], commonName: "one")).name == "one")
        for certificate in [
            try odd(), try odd(uris: [], commonName: "one"),
            try odd(uris: [uri, "ls://worker/one"], commonName: "one"),
            try odd(uris: ["ls://worker/one"], commonName: "one"),
            try odd(uris: ["ls://coordinator/one/x"], commonName: "one"),
            try odd(uris: [uri], commonName: "two"),
            try odd(uris: [uri], commonName: "one", usages: [.clientAuth, .serverAuth]),
            try odd(uris: [uri], commonName: "one", isAuthority: true),
            try odd(uris: [uri], commonName: "one", extra: [.dnsName("one")]),
        ] {
            #expect(throws: LanguageSystemError.self) { try CoordinatorIdentity(certificate) }
        }
    }

    @Test func `a worker's request gets no server's certificate: its names are ignored`() throws {
        let key = P256.Signing.PrivateKey()
        let wanted = try CertificateSigningRequest(
            version: .v1, subject: try DistinguishedName { CommonName("admin") },
            privateKey: .init(key),
            attributes: .init([
                .init(
                    ExtensionRequest(
                        extensions: try .init {
                            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                            try ExtendedKeyUsage([.serverAuth])
                            SubjectAlternativeNames([
                                .dnsName("coordinator.example.org"),
                                .uniformResourceIdentifier("ls://worker/admin"),
                            ])
                        }))
            ]), signatureAlgorithm: .ecdsaWithSHA256)
        let checked = try authority.check(certificateRequest: try wanted.serializeAsPEM().derBytes)
        let issued = try authority.issueWorkerCertificate(checked, workerName: "edge-1")
        let leaf = try #require(Certificate(firstInPEM: issued.chainPEM))
        #expect(try PeerIdentity(leaf).workerName == "edge-1")
        #expect(
            try leaf.extensions.subjectAlternativeNames.map(Array.init) == [
                .uniformResourceIdentifier("ls://worker/edge-1")
            ])
    }

    @Test func `a certificate request signed by another key is refused`() throws {
        let mine = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let honest = try CertificateSigningRequest(
            version: .v1, subject: .init(), privateKey: mine, attributes: .init(),
            signatureAlgorithm: .ecdsaWithSHA256)
        let stolen = try CertificateSigningRequest(
            version: .v1, subject: .init(),
            publicKey: Certificate.PrivateKey(P256.Signing.PrivateKey()).publicKey,
            attributes: .init(), signatureAlgorithm: honest.signatureAlgorithm,
            signature: honest.signature)
        let error = #expect(throws: LanguageSystemError.self) {
            try authority.check(certificateRequest: try stolen.serializeAsPEM().derBytes)
        }
        #expect(error?.code == .identityRefused)
        #expect(error?.message.contains("not signed by the key it names") == true)
    }

    @Test func `a certificate request of another kind of key is refused`() throws {
        let request = try CertificateSigningRequest(
            version: .v1, subject: .init(), privateKey: .init(Curve25519.Signing.PrivateKey()),
            attributes: .init(),
            signatureAlgorithm: .ed25519)
        #expect(throws: LanguageSystemError.self) {
            try authority.check(certificateRequest: try request.serializeAsPEM().derBytes)
        }
    }

    @Test func `a certificate request that OpenSSL made is taken`() throws {
        // openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null
        //     -subj /C=DE/O=Team/CN=edge-1 -addext subjectAltName=DNS:edge-1 -outform DER
        let request = """
            MIIBDDCBswIBADAtMQswCQYDVQQGEwJERTENMAsGA1UECgwEVGVhbTEPMA0GA1UE
            AwwGZWRnZS0xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEVNOVzqvbhrqs0mt0
            pgHP6GRFAsr3Q4kH0+8zIl4W2/3F4cNeBx5AlsKz2cmy3zhtHo39mkVzRPvbwJwb
            TwwEGKAkMCIGCSqGSIb3DQEJDjEVMBMwEQYDVR0RBAowCIIGZWRnZS0xMAoGCCqG
            SM49BAMCA0gAMEUCIQDeepuk6O7EVjSPj+ssxwuEAD//mkkwfdsn3gN+s4E4zwIg
            YnJVBsFu4r0xCZushwUbLgahH3j+FsWaRmyQ63z6pDg=
            """
        let der = try #require(Data(base64Encoded: request, options: .ignoreUnknownCharacters))
        _ = try authority.check(certificateRequest: Array(der))
    }

    @Test func `a certificate request whose signature claims an unused bit is refused`() throws {
        for _ in 0..<20 {
            var bytes = try WorkerKey().certificateRequest(name: "edge-1")
            // The signature: a bit string of 70 to 72 bytes, none of its bits unused, in it a
            // sequence.
            let unusedBitCount = try #require(
                (bytes.count - 73..<bytes.count - 68).first {
                    bytes[$0] == 0 && bytes[$0 + 1] == 0x30 && bytes[$0 - 2] == 3
                })
            bytes[unusedBitCount] = 1
            let error = #expect(throws: LanguageSystemError.self) {
                try authority.check(certificateRequest: bytes)
            }
            #expect(error?.code == .identityRefused)
        }
    }

    @Test func `a certificate request damaged in any bit, cut anywhere or continued is refused`()
        throws
    {
        let good = try WorkerKey().certificateRequest(name: "edge-1")
        var damaged = good.indices.map { Array(good[..<$0]) }
        damaged += [good + [0, 1], [UInt8](repeating: 0x30, count: 20_000)]
        for bit in 0..<good.count * 8 {
            var bytes = good
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            damaged.append(bytes)
        }
        for bytes in damaged {
            #expect(throws: LanguageSystemError.self) {
                try authority.check(certificateRequest: bytes)
            }
        }
    }
}
