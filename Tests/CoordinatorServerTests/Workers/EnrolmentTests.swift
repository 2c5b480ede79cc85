// What a worker may have a certificate for: the key that it joined with, as often as it asks.
import Coordination
import CoordinatorServer
import Foundation
import LanguageSystem
import Ledger
import Logging
import PKI
import PostgresAccess
import PostgresTesting
import Testing
import WorkerWire

@Suite(.timeLimit(.minutes(20))) struct `A certificate's renewal` {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let template = ThrowAwayDatabase.Template("enrolment") { pool in
        try await LedgerStore.migrator(logger: quiet).migrate(pool)
    }

    @Test func `a renewal is for the key that joined last, and may be repeated`() async throws {
        try await ThrowAwayDatabase.with(Self.template) { database in
            let ledger = LedgerStore(pool: database.pool)
            let authority = try CertificateAuthority.ephemeral()
            try await ledger.setCertificateAuthority(
                pem: authority.certificatePEM, publicKeySHA256: authority.publicKeySHA256)
            let enrolment = Enrolment(
                authority: authority, ledger: ledger, logger: Self.quiet
            ) { 1 }
            func join(_ key: WorkerKey) async throws -> Worker {
                let token = try JoinToken(try await ledger.createJoinToken(for: "edge-1"))
                let reply = try await enrolment.join(
                    JoinRequest(
                        id: token.id, secret: token.secret, name: nil,
                        certificateRequest: try key.certificateRequest(name: "edge-1")))
                return Worker(
                    id: try await ledger.authenticateWorker(reply.worker), name: reply.worker)
            }
            func renew(_ worker: Worker, _ key: WorkerKey) async throws -> IssuedCertificate {
                let chain = try await enrolment.renew(
                    worker, certificateRequest: try key.certificateRequest(name: "edge-1"))
                return try IssuedCertificate(chainPEM: chain, path: "test")
            }
            func recorded() async throws -> Int {
                try await database.pool.execute("select count(*)::int as n from ls.certificate")
                    .one().decode(Int.self, "n")
            }

            let (first, second, thief) = (WorkerKey(), WorkerKey(), WorkerKey())
            let worker = try await join(first)
            // The first reply may have been lost.
            let renewed = [try await renew(worker, first), try await renew(worker, first)]
            #expect(renewed.allSatisfy { $0.publicKeySHA256 == first.publicKeySHA256 })
            for certificate in renewed {
                #expect(
                    try await ledger.authenticateWorker("edge-1", serial: certificate.serial)
                        == worker.id)
            }
            #expect(try await recorded() == 3)
            for other in [thief, second] {
                let error = await #expect(throws: LanguageSystemError.self) {
                    try await renew(worker, other)
                }
                #expect(error?.code == .identityRefused)
                #expect(error?.message.contains("another key than the worker joined with") == true)
            }
            #expect(try await recorded() == 3)

            // The name joins again elsewhere: from then on the other key is the worker's.
            #expect(try await join(second).id == worker.id)
            let error = await #expect(throws: LanguageSystemError.self) {
                try await renew(worker, first)
            }
            #expect(error?.code == .identityRefused)
            #expect(try await renew(worker, second).publicKeySHA256 == second.publicKeySHA256)
        }
    }
}
