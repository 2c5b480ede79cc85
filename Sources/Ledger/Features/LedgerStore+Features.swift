// Feature sets go in as the exact bytes of their files and come out again, piece by piece, under
// the SHA-256 that names them; so do the weights of versions.
import struct Crypto.SHA256
public import LanguageSystem
import PostgresAccess

extension LedgerStore {
    /// Bytes of a blob in one row, 1 MiB; one `readBlob` returns at most as many.
    public static let chunkByteCount = 1 << 20

    /// Stores a feature file, whole or not at all. It becomes the current set of its base model,
    /// domain, split and user. Importing the same bytes again returns the same id and reads
    /// nothing.
    ///
    /// - Parameters:
    ///   - queries: All queries, in the file's order.
    ///   - deadline: The deadline of the whole import.
    ///   - bytes: Returns exactly the bytes of a range of the file. It is called in order, on the
    ///     connection's own thread, so it may block on the disk.
    public func importFeatureSet(
        _ description: FeatureSetDescription, queries: [QueryDescription],
        by actor: String? = nil, deadline: Duration = .seconds(600),
        bytes: @escaping @Sendable (Range<Int>) throws -> [UInt8]
    ) async throws(LanguageSystemError) -> ImportedFeatureSet {
        do {
            return try await pool.transaction(deadline: deadline) { connection in
                let begun = try connection.begin(description, by: actor)
                if !begun.wasAlreadyStored {
                    try connection.copyChunks(of: description, into: begun.id, bytes: bytes)
                    try connection.copyQueries(queries, into: begun.id)
                    try connection.execute("select ls.finish_feature_set($1)", begun.id)
                }
                return begun
            }
        } catch {
            throw LanguageSystemError(database: error)
        }
    }

    /// Removes the bytes of a feature set that no open task needs.
    public func dropFeatureSet(
        _ id: FeatureSetID, because reason: String, by actor: String? = nil
    ) async throws(LanguageSystemError) {
        try await call("select ls.drop_feature_set($1, $2, $3)", id, reason, actor) { _ in }
    }

    /// A piece of a feature set or of weights, from `offset` on; it may be shorter than requested.
    public func readBlob(
        _ digest: Digest, from offset: Int64, byteCountMax: Int = chunkByteCount
    ) async throws(LanguageSystemError) -> BlobChunk {
        try await call("select * from ls.read_blob($1, $2, $3)", digest, offset, byteCountMax) {
            rows in
            let row = try rows.one()
            return BlobChunk(
                offset: offset, bytes: try row.decode("bytes"),
                byteCount: try row.decode("byte_count"))
        }
    }

    /// Checks that a worker needs these bytes, for a task that is leased to it or a ranker that is
    /// placed on it.
    ///
    /// - Throws: `unknownFeatureSet` when it does not need them, whether they are stored or not.
    public func checkBlob(_ digest: Digest, for worker: WorkerID) async throws(LanguageSystemError)
    {
        try await call("select ls.check_blob($1, $2)", worker, digest) { _ in }
    }

    /// Reads the weights of a version with one query, because a request waits for them.
    ///
    /// - Parameter read: Gets the bytes in the buffer of the database's answer; they are valid only
    ///   while it runs.
    /// - Throws: `unknownFeatureSet` when the weights are not stored here, and whatever `read`
    ///   throws.
    public func readWeights<Value: Sendable>(
        _ digest: Digest,
        _ read: @escaping @Sendable (UnsafeRawBufferPointer) throws(LanguageSystemError) -> Value
    ) async throws(LanguageSystemError) -> Value {
        let result = try await call("select ls.read_weights($1)", digest) { rows in
            let answer: BytesInPlace = try rows.one().decode()
            return withExtendedLifetime(rows) {
                Result<Value, LanguageSystemError> { () throws(LanguageSystemError) in
                    try read(answer.bytes)
                }
            }
        }
        return try result.get()
    }

    /// A field that is read in place; it is valid while its rows exist.
    private struct BytesInPlace: PostgresDecodable {
        let bytes: UnsafeRawBufferPointer

