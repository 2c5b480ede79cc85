// Who may ask for reranks, and for what. A key's text passes through here once, when it is made.
public import Foundation
public import LanguageSystem
import PostgresAccess

/// What a key may be used for; a nil field does not restrict it.
public struct KeyScope: Sendable, Hashable {
    /// The users that requests may name.
    public var users: [String]?
    /// The domains that requests may name, as patterns such as `math/*`.
    public var domains: [String]?
    /// The base models that requests may name.
    public var baseModels: [String]?

    public init(users: [String]? = nil, domains: [String]? = nil, baseModels: [String]? = nil) {
        self.users = users
        self.domains = domains
        self.baseModels = baseModels
    }
}

/// What a key may do beside asking for reranks.
public enum KeyPermission: String, Sendable, Hashable, CaseIterable {
    /// Import feature sets of what the key may name.
    case features
}

/// A key that is valid now.
public struct ValidKey: Sendable, Hashable {
    public let id: String
    public let name: String
    /// SHA-256 of the secret; the secret itself is not stored.
    public let secretSHA256: Digest
    public let scope: KeyScope
    public let permissions: Set<KeyPermission>
    /// The time until the key expires; nil when it never does.
    public let timeLeft: Duration?
}

/// A key as `lscoord key list` shows it.
public struct KeyStatus: Sendable, Hashable {
    public let name: String
    public let id: String
    /// The state: `valid`, `revoked` or `expired`.
    public let state: String
    public let scope: KeyScope
    public let permissions: Set<KeyPermission>
    public let createdAt: Date
    public let expiresAt: Date?
}

extension LedgerStore {
    /// - Returns: `lsk_<id>_<secret>`, which is shown only once.
    public func createAPIKey(
        _ name: String, scope: KeyScope = KeyScope(), permissions: Set<KeyPermission> = [],
        lasting: Duration? = nil, by actor: String? = nil
    ) async throws(LanguageSystemError) -> String {
        try await call(
            "select ls.create_api_key($1, $2, $3, $4, $5, $6, $7)", name, scope.users,
            scope.domains,
            scope.baseModels, lasting, actor, permissions.map(\.rawValue)
        ) { try $0.one().decode() }
    }

    /// Revokes a key. Repeating it changes nothing.
    public func revokeAPIKey(_ name: String, because reason: String, by actor: String? = nil)
        async throws(LanguageSystemError)
    {
        try await call("select ls.revoke_api_key($1, $2, $3)", name, reason, actor) { _ in }
    }

    /// All keys that are valid now; a coordinator keeps them in memory.
    public func validAPIKeys() async throws(LanguageSystemError) -> [ValidKey] {
        try await call("select * from ls.valid_api_keys()") { rows in
            try rows.map { row in
                let seconds: Double? = try row.decode("seconds_left")
                return ValidKey(
                    id: try row.decode("api_key_id"), name: try row.decode("name"),
                    secretSHA256: try row.decode("secret_sha256"), scope: try KeyScope(row: row),
                    permissions: try Set(row: row),
                    timeLeft: seconds.map { .milliseconds(Int(nearest: $0 * 1_000)) })
            }
        }
    }

    /// All keys, also revoked and expired ones, ordered by name, up to `limit`.
    public func apiKeys(limit: Int? = nil) async throws(LanguageSystemError) -> [KeyStatus] {
        try await call("select * from ls.api_key_status limit $1", limit) { rows in
            try rows.map { row in
                KeyStatus(
                    name: try row.decode("name"), id: try row.decode("id"),
                    state: try row.decode("state"), scope: try KeyScope(row: row),
                    permissions: try Set(row: row),
                    createdAt: try row.decode("created_at"),
                    expiresAt: try row.decode("expires_at"))
            }
        }
    }
}

extension KeyScope {
    init(row: Row) throws {
        self.init(
            users: try row.decode("users"), domains: try row.decode("domains"),
            baseModels: try row.decode("base_models"))
    }
}

extension Set<KeyPermission> {
    fileprivate init(row: Row) throws {
        // One that this program does not know permits nothing here.
        self.init(
            try row.decode([String].self, "permissions").compactMap(KeyPermission.init(rawValue:)))
    }
}
