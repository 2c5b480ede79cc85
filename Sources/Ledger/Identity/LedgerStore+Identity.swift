// Who may work: the authority's key, join tokens, workers, certificates, presence, revocation.
// Secrets pass through here once, on their way to or from a worker, and are never kept.
public import Foundation
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// The same authority again: nothing happens. Another one: `identityRefused`.
    public func setCertificateAuthority(pem: String, publicKeySHA256: Digest)
        async throws(CoordinatorError)
    {
        try await call("select ls.set_certificate_authority($1, $2)", pem, publicKeySHA256) { _ in }
    }

    /// The authority's keys, and who still depends on the previous one; nil before the first
    /// `serve`.
    public func authorityStatus() async throws(CoordinatorError) -> AuthorityStatus? {
        try await call("select * from ls.authority_status()") { rows in
            try rows.oneOrNone().map(AuthorityStatus.init(row:))
        }
    }

    /// From now on the new key signs. Again: nothing happens.
    ///
    /// - Parameter present: The key it takes over from; another one than the database's is refused.
    /// - Throws: `identityRefused`; `forbiddenTransition` while an earlier key is not retired.
    public func rotateCertificateAuthority(
        pem: String, publicKeySHA256: Digest, from present: Digest, because reason: String,
        by actor: String? = nil
    ) async throws(CoordinatorError) {
        try await call(
            "select ls.rotate_certificate_authority($1, $2, $3, $4, $5)", pem, publicKeySHA256,
            present, reason, actor
        ) { _ in }
    }

    /// Forgets the previous key.
    ///
    /// - Parameter isForced: Even if workers depend on it: they have to join again.
    /// - Throws: `forbiddenTransition` when workers do, or when there is no previous key.
    public func retireCertificateAuthority(
        because reason: String, isForced: Bool = false, by actor: String? = nil
    ) async throws(CoordinatorError) {
        try await call(
            "select ls.retire_certificate_authority($1, $2, $3)", reason, isForced, actor
        ) { _ in }
    }

    /// - Parameters:
    ///   - worker: The name the worker will get; nil: the one it asks for.
    ///   - labels: What the worker is to be known by; `user` says whose data it may offer.
    /// - Returns: `LS1<SHA-256 of the authority's key>::<id>.<secret>`, shown this once.
    public func createJoinToken(
        for worker: String? = nil, lasting: Duration = .seconds(3600), by actor: String? = nil,
        labels: [String: String] = [:]
    ) async throws(CoordinatorError) -> String {
        let json = try jsonText(of: labels)
        return try await call(
            "select ls.create_join_token($1, $2, $3, $4)", worker, lasting, actor, json
        ) { try $0.one().decode() }
    }

    /// Single use; again with the same key it succeeds for ten minutes. Anything wrong:
    /// `tokenRefused`.
    public func redeemJoinToken(
        id: String, secret: String, publicKeySHA256: Digest, workerName: String?
    ) async throws(CoordinatorError) -> EnrolledWorker {
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
    ///   - serial: As `authenticateWorker` will be asked for it.
    ///   - issuer: The key that signed it; one that was retired is refused (`identityRefused`).
    ///   - key: The worker's, which the certificate is for; another than it joined with is refused.
    ///     Nil: not compared.
    public func recordCertificate(
        of worker: WorkerID, serial: String, notBefore: Date, notAfter: Date, issuer: Digest,
        key: Digest? = nil
    ) async throws(CoordinatorError) {
        try await call(
            "select ls.record_certificate($1, $2, $3, $4, $5, $6)", worker, serial, notBefore,
            notAfter, issuer, key
        ) { _ in }
    }

    /// The worker that a certificate verified by TLS names; `identityRefused` when it is unknown or
    /// revoked, or (with a serial) when the certificate was not issued here.
    public func authenticateWorker(_ name: String, serial: String? = nil)
        async throws(CoordinatorError) -> WorkerID
    {
        try await call("select ls.authenticate_worker($1, $2)", name, serial) {
            try $0.one().decode()
        }
    }

    /// The worker of this name and key, when its last certificate ran out no more than seven days
    /// ago.
    public func recoverWorker(_ name: String, publicKeySHA256: Digest)
        async throws(CoordinatorError) -> WorkerID
    {
        try await call("select ls.recover_worker($1, $2)", name, publicKeySHA256) {
            try $0.one().decode()
        }
    }

    /// Shuts a worker out for good; its tasks wait again at once.
    public func revokeWorker(_ name: String, because reason: String, by actor: String? = nil)
        async throws(CoordinatorError)
    {
        try await call("select ls.revoke_worker($1, $2, $3)", name, reason, actor) { _ in }
    }

    /// Lets a worker out of quarantine; otherwise nothing happens.
    public func releaseWorker(_ name: String, because reason: String, by actor: String? = nil)
        async throws(CoordinatorError)
    {
        try await call("select ls.release_worker($1, $2, $3)", name, reason, actor) { _ in }
    }

    /// Records that a result of this worker was refused; its attempt has failed.
    ///
    /// - Parameter token: Nil when it could not even be read.
    /// - Returns: Whether the worker is in quarantine now.
    public func refuseResult(
        of worker: WorkerID, _ token: LeaseToken?, _ refusal: CoordinatorError
    ) async throws(CoordinatorError) -> Bool {
        try await call(
            "select ls.refuse_result($1, $2, $3, $4)", worker, token, refusal.code.rawValue,
            refusal.message
        ) { try $0.one().decode() }
    }

    /// Of these sessions those that are over: the worker is shut out, its name has joined again,
    /// another machine uses its identity, or the same process has a newer session.
    public func refusedSessions(of sessions: [WorkerSession])
        async throws(CoordinatorError) -> [RefusedSession]
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
                        CoordinatorError(.identityRefused, $0, hint: hint)
                    })
            }
        }
    }

    /// Notes what a worker says as its session opens. Leases that it no longer works on go back to
    /// the queue.
    ///
    /// - Parameters:
    ///   - coordinator: To which it is connected.
    ///   - serial: Of the certificate it showed; nil: not asked.
    /// - Returns: The connection, to name it from now on.
    /// - Throws: `identityRefused` when the name has joined again since the certificate was issued,
    ///   or when another machine took over from this process.
    public func workerConnected(
        _ worker: WorkerID, _ hello: WorkerHello, to coordinator: String, serial: String? = nil
    ) async throws(CoordinatorError) -> OpenedConnection {
        try await call(
            "select * from ls.worker_connected($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            worker, coordinator, hello.programVersion, hello.capacity, hello.taskKinds,
            hello.domains?.map(\.description), hello.taskByteCountMax, serial,
            hello.process?.instance, hello.process?.place,
            hello.heldLeases
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
        async throws(CoordinatorError) -> Bool
    {
        try await call("select ls.worker_disconnected($1, $2)", worker, connection) {
            try $0.one().decode()
        }
    }

    /// All workers, by name.
    ///
    /// - Parameter limit: The most that are given, the connected ones first; nil: all.
    public func workers(limit: Int? = nil) async throws(CoordinatorError) -> [WorkerStatus] {
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