        static func decode(_ value: PostgresValue) throws(PostgresError) -> BytesInPlace {
            BytesInPlace(bytes: value.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }

    /// All feature sets whose bytes are stored.
    ///
    /// - Parameter limit: The most sets to return; nil returns all.
    public func featureSets(limit: Int? = nil) async throws(LanguageSystemError)
        -> [FeatureSetStatus]
    {
        try await call(
            "select * from ls.feature_set_status where dropped_at is null limit $1", limit
        ) { try $0.map(FeatureSetStatus.init(row:)) }
    }
}

extension Connection {
    fileprivate func begin(_ set: FeatureSetDescription, by actor: String?) throws
        -> ImportedFeatureSet
    {
        let row = try execute(
            """
            select * from ls.begin_feature_set(
                $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            """,
            set.digest, set.byteCount, set.baseModel, set.domain, set.split, set.user,
            set.labelKind, set.hiddenSize, set.queryCount, set.responseCount, set.layer,
            set.layerFraction, actor
        ).one()
        return ImportedFeatureSet(
            id: try row.decode("feature_set_id"),
            wasAlreadyStored: try row.decode("already_stored"))
    }

    /// Sends the file in pieces and hashes them, so that a file that changes meanwhile is noticed.
    fileprivate func copyChunks(
        of set: FeatureSetDescription, into id: FeatureSetID,
        bytes: (Range<Int>) throws -> [UInt8]
    ) throws {
        var hash = SHA256()
        try copyIn("ls.feature_chunk", columns: ["feature_set_id", "chunk_index", "bytes"]) {
            writer in
            let end = Int(set.byteCount)
            for (index, start) in stride(from: 0, to: end, by: LedgerStore.chunkByteCount)
                .enumerated()
            {
                let range = start..<min(end, start + LedgerStore.chunkByteCount)
                let chunk = try bytes(range)
                guard chunk.count == range.count else {
                    throw LanguageSystemError.featureBytesMissing(
                        set.digest, expected: range.count, found: chunk.count, at: start)
                }
                hash.update(data: chunk)
                try writer.write(id, index, chunk)
            }
        }
        // A SHA-256 has as many bytes as a digest.
        let found = Digest(bytes: hash.finalize())!
        guard found == set.digest else {
            throw LanguageSystemError.featureBytesChanged(set.digest, found: found)
        }
    }

    fileprivate func copyQueries(_ queries: [QueryDescription], into id: FeatureSetID) throws {
        try copyIn(
            "ls.query",
            columns: [
                "feature_set_id", "query_index", "query_id", "level", "first_row",
                "candidate_count", "positive_count",
            ]
        ) { writer in
            for (index, query) in queries.enumerated() {
                try writer.write(
                    id, index, query.id, query.level, query.firstRow, query.candidateCount,
                    query.positiveCount)
            }
        }
    }
}

extension FeatureSetStatus {
    init(row: Row) throws {
        id = try row.decode("feature_set_id")
        baseModel = try row.decode("base_model")
        domain = try row.decode("domain")
        split = try row.decode("split")
        user = try row.decode("user_name")
        labelKind = try row.decode("label_kind")
        queryCount = try row.decode("query_count")
        responseCount = try row.decode("response_count")
        byteCount = try row.decode("byte_count")
        digest = try row.decodeHexDigest("digest")
        isCurrent = try row.decode("is_current")
        importedAt = try row.decode("imported_at")
        home = try row.decode("home")
    }
}

extension LanguageSystemError {
    static func featureBytesMissing(_ digest: Digest, expected: Int, found: Int, at offset: Int)
        -> Self
    {
        Self(
            .invalidFeatures,
            "cannot import feature set \(digest.short)…: found \(found) bytes from byte \(offset), "
                + "expected \(expected)")
    }

    static func featureBytesChanged(_ digest: Digest, found: Digest) -> Self {
        Self(
            .invalidFeatures,
            """
            cannot import feature set \(digest.short)…: the bytes read have SHA-256 \(found.short)…
            """,
            hint: "the file changed while it was being imported; import it again")
    }
}
