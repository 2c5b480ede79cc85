// What a node compares its own hidden states with. The file is the node's: here it is bytes.
public import LanguageSystem
import PostgresAccess

/// The canary of a base model, as far as whoever asked did not have it.
public struct StoredCanary: Sendable, Hashable {
    /// SHA-256 of the file.
    public let digest: Digest
    /// The safetensors file; nil when the caller has these bytes.
    public let bytes: [UInt8]?
}

extension LedgerStore {
    /// The largest canary that is kept. SQL: `ls.set_canary`.
    public static let canaryByteCountMax = 16 << 20

    /// Sets the canary of a base model in place of the one before. Repeating it changes nothing.
    ///
    /// - Throws: `unknownBaseModel`; `invalidFeatures` for a file that is no canary,
    ///   `contractMismatch` for one of other features, `tooLarge` beyond 16 MiB.
    @discardableResult
    public func setCanary(of baseModel: String, _ file: [UInt8], by actor: String? = nil)
        async throws(LanguageSystemError) -> Digest
    {
        try await call("select ls.set_canary($1, $2, $3)", baseModel, file, actor) {
            try $0.one().decode()
        }
    }

    /// The canary of a base model; nil when it has none.
    ///
    /// - Parameter known: The digest of a canary whose bytes are not to be read again.
    /// - Throws: `unknownBaseModel`, `deadlineExceeded`, `busy`.
    public func canary(of baseModel: String, unless known: Digest? = nil)
        async throws(LanguageSystemError) -> StoredCanary?
    {
        try await list("select * from ls.read_canary($1, $2)", baseModel, known) { rows in
            try rows.oneOrNone().map {
                StoredCanary(digest: try $0.decode("digest"), bytes: try $0.decode("bytes"))
            }
        }
    }
}
