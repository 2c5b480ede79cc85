// Groups as a file, in the format of the PyTorch peer's `--groups-file`: safetensors with
// metadata `format` = groups/1, query I32 [G], rows I32 [G, K], order I32 [G]. Rows count through
// all responses of the feature files, in the order the files are named.
package import LanguageSystem
package import Rankers

extension OrderedGroups {
    package static let format = "groups/1"

    /// - Throws: `invalidFeatures` for another format, shapes that disagree, a query or row the
    ///   feature sets do not have, a row of another query or twice in a group, and an order that
    ///   is not a permutation.
    package init(
        contentsOf path: String, for sets: [FeatureSet]
    ) throws(LanguageSystemError) {
        let file = try BenchFile(path, code: .invalidFeatures)
        guard let format = file.header.metadata["format"], format == Self.format else {
            throw .unreadable(
                path,
                "found format '\(file.header.metadata["format"] ?? "")', expected '\(Self.format)'")
        }
        let query = try file.integers("query", dimensions: 1)
        let rows = try file.integers("rows", dimensions: 2)
        let order = try file.integers("order", dimensions: 1)
        let count = query.shape[0]
        guard count > 0 else { throw .unreadable(path, "found no group") }
        guard rows.shape[0] == count, order.shape == [count] else {
            throw .unreadable(
                path,
                "found \(count) queries, \(rows.shape[0]) groups of rows and \(order.shape[0]) "
                    + "places in the order, expected one number of all three")
        }
        guard (2...Bounds.candidateCountMax).contains(rows.shape[1]) else {
            throw .unreadable(
                path,
                "found groups of \(rows.shape[1]) candidates, expected 2 to "
                    + "\(Bounds.candidateCountMax)")
        }
        var groups = CandidateGroups(candidateCount: rows.shape[1])
        groups.queries = query.values
        groups.rows = rows.values
        try groups.checkRows(against: pools(of: sets), path)
        try checkPermutation(order.values, path)
        self.init(groups: groups, order: order.values)
    }

    /// The file's bytes; equal groups give equal bytes.
    package var safetensors: [UInt8] {
        var writer = SafetensorsWriter(metadata: ["format": Self.format])
        writer.add("query", .i32, [groups.count], groups.queries)
        writer.add("rows", .i32, [groups.count, groups.candidateCount], groups.rows)
        writer.add("order", .i32, [order.count], order)
        return writer.bytes()
    }
}

extension CandidateGroups {
    fileprivate func checkRows(
        against pools: [Range<Int>], _ path: String
    ) throws(LanguageSystemError) {
        for (group, query) in queries.enumerated() {
            guard pools.indices.contains(Int(query)) else {
                throw .unreadable(
                    path,
                    "found query \(query) in group \(group), the features have \(pools.count)")
            }
            let pool = pools[Int(query)]
            let own = rows[group * candidateCount..<(group + 1) * candidateCount]
            if let row = own.first(where: { !pool.contains(Int($0)) }) {
                throw .unreadable(
                    path,
                    "found row \(row) in group \(group), query \(query) has rows "
                        + "\(pool.lowerBound) to \(pool.upperBound - 1)")
            }
            guard Set(own).count == candidateCount else {
                throw .unreadable(path, "found a row twice in group \(group)")
            }
        }
    }
}

private func checkPermutation(_ order: [Int32], _ path: String) throws(LanguageSystemError) {
    var seen = [Bool](repeating: false, count: order.count)
    for place in order {
        guard seen.indices.contains(Int(place)), !seen[Int(place)] else {
            throw .unreadable(
                path,
                "found \(place) twice or beyond the \(order.count) groups in 'order', expected a "
                    + "permutation")
        }
        seen[Int(place)] = true
    }
}
