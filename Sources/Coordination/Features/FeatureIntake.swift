// Decides whether a key may bring in a feature file that has come over the network, and stores it.
// The header is looked at first: what it says is refused before the numbers are read, whose copies
// (labels, offsets) are as many as it says. Then it is an import as any other.
import Concurrency
public import LanguageSystem
public import Ledger
import Rankers

public struct FeatureIntake: Sendable {
    /// What a caller's file is called in errors.
    private static let name = "the feature file"

    public struct Stored: Sendable {
        public let id: FeatureSetID
        public let description: FeatureSetDescription
        /// Whether the same bytes had been imported before.
        public let isDuplicate: Bool
    }

    private let ledger: LedgerStore
    private let copiedByteCountMax: Int

    /// - Parameter copiedByteCountMax: The most bytes of features that are copied into memory, 64
    ///   MiB: those of a file whose header is not padded.
    public init(ledger: LedgerStore, copiedByteCountMax: Int = 64 << 20) {
        self.ledger = ledger
        self.copiedByteCountMax = copiedByteCountMax
    }

    /// Checks that a key may import at all.
    ///
    /// - Throws: `notPermitted`.
    public static func check(_ key: KnownKey) throws(LanguageSystemError) {
        guard key.permissions.contains(.features) else { throw .importNotPermitted() }
    }

    /// Checks the file and stores it, whole or not at all. The same bytes again are the same set.
    ///
    /// - Parameters:
    ///   - path: The file, which does not change meanwhile.
    ///   - user: Whose data these are; nil for the user that the file names, or the key's only one.
    /// - Throws: `notPermitted`, `unknownBaseModel`, `unknownDomain`, `invalidFeatures`,
    ///   `invalidArgument`, `contractMismatch`, and `alreadyExists` when the same bytes are stored
    ///   as another set; what the database says when it is away.
    public func store(
        _ path: String, user: String?, by key: KnownKey
    ) async throws(LanguageSystemError) -> Stored {
        try Self.check(key)
        let summary = try await onThread(named: "ls-features") { () throws(LanguageSystemError) in
            try FeatureFileSummary(contentsOf: path, name: Self.name)
        }
        let owner = try key.scope.owner(of: summary.metadata, saying: user, name: Self.name)
        try await check(summary.metadata, for: key.scope)
        guard summary.copiedByteCount <= copiedByteCountMax else {
            throw .featuresNotAligned(summary.copiedByteCount, copiedByteCountMax, Self.name)
        }
        let file = try await onThread(named: "ls-features") { () throws(LanguageSystemError) in
            try FeatureFile(path: path, name: Self.name, user: owner)
        }
        let imported = try await ledger.importFeatureSet(
            file.description, queries: file.queries, by: "key \(key.name)", bytes: file.bytes(in:))
        return Stored(
            id: imported.id, description: file.description,
            isDuplicate: imported.wasAlreadyStored)
    }

    /// Checks that base model and domain are registered, and how wide the features are. A base
    /// model that the key is not for is answered as one that is not registered.
    private func check(
        _ metadata: FeatureMetadata, for scope: KeyScope
    ) async throws(LanguageSystemError) {
        // Of these the ledger would not take one as a name.
        let isPossible =
            metadata.baseModel.isPossibleName && scope.permits(baseModel: metadata.baseModel)
        var missing = try await ledger.unregistered(
            baseModels: isPossible ? [metadata.baseModel] : [], domains: [metadata.domain])
        if !isPossible { missing.baseModels = [metadata.baseModel] }
        guard missing.baseModels.isEmpty, missing.domains.isEmpty else {
            throw .unregistered(
                baseModels: missing.baseModels, domains: missing.domains,
                of: [metadata])
        }
        let hiddenSize = try await ledger.hiddenSize(of: metadata.baseModel)
        guard metadata.hiddenSize == hiddenSize else {
            throw LanguageSystemError(
                .contractMismatch,
                """
                cannot import features of '\(metadata.baseModel)': found hidden size \
                \(metadata.hiddenSize), expected \(hiddenSize)
                """)
        }
    }
}

extension KeyScope {
    /// The user whose data a file of this key's is: a key for one user brings in that user's data.
    ///
    /// - Throws: `notPermitted` for another user or domain than the key is for, and for data of no
    ///   user when the key is for some; `invalidArgument`, `invalidFeatures`.
    func owner(
        of metadata: FeatureMetadata, saying said: String?, name: String
    ) throws(LanguageSystemError) -> String? {
        guard said?.isEmpty != true, said?.isPossibleName(ofAtMost: 200) != false else {
            throw .impossibleOwner()
        }
        let user =
            try metadata.user(saying: said, name: name)
            ?? (users?.count == 1 ? users?.first : nil)
        if let user {
            guard permits(user: user) else { throw .ownerNotPermitted() }
        } else if users != nil {
            throw .ownerMissing()
        }
        guard permits(domain: metadata.domain) else { throw .featureDomainNotPermitted() }
        return user
    }
}

extension LanguageSystemError {
    static func importNotPermitted() -> Self {
        Self(
            .notPermitted, "cannot import features: the API key is for reranks alone",
            hint: "lscoord key create --features makes one that may import")
    }

    static func featuresNotAligned(_ found: Int, _ expected: Int, _ name: String) -> Self {
        Self(
            .invalidFeatures,
            """
            cannot read \(name): found \(found) bytes of features that do not begin at a multiple \
            of their width, expected at most \(expected)
            """, hint: "pad the header with spaces to a multiple of 8 bytes")
    }

    static func impossibleOwner() -> Self {
        Self(
            .invalidArgument,
            """
            cannot import for this user: found a name that is empty, longer than 200 characters or \
            has a control character
            """, field: "user")
    }

    static func ownerNotPermitted() -> Self {
        Self(
            .notPermitted, "cannot import for this user: the API key is for others", field: "user")
    }

    static func ownerMissing() -> Self {
        Self(
            .notPermitted,
            """
            cannot import data of no user: the API key is for some users, and neither the request \
            nor the file names one
            """, hint: "name the user", field: "user")
    }

    static func featureDomainNotPermitted() -> Self {
        Self(.notPermitted, "cannot import for this domain: the API key is for others")
    }
}
