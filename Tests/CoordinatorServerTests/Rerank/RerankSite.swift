// All that stands behind a surface for reranks: a database with one small ranker, a key, and bounds
// that a test can reach.
import Coordination
import struct Crypto.SHA256
import LanguageSystem
import Ledger
import Logging
import PostgresAccess
import PostgresTesting
import RankerMath
import Rankers

@testable import CoordinatorServer

struct RerankSite: Sendable {
    /// The base model's hidden size.
    static let width = 8
    /// Larger bodies are refused when too many bytes are held.
    static let smallByteCountMax = 1_000
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let template = ThrowAwayDatabase.Template("reranks") { pool in
        try await LedgerStore.migrator(logger: quiet).migrate(pool)
        let ledger = LedgerStore(pool: pool)
        try await pool.execute("select ls.register_base_model('tiny', \(width))")
        try await pool.execute("select ls.register_ranker('tiny', 'pointwise', p_user => 'ada')")
        let weights = RankerWeights(
            fresh: .preset(kind: .pointwise, hiddenSize: width), seed: 1
        ).safetensors()
        let version = try await ledger.addVersion(
            to: "~ada.pointwise", digest: Digest(bytes: SHA256.hash(data: weights))!,
            weights: weights)
        try await ledger.promote(version, because: "there is no test set")
    }

    let reranker: Reranker
    let apiKeys: APIKeyCache
    let admission: Admission
    let routes: RerankRoutes
    let key: String

    static func with(
        inFlightMax: Int = 64, byteCountMax: Int = 4_096, heldByteCountMax: Int = 1 << 20,
        _ body: @escaping @Sendable (RerankSite) async throws -> Void
    ) async throws {
        try await ThrowAwayDatabase.with(template) { database in
            let ledger = LedgerStore(pool: database.pool)
            let hints = LedgerNotifications(
                Listener(ConnectionConfiguration(database.connectionInfo), logger: quiet))
            let reranker = Reranker(
                ledger: ledger, hints: hints,
                decisions: DecisionLog(
                    ledger: ledger, settings: DecisionSettings(share: 0), logger: quiet),
                hub: DispatchHub(
                    ledger: ledger, hints: hints,
                    settings: DispatchSettings(coordinatorName: "test"), logger: quiet),
                settings: RerankerSettings(
                    threadCount: 1, cacheByteCountMax: 1 << 20, precision: .float32,
                    loadPatience: .seconds(300)))
            let apiKeys = APIKeyCache(ledger: ledger, hints: hints, logger: quiet)
            let key = try await ledger.createAPIKey("test")
            try await apiKeys.read()
            let admission = Admission(
                inFlightMax: inFlightMax, byteCountMax: heldByteCountMax,
                smallByteCountMax: smallByteCountMax)
            let site = RerankSite(
                reranker: reranker, apiKeys: apiKeys, admission: admission,
                routes: RerankRoutes(
                    reranker: reranker, apiKeys: apiKeys, admission: admission, ledger: ledger,
                    bodyByteCountMax: byteCountMax), key: key)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try? await reranker.run() }
                group.addTask { try? await apiKeys.run() }
                try await body(site)
                group.cancelAll()
            }
        }
    }
}
