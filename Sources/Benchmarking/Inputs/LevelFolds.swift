// Which queries are held out together when a ranker is to be measured on levels that it has never
// seen. A level is one of its domain: levels of one name in two domains have nothing in common.
package import LanguageSystem
package import Rankers

/// The levels of all domains, dealt into folds in sorted order, one after the other, so that each
/// domain is in every fold.
package struct LevelFolds: Sendable {
    /// The number of folds.
    package let count: Int
    /// The number of levels of all domains.
    package let levelCount: Int
    /// The fold of each query of each set.
    private let foldOfQuery: [[Int]]

    /// Reads the levels beside each set's file.
    ///
    /// - Parameter sets: Read from files; train and test sets together.
    /// - Throws: `invalidFeatures` where a query's level is not known, `invalidArgument` where a
    ///   domain has fewer levels than there are folds.
    package init(of sets: [FeatureSet], count: Int) throws(LanguageSystemError) {
        try self.init(
            levels: try sets.map { set throws(LanguageSystemError) in
                (domain: set.metadata.domain, levels: try Self.levels(of: set))
            }, count: count)
    }

    /// - Parameter sets: The domain of each set and the level of each of its queries.
    /// - Throws: `invalidArgument` where a domain has fewer levels than there are folds.
    /// - Precondition: count >= 2.
    package init(
        levels sets: [(domain: DomainName, levels: [String])], count: Int
    ) throws(LanguageSystemError) {
        precondition(count >= 2, "one fold is held out, another trained on")
        var known: [DomainName: Set<String>] = [:]
        for set in sets { known[set.domain, default: []].formUnion(set.levels) }
        var folds: [DomainName: [String: Int]] = [:]
        var dealt = 0
        for (domain, levels) in known.sorted(by: { $0.key.description < $1.key.description }) {
            guard levels.count >= count else {
                throw .tooFewLevels(of: domain, found: levels.count, folds: count)
            }
            for level in levels.sorted() {
                folds[domain, default: [:]][level] = dealt % count
                dealt += 1
            }
        }
        self.count = count
        levelCount = dealt
        // Each level was dealt.
        foldOfQuery = sets.map { set in set.levels.map { folds[set.domain]![$0]! } }
    }

    /// The queries of a set whose level is in the fold.
    package func queries(ofSet set: Int, in fold: Int) -> [Int] {
        foldOfQuery[set].indices.filter { foldOfQuery[set][$0] == fold }
    }

    /// The queries of a set whose level is in another fold.
    package func queries(ofSet set: Int, outside fold: Int) -> [Int] {
        foldOfQuery[set].indices.filter { foldOfQuery[set][$0] != fold }
    }

    private static func levels(of set: FeatureSet) throws(LanguageSystemError) -> [String] {
        guard let notes = try QueryNote.read(beside: set.name, queryCount: set.queryCount) else {
            throw LanguageSystemError(
                .invalidFeatures,
                "cannot hold out levels of \(set.name): found no JSONL file of the same name "
                    + "beside it")
        }
        var levels: [String] = []
        for (index, note) in notes.enumerated() {
            guard let level = note.level else {
                throw LanguageSystemError(
                    .invalidFeatures,
                    "cannot hold out levels of \(set.name): found no level in line \(index + 1) "
                        + "of the JSONL file beside it")
            }
            levels.append(level)
        }
        return levels
    }
}

extension LanguageSystemError {
    fileprivate static func tooFewLevels(
        of domain: DomainName, found: Int, folds: Int
    ) -> Self {
        Self(
            .invalidArgument,
            "cannot hold out levels of \(domain) in \(folds) folds: found \(found) "
                + "level\(found == 1 ? "" : "s"), expected at least one a fold")
    }
}
