// What workers have at home: descriptions come here, bytes never do.
public import Foundation
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// Records all local data and weights of a worker. What it offered before and does not name now
    /// counts as gone.
    ///
    /// - Parameters:
    ///   - weights: The digests of weights of edge-only rankers.
    ///   - connection: The session of the offer; nil skips the check for a newer one.
    /// - Returns: The refused sets; all others are recorded.
    /// - Throws: `identityRefused` when the worker has a newer session.
    public func offerLocalData(
        of worker: WorkerID, _ sets: [FeatureSetDescription], weights: [Digest],
        over connection: UUID? = nil
    ) async throws(LanguageSystemError) -> [DataRefusal] {
        let json = try jsonText(of: sets.map(OfferedSet.init))
        return try await call(
            "select * from ls.offer_local_data($1, $2, $3, $4)", worker, json, weights, connection
        ) { rows in
            // Every set that is offered has a digest.
            try rows.compactMap { row in
                guard let digest = try row.decode(Digest?.self, "digest") else { return nil }
                return DataRefusal(
                    digest: digest, message: try row.decode("message"),
                    hint: try row.decode("hint"))
            }
        }
    }

    /// The feature sets that the next waiting tasks need, in the order of the tasks, without local
    /// sets of workers.
    ///
    /// - Parameters:
    ///   - domains: The domains of tasks to consider; nil considers all.
    ///   - byteCountMax: The most bytes of features of a task to consider; nil considers any size.
    public func upcomingFeatures(
        of kinds: [TaskKind], countMax: Int, domains: [DomainPattern]? = nil,
        byteCountMax: Int64? = nil
    ) async throws(LanguageSystemError) -> [BlobReference] {
        try await call(
            "select * from ls.upcoming_features($1, $2, $3, $4)", kinds, countMax,
            domains?.map(\.description), byteCountMax
        ) { rows in
            try rows.map {
                BlobReference(
                    digest: try $0.decode("digest"), byteCount: try $0.decode("byte_count"),
                    name: try $0.decode("name"), domain: try $0.decode("domain"))
            }
        }
    }
}

/// A set in the JSON that `ls.offer_local_data` reads.
private struct OfferedSet: Encodable {
    let digest: String
    let byte_count: Int64
    let base_model: String
    let domain: String
    let split: String
    let user: String?
    let label_kind: String
    let hidden_size: Int
    let query_count: Int
    let response_count: Int64
    let layer: Int?
    let layer_fraction: Double?

    init(_ set: FeatureSetDescription) {
        digest = set.digest.description
        byte_count = set.byteCount
        base_model = set.baseModel
        domain = set.domain.description
        split = set.split.rawValue
        user = set.user
        label_kind = set.labelKind
        hidden_size = set.hiddenSize
        query_count = set.queryCount
        response_count = set.responseCount
        layer = set.layer
        layer_fraction = set.layerFraction
    }
}
