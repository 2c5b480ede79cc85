// Who may work: the authority's key, join tokens, workers, certificates, presence, revocation.
// Secrets pass through here once, on their way to or from a worker, and are never kept.
public import Foundation
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// Records the authority. The same one again changes nothing; another one is refused
    /// (`identityRefused`).
    public func setCertificateAuthority(pem: String, publicKeySHA256: Digest)
        async throws(LanguageSystemError)
    {
        try await call("select ls.set_certificate_authority($1, $2)", pem, publicKeySHA256) { _ in }
    }

    /// The authority's keys, and the workers that still depend on the previous one; nil before the
    /// first `serve`.
    public func authorityStatus() async throws(LanguageSystemError) -> AuthorityStatus? {
        try await call("select * from ls.authority_status()") { rows in
            try rows.oneOrNone().map(AuthorityStatus.init(row:))
        }
    }

    /// Makes the new key the one that signs. Repeating the call changes nothing.
    ///
    /// - Parameter present: The key to replace; a key other than the database's is refused.
    /// - Throws: `identityRefused` for another key; `forbiddenTransition` while an earlier key is
    ///   not retired.
    public func rotateCertificateAuthority(
        pem: String, publicKeySHA256: Digest, from present: Digest, because reason: String,
        by actor: String? = nil
    ) async throws(LanguageSystemError) {
        try await call(
            "select ls.rotate_certificate_authority($1, $2, $3, $4, $5)", pem, publicKeySHA256,
            present, reason, actor
        ) { _ in }
    }

    /// Retires the previous key.
    ///
    /// - Parameter isForced: Whether to retire the key although workers depend on it, which must
    ///   then join again.
    /// - Throws: `forbiddenTransition` when workers depend on it, or when there is no previous key.
    public func retireCertificateAuthority(
        because reason: String, isForced: Bool = false, by actor: String? = nil
    ) async throws(LanguageSystemError) {
        try await call(
            "select ls.retire_certificate_authority($1, $2, $3)", reason, isForced, actor
        ) { _ in }
    }

    /// - Parameters:
    ///   - worker: The worker's name; nil for the name that it asks for.
    ///   - labels: The worker's labels; the label `user` names the users whose data it may offer.
    /// - Returns: `LS1<SHA-256 of the authority's key>::<id>.<secret>`, which is shown only once.
    public func createJoinToken(
        for worker: String? = nil, lasting: Duration = .seconds(3600), by actor: String? = nil,
        labels: [String: String] = [:]
    ) async throws(LanguageSystemError) -> String {
        let json = try jsonText(of: labels)
        return try await call(
            "select ls.create_join_token($1, $2, $3, $4)", worker, lasting, actor, json
        ) { try $0.one().decode() }
    }

    /// Uses up a join token. With the same key it succeeds again for ten minutes; anything else is
    /// refused (`tokenRefused`).
    public func redeemJoinToken(
        id: String, secret: String, publicKeySHA256: Digest, workerName: String?
    ) async throws(LanguageSystemError) -> EnrolledWorker {
        try await call(
            "select * from ls.redeem_join_token($1, $2, $3, $4)", id, secret, publicKeySHA256,
            workerName
        ) { rows in
            let row = try rows.one()
            return EnrolledWorker(
                id: try row.decode("worker_id"), name: try row.decode("worker_name"))
        }
    }

    /// - Parameters:
    ///   - serial: The serial number in lower-case hexadecimal.
    ///   - issuer: SHA-256 of the key that signed the certificate; a retired one is refused
    ///     (`identityRefused`).
    ///   - key: SHA-256 of the certificate's key; a key other than the one that joined is refused.
    ///     Nil skips the comparison.
    public func recordCertificate(
        of worker: WorkerID, serial: String, notBefore: Date, notAfter: Date, issuer: Digest,
        key: Digest? = nil
    ) async throws(LanguageSystemError) {
        try await call(
            "select ls.record_certificate($1, $2, $3, $4, $5, $6)", worker, serial, notBefore,
            notAfter, issuer, key
        ) { _ in }
    }

    /// The worker that a certificate names, which TLS has verified. It is refused
    /// (`identityRefused`) when it is unknown or revoked, or, with a serial, when the certificate
    /// was not issued here.
    public func authenticateWorker(_ name: String, serial: String? = nil)
        async throws(LanguageSystemError) -> WorkerID
    {
        try await call("select ls.authenticate_worker($1, $2)", name, serial) {
            try $0.one().decode()
        }
    }

    /// The worker with this name and key, if its last certificate expired at most seven days ago.
    public func recoverWorker(_ name: String, publicKeySHA256: Digest)
        async throws(LanguageSystemError) -> WorkerID
    {
        try await call("select ls.recover_worker($1, $2)", name, publicKeySHA256) {
            try $0.one().decode()
        }
    }

    /// Revokes a worker permanently; its tasks wait again at once.
    public func revokeWorker(_ name: String, because reason: String, by actor: String? = nil)
        async throws(LanguageSystemError)
    {
        try await call("select ls.revoke_worker($1, $2, $3)", name, reason, actor) { _ in }
    }

    /// Releases a worker from quarantine or a pause; for any other worker nothing happens.
    public func releaseWorker(_ name: String, because reason: String, by actor: String? = nil)
        async throws(LanguageSystemError)
    {
        try await call("select ls.release_worker($1, $2, $3)", name, reason, actor) { _ in }
    }

    /// Records that a result of this worker was refused, and fails its attempt.
    ///
    /// - Parameter token: The attempt's token; nil when it could not be read.
    /// - Returns: Whether the worker is in quarantine now.
    public func refuseResult(
        of worker: WorkerID, _ token: LeaseToken?, _ refusal: LanguageSystemError
    ) async throws(LanguageSystemError) -> Bool {
        try await call(
            "select ls.refuse_result($1, $2, $3, $4)", worker, token, refusal.code.rawValue,
            refusal.message
        ) { try $0.one().decode() }
    }

    /// The sessions among these that are over, because the worker is revoked or in quarantine, its
    /// name has joined again, another machine uses its identity, or the same process has a newer
    /// session.
    public func refusedSessions(of sessions: [WorkerSession])
        async throws(LanguageSystemError) -> [RefusedSession]
    {
        try await call(
            "select * from ls.refused_sessions($1, $2, $3, $4)", sessions.map(\.worker),
            sessions.map(\.connection), sessions.map(\.instance), sessions.map(\.serial)
        ) { rows in
            try rows.map { row in
                let hint: String? = try row.decode("hint")
                return RefusedSession(
                    worker: try row.decode("worker_id"), connection: try row.decode("connection"),
                    reason: try row.decode(String?.self, "message").map {
                        LanguageSystemError(.identityRefused, $0, hint: hint)
                    })
            }
        }
    }

    /// Records a worker's hello at the start of a session. Leases that it no longer works on go
    /// back to the queue.
    ///
    /// - Parameters:
    ///   - coordinator: The name of the coordinator that has the session.
    ///   - serial: The serial of the worker's certificate; nil skips the check.
    /// - Returns: The connection, which later calls name.
    /// - Throws: `identityRefused` when the name has joined again since the certificate was issued,
    ///   or when another machine took over from this process.
    public func workerConnected(
        _ worker: WorkerID, _ hello: WorkerHello, to coordinator: String, serial: String? = nil
    ) async throws(LanguageSystemError) -> OpenedConnection {
        try await call(
            "select * from ls.worker_connected($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            worker, coordinator, hello.programVersion, hello.capacity, hello.taskKinds,
            hello.domains?.map(\.description), hello.taskByteCountMax, serial,
            hello.process?.instance, hello.process?.place,
            hello.heldLeases, hello.combinesSignals
        ) { rows in
            let row = try rows.one()
            return OpenedConnection(
                id: try row.decode("connection"), number: try row.decode("number"),
                tookOver: try row.decode("took_over"), releasedCount: try row.decode("released"))
        }
    }

    /// - Returns: Whether it was the worker's newest connection.
    @discardableResult
    public func workerDisconnected(_ worker: WorkerID, connection: UUID)
        async throws(LanguageSystemError) -> Bool
    {
        try await call("select ls.worker_disconnected($1, $2)", worker, connection) {
            try $0.one().decode()
        }
    }

    /// All workers, by name.
    ///
    /// - Parameter limit: The most workers to return, connected ones first; nil returns all.
    public func workers(limit: Int? = nil) async throws(LanguageSystemError) -> [WorkerStatus] {
        try await call(
            "select * from ls.worker_status order by state <> 'connected', name limit $1", limit
        ) { try $0.map(WorkerStatus.init(row:)) }
    }
}

extension AuthorityStatus {
    init(row: Row) throws {
        publicKeySHA256 = try row.decode("public_key_sha256")
        since = try row.decode("since")
        previousPublicKeySHA256 = try row.decode("previous_public_key_sha256")
        workerCount = try row.decode("worker_count")
        previousWorkers = try row.decode("previous_workers")
        previousTokenCount = try row.decode("previous_token_count")
    }
}

extension WorkerStatus {
    init(row: Row) throws {
        id = try row.decode("worker_id")
        name = try row.decode("name")
        state = try row.decode("state")
        programVersion = try row.decode("program_version")
        capacity = try row.decode("capacity")
        seenAt = try row.decode("seen_at")
        leaseCount = try row.decode("leases")
        succeededCount = try row.decode("succeeded")
        failedCount = try row.decode("failed")
        certificateUntil = try row.decode("certificate_until")
    }
}
