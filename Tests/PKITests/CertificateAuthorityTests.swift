// The authority on disk: made once, kept, guarded.
import Foundation
import LanguageSystem
import Testing

@testable import PKI

@Suite struct `Certificate authority` {
    let directory: String

    init() {
        directory = FileManager.default.temporaryDirectory.path + "/ls-pki-\(UUID().uuidString)"
    }

    func cleaned(_ body: () throws -> Void) rethrows {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try body()
    }

    @Test func `an authority is made once and loaded afterwards`() throws {
        try cleaned {
            let made = try CertificateAuthority.loadOrCreate(in: directory)
            let loaded = try CertificateAuthority.loadOrCreate(in: directory)
            #expect(loaded.certificatePEM == made.certificatePEM)
            #expect(loaded.publicKeySHA256 == made.publicKeySHA256)
            #expect(
                try TrustedRoots(pem: made.trustedPEM, place: "test").pins == [made.publicKeySHA256]
            )
            let mode = try FileManager.default.attributesOfItem(atPath: directory + "/ca-key.pem")[
                .posixPermissions]
            #expect(mode as? Int == 0o600)
        }
    }

    @Test func `an authority's pin is what openssl computes`() throws {
        try cleaned {
            let authority = try CertificateAuthority.loadOrCreate(in: directory)
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = [
                "-c",
                """
                openssl x509 -in '\(directory)/ca.pem' -pubkey -noout | openssl pkey -pubin \
                -outform DER | openssl dgst -sha256 -r
                """,
            ]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            process.waitUntilExit()
            let text = String(
                decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(text.hasPrefix(authority.publicKeySHA256.description))
        }
    }

    @Test func `an authority survives a crash between key and certificate: the same key goes on`()
        throws
    {
        try cleaned {
            let made = try CertificateAuthority.loadOrCreate(in: directory)
            try FileManager.default.removeItem(atPath: directory + "/ca.pem")
            let again = try CertificateAuthority.loadOrCreate(in: directory)
            #expect(again.publicKeySHA256 == made.publicKeySHA256)
        }
    }

    @Test(arguments: [0o640, 0o604, 0o666])
    func `an authority is refused when others may read its key`(mode: Int) throws {
        try cleaned {
            _ = try CertificateAuthority.loadOrCreate(in: directory)
            try FileManager.default.setAttributes(
                [.posixPermissions: mode], ofItemAtPath: directory + "/ca-key.pem")
            let error = #expect(throws: LanguageSystemError.self) {
                try CertificateAuthority.loadOrCreate(in: directory)
            }
            #expect(error?.code == .identityRefused)
            #expect(error?.hint?.contains("chmod 600") == true)
        }
    }

    @Test func `an authority is refused without its key, or with another`() throws {
        try cleaned {
            _ = try CertificateAuthority.loadOrCreate(in: directory)
            let key = directory + "/ca-key.pem"
            let good = try PrivateFile.readSecret(key, byteCountMax: 10_000)
            try FileManager.default.removeItem(atPath: key)
            #expect(throws: LanguageSystemError.self) {
                try CertificateAuthority.loadOrCreate(in: directory)
            }
            #expect(try !PrivateFile.exists(key), "a missing key must not be replaced")
            try PrivateFile.write(key, Array(WorkerKey().pem.utf8))
            #expect(throws: LanguageSystemError.self) {
                try CertificateAuthority.loadOrCreate(in: directory)
            }
            try PrivateFile.write(key, good)
            _ = try CertificateAuthority.loadOrCreate(in: directory)
        }
    }

    @Test func `an authority made by many at once is one`() async throws {
        let directory = directory
        let pins = try await withThrowingTaskGroup(of: Digest.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    try CertificateAuthority.loadOrCreate(in: directory).publicKeySHA256
                }
            }
            return try await group.reduce(into: Set<Digest>()) { $0.insert($1) }
        }
        try? FileManager.default.removeItem(atPath: directory)
        #expect(pins.count == 1)
    }
}
