// Who may ask, kept in memory: a request with a key touches no database, and keys go on working
// while it is away. Only digests of secrets are here.
import Concurrency
import Crypto
public import LanguageSystem
public import Ledger
public import Logging
public import ServiceLifecycle

/// A key that was presented and is good.
public struct KnownKey: Sendable {
    public let id: String
    public let name: String
    public let scope: KeyScope
    public let permissions: Set<KeyPermission>
}

public final class APIKeyCache: Service {
    private struct Key {
        let name: String
        let secretSHA256: LanguageSystem.Digest
        let scope: KeyScope
        let permissions: Set<KeyPermission>
        let expiry: ContinuousClock.Instant?
    }

    private struct State {
        /// The keys by their ids.
        var keys: [String: Key] = [:]
        var wereRead = false
        var followers: [@Sendable (Set<String>) -> Void] = []
    }

    /// How often keys are read although no hint came.
    private static let interval: Duration = .seconds(30)
    /// The least time between two readings that keys which nobody knows ask for, however many are
    /// tried.
    private static let spacing: Duration = .milliseconds(100)
    /// How long the caller with such a key waits: it may have been made a moment ago.
    private static let patience: Duration = .seconds(2)

    private let ledger: LedgerStore
    private let hints: LedgerNotifications
    private let logger: Logger
    private let clock = ContinuousClock()
    private let readings = FreshFlight<Void>(spacing: APIKeyCache.spacing)
    private let state = Locked(State())

    public init(ledger: LedgerStore, hints: LedgerNotifications, logger: Logger) {
        self.ledger = ledger
        self.hints = hints
        self.logger = logger
    }

    /// Whose key it is, and what it may ask for.
    ///
    /// - Parameter text: `lsk_<id>_<secret>`.
    /// - Throws: `keyRefused`, in the same words whatever is wrong with it.
    public func key(_ text: some StringProtocol) async throws -> KnownKey {
        let presented = try Presented(text)
        if let key = known(presented.id) { return try presented.checked(key, clock.now) }
        // A database that is away is not waited for long.
        _ = try? await readings.value(within: Self.patience) { try await self.readOnce() }
        try Task.checkCancellation()
        guard let key = known(presented.id) else { throw LanguageSystemError.keyRefused() }
        return try presented.checked(key, clock.now)
    }

    /// A key in memory. Nil: it has to be asked for with `key`, which also says why it is refused.
    public func knownKey(_ text: some StringProtocol) -> KnownKey? {
        guard let presented = try? Presented(text), let key = known(presented.id) else {
            return nil
        }
        return try? presented.checked(key, clock.now)
    }

    /// Has `body` told, each time keys were read, the ids of those that are good.
    public func onRead(_ body: @escaping @Sendable (Set<String>) -> Void) {
        let ids = state.withLock { state in
            state.followers.append(body)
            return state.wereRead ? Set(state.keys.keys) : nil
        }
        if let ids { body(ids) }
    }

    /// A key as a caller sends it; of the secret only its digest.
    private struct Presented {
        private static let prefix = Array("lsk_".utf8)

        let id: String
        private let digest: LanguageSystem.Digest?

        init(_ text: some StringProtocol) throws(LanguageSystemError) {
            let text = String(text).utf8
            guard text.starts(with: Self.prefix),
                let end = text.dropFirst(Self.prefix.count).firstIndex(of: UInt8(ascii: "_"))
            else { throw .keyRefused() }
            let name = text[text.index(text.startIndex, offsetBy: Self.prefix.count)..<end]
            let secret = text[text.index(after: end)...]
            guard (1...64).contains(name.count), (16...128).contains(secret.count),
                let id = String(name)
            else { throw .keyRefused() }
            self.id = id
            digest = LanguageSystem.Digest(bytes: SHA256.hash(data: Array(secret)))
        }

        func checked(
            _ key: Key, _ now: ContinuousClock.Instant
        ) throws(LanguageSystemError) -> KnownKey {
            // Of digests: how long the comparison takes says nothing of the secret.
            guard digest == key.secretSHA256, key.expiry.map({ now < $0 }) ?? true else {
                throw .keyRefused()
            }
            return KnownKey(
                id: id, name: key.name, scope: key.scope, permissions: key.permissions)
        }
    }

    /// Reads all keys as they are now; one reading serves all who ask at the same time.
    public func read() async throws {
        try await readings.value { try await self.readOnce() }
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    for await _ in self.hints.hints(of: [.key]) { await self.readAgain() }
                }
                group.addTask {
                    while (try? await self.clock.sleep(for: Self.interval)) != nil {
                        await self.readAgain()
                    }
                }
            }
        }
    }

    private func readAgain() async {
        do {
            try await read()
        } catch {
            if !ledger.isLogged(error) {
                logger.warning("cannot read the API keys", metadata: ["error": "\(error)"])
            }
        }
    }

    private func readOnce() async throws {
        let asked = clock.now
        let found = try await ledger.validAPIKeys()
        let keys = Dictionary(
            found.map { key in
                (
                    key.id,
                    Key(
                        name: key.name, secretSHA256: key.secretSHA256, scope: key.scope,
                        permissions: key.permissions,
                        expiry: key.timeLeft.map { asked + $0 })
                )
            }, uniquingKeysWith: { first, _ in first })
        let followers = state.withLock { state in
            state.wereRead = true
            state.keys = keys
            return state.followers
        }
        let ids = Set(keys.keys)
        for follower in followers { follower(ids) }
    }

    private func known(_ id: String) -> Key? { state.withLock { $0.keys[id] } }
}

extension KeyScope {
    // Byte by byte, as the ledger compares names.

    public func permits(user: String) -> Bool {
        users?.contains { $0.utf8.elementsEqual(user.utf8) } ?? true
    }

    public func permits(baseModel: String) -> Bool {
        baseModels?.contains { $0.utf8.elementsEqual(baseModel.utf8) } ?? true
    }

    public func permits(domain: DomainName) -> Bool {
        domains?.contains { domain.matches($0) } ?? true
    }

    /// Whether the key may name this ranker.
    func permits(_ route: Route) -> Bool {
        permits(baseModel: route.baseModel) && route.user.map(permits(user:)) ?? true
            && route.domain.map(permits(domain:)) ?? true
    }

    var isUnbounded: Bool { self == KeyScope() }
}

extension LanguageSystemError {
    public static func keyRefused() -> Self {
        Self(
            .keyRefused,
            "cannot serve this caller: its API key is missing, unknown, expired or revoked",
            hint: "send 'authorization: Bearer lsk_…'; lscoord key create makes one")
    }

    static func userNotPermitted() -> Self {
        Self(.notPermitted, "cannot rerank for this user: the API key is for others")
    }

    static func domainMissing() -> Self {
        Self(
            .notPermitted,
            """
            cannot rerank in no domain: the API key is for some domains, and the request names none
            """,
            hint: "name the domain")
    }

    static func domainNotPermitted() -> Self {
        Self(.notPermitted, "cannot rerank in this domain: the API key is for others")
    }
}
