// Which candidates stand together: K responses of one query each, drawn with a seed. Training
// drops groups that teach nothing (Appendix D); evaluation keeps all, so that the feature set and
// the seed alone decide them.
internal import LanguageSystem
internal import RankerMath

/// Groups of equal K over several feature sets. Queries and rows are numbered across the sets.
package struct CandidateGroups: Sendable {
    package let candidateCount: Int
    /// The query of each group.
    package var queries: [Int32] = []
    /// The K rows of each group.
    package var rows: [Int32] = []
    package var droppedGroupCount = 0
    package var droppedQueryCount = 0

    package init(candidateCount: Int) { self.candidateCount = candidateCount }

    package var count: Int { queries.count }

    /// Draws N groups a query; drops those whose labels are all equal, and queries whose pool is
    /// smaller than K or gives no group.
    /// - Parameter heldOut: The queries that give no groups and are not counted.
    package init(
        training table: FeatureTable, _ training: TrainingConfiguration, epoch: Int,
        without heldOut: Set<Int> = []
    ) {
        self.init(candidateCount: training.candidateCount)
        let k = training.candidateCount
        for query in 0..<table.queryCount where !heldOut.contains(query) {
            let pool = table.pool(of: query)
            guard pool.count >= k, table.labelsDiffer(in: pool) else {
                droppedQueryCount += 1
                continue
            }
            var generator = Generator(
                seed: training.seed,
                stream: RandomStream.groups + UInt64(epoch) << 40 + UInt64(query))
            let before = count
            for _ in 0..<training.groupsPerQuery {
                let chosen = generator.choose(k, of: pool.count).map { pool.lowerBound + $0 }
                guard Self.differ(chosen.lazy.map { table.labels[$0] }) else {
                    droppedGroupCount += 1
                    continue
                }
                queries.append(Int32(query))
                rows.append(contentsOf: chosen.lazy.map { Int32($0) })
            }
            if count == before { droppedQueryCount += 1 }
        }
    }

    fileprivate static func differ(_ labels: some Sequence<Float>) -> Bool {
        var least = Float.infinity
        var greatest = -Float.infinity
        for label in labels {
            least = min(least, label)
            greatest = max(greatest, label)
        }
        return least < greatest
    }
}

/// Several feature sets as one table; queries and response rows are numbered across the sets.
package struct FeatureTable: Sendable {
    package let sets: [FeatureSet]
    package let labels: [Float]
    package let queryCount: Int
    private let places: [(instructions: StoredMatrix, responses: StoredMatrix)]
    private let firstQuery: [Int]
    private let firstRow: [Int]
    private let setOfQuery: [Int32]
    private let setOfRow: [Int32]

    package init(_ sets: [FeatureSet]) {
        self.sets = sets
        labels = sets.flatMap(\.labels)
        places = sets.map { ($0.instructionMatrix, $0.responseMatrix) }
        var (queries, rows) = ([0], [0])
        var (queryCount, rowCount) = (0, 0)
        for set in sets {
            queryCount += set.queryCount
            rowCount += set.responseCount
            queries.append(queryCount)
            rows.append(rowCount)
        }
        (firstQuery, firstRow, self.queryCount) = (queries, rows, queryCount)
        setOfQuery = sets.indices.flatMap {
            Array(repeating: Int32($0), count: sets[$0].queryCount)
        }
        setOfRow = sets.indices.flatMap {
            Array(repeating: Int32($0), count: sets[$0].responseCount)
        }
    }

    package var rowCount: Int { labels.count }

    func place(of query: Int) -> QueryPlace {
        let set = Int(setOfQuery[query])
        return QueryPlace(set: set, query: query - firstQuery[set])
    }

    /// Whether the responses of `rows` have different labels.
    func labelsDiffer(in rows: Range<Int>) -> Bool { CandidateGroups.differ(labels[rows]) }

    /// The rows of the query's responses, numbered across the sets.
    func pool(of query: Int) -> Range<Int> {
        let set = Int(setOfQuery[query])
        let local = query - firstQuery[set]
        let offsets = sets[set].offsets
        return firstRow[set] + offsets[local]..<firstRow[set] + offsets[local + 1]
    }

    /// The token numbered `index`: query `index`, or response `index - queryCount`.
    func row(ofToken index: Int) -> StoredRow {
        if index < queryCount {
            let set = Int(setOfQuery[index])
            return places[set].instructions.row(index - firstQuery[set])
        }
        let row = index - queryCount
        let set = Int(setOfRow[row])
        return places[set].responses.row(row - firstRow[set])
    }
}
