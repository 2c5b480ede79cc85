// A feature file on its way into the ledger, from `lscoord features import` or over HTTPS: checked
// whole, then described as the database wants to know it.
public import LanguageSystem
public import Ledger
public import Rankers

/// One checked feature file, described for the ledger.
public struct FeatureFile: Sendable {
    public let description: FeatureSetDescription
    public let queries: [QueryDescription]
    private let features: FeatureSet

    public var metadata: FeatureMetadata { features.metadata }

    /// Reads the file and the JSONL file beside it, if there is one. It must not change while this
    /// value exists.
    ///
    /// - Parameters:
    ///   - name: The name in errors; nil for the path.
    ///   - user: Whose data these are; nil for the user that the file names, if any.
    /// - Throws: `invalidFeatures`, naming the file, for whatever is wrong with it;
    ///   `invalidArgument` when it names another user.
    public init(path: String, name: String? = nil, user: String?) throws(LanguageSystemError) {
        let set = try FeatureSet(contentsOf: path, name: name)
        features = set
        let metadata = set.metadata
        description = FeatureSetDescription(
            digest: set.digest, byteCount: Int64(set.byteCount), baseModel: metadata.baseModel,
            domain: metadata.domain, split: metadata.split,
            user: try metadata.user(saying: user, name: name ?? path),
            labelKind: metadata.labelKind.rawValue, hiddenSize: set.hiddenSize,
            queryCount: set.queryCount, responseCount: Int64(set.responseCount),
            layer: metadata.layer, layerFraction: metadata.layerFraction)
        let notes = try QueryNote.read(beside: path, queryCount: set.queryCount)
        queries = (0..<set.queryCount).map { index in
            let rows = set.offsets[index]..<set.offsets[index + 1]
            return QueryDescription(
                id: notes?[index].id ?? "\(index)", level: notes?[index].level,
                firstRow: Int64(rows.lowerBound), candidateCount: rows.count,
                positiveCount: rows.count { set.labels[$0] > 0 })
        }
    }

    @Sendable public func bytes(in range: Range<Int>) -> [UInt8] {
        features.withBytes { Array($0[range]) }
    }
}

extension FeatureMetadata {
    /// The user whose data these are.
    ///
    /// - Parameter said: What the caller says; nil when it leaves that to the file.
    /// - Throws: `invalidFeatures` for a user that cannot be one, `invalidArgument` for another one
    ///   than was said.
    func user(saying said: String?, name: String) throws(LanguageSystemError) -> String? {
        guard let user else { return said }
        guard !user.isEmpty, user.isPossibleName(ofAtMost: 200) else {
            throw LanguageSystemError(
                .invalidFeatures,
                """
                cannot read \(name): found user '\(user.printable(80))', expected 1 to 200 \
                characters without control characters
                """)
        }
        if let said, !said.utf8.elementsEqual(user.utf8) {
            throw LanguageSystemError(
                .invalidArgument,
                """
                cannot import \(name) as data of user '\(said.printable(200))': it says that it is \
                data of user '\(user)'
                """, field: "user")
        }
        return user
    }
}

extension LedgerStore {
    /// Checks that all base models and domains of these files are registered.
    ///
    /// - Throws: `unknownDomain`, `unknownBaseModel`, naming all that is not registered, with the
    ///   commands for it.
    public func checkRegistry(of files: [FeatureMetadata]) async throws(LanguageSystemError) {
        let missing = try await unregistered(
            baseModels: Set(files.map(\.baseModel)), domains: Set(files.map(\.domain)))
        if missing.baseModels.isEmpty, missing.domains.isEmpty { return }
        throw .unregistered(baseModels: missing.baseModels, domains: missing.domains, of: files)
    }
}

extension LanguageSystemError {
    /// The first ten of each by name.
    static func unregistered(
        baseModels: [String], domains: [String], of files: [FeatureMetadata]
    ) -> Self {
        func named(_ names: [String], _ one: String, _ several: String) -> String? {
            if names.isEmpty { return nil }
            let list = names.prefix(10).map { "'\($0.printable(200))'" }.joined(separator: ", ")
            let rest = names.count > 10 ? " and \(names.count - 10) more" : ""
            return "\(names.count == 1 ? one : several) \(list)\(rest)"
        }
        let missing = [
            named(baseModels, "base model", "base models"), named(domains, "domain", "domains"),
        ].compactMap { $0 }.joined(separator: " and ")
        let isOne = baseModels.count + domains.count == 1
        let commands =
            baseModels.map { name in
                var command = "lscoord register base-model \(name.shellQuoted)"
                if let file = files.first(where: { $0.baseModel == name }) {
                    command += " --hidden-size \(file.hiddenSize)"
                    if let layer = file.layer { command += " --layer \(layer)" }
                    if let fraction = file.layerFraction {
                        command += " --layer-fraction \(fraction)"
                    }
                }
                return command
            } + domains.map { "lscoord register domain \($0)" }
        return Self(
            baseModels.isEmpty ? .unknownDomain : .unknownBaseModel,
            "cannot import \(files.count == 1 ? "this file" : "these \(files.count) files"): "
                + "\(missing) \(isOne ? "is" : "are") not registered; nothing was imported",
            hint: commands.joined(separator: " && "))
    }
}

extension String {
    /// As one word of a POSIX shell.
    fileprivate var shellQuoted: String {
        if wholeMatch(of: /[A-Za-z0-9._\/:@-]+/) != nil { return self }
        return "'" + replacing("'", with: "'\\''") + "'"
    }
}
