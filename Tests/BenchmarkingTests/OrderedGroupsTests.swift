import Benchmarking
import Foundation
import LanguageSystem
import Rankers
import Testing

@Suite struct `Ordered groups` {
    let files = try! TemporaryFiles()

    func draw(_ sets: [FeatureSet], seed: UInt64 = 1) -> OrderedGroups {
        OrderedGroups(drawnFrom: sets, perQuery: 7, candidateCount: 4, seed: seed)
    }

    @Test func `every query gives its number of groups, each with both labels and no row twice`()
        throws
    {
        let sets = [try files.features("a"), try files.features("b", queries: 3, seed: 2)]
        let drawn = draw(sets)
        let labels = sets.flatMap(\.labels)
        #expect(drawn.groups.count == 9 * 7)
        #expect(drawn.order.sorted() == Array(0..<63) && drawn.order != Array(0..<63))
        for (group, query) in drawn.groups.queries.enumerated() {
            let rows = drawn.groups.rows[4 * group..<4 * group + 4].map(Int.init)
            #expect(Set(rows).count == 4 && rows.allSatisfy { $0 / 20 == Int(query) })
            #expect(Set(rows.map { labels[$0] }).count == 2)
        }
    }

    @Test func `a pool smaller than a group gives none and is counted`() throws {
        let set = try files.features(responses: 3)
        let drawn = draw([set])
        #expect(drawn.groups.count == 0 && drawn.groups.droppedQueryCount == 6)
    }

    @Test func `the seed alone decides the groups`() throws {
        let sets = [try files.features()]
        #expect(draw(sets).safetensors == draw(sets).safetensors)
        #expect(draw(sets).safetensors != draw(sets, seed: 2).safetensors)
    }

    @Test func `later epochs take the same groups in another order`() throws {
        let drawn = draw([try files.features()])
        let second = drawn.order(epoch: 1, seed: 1)
        #expect(drawn.order(epoch: 0, seed: 1) == drawn.order)
        #expect(second != drawn.order && second.sorted() == drawn.order.sorted())
    }

    @Test func `a file gives back what was written`() throws {
        let sets = [try files.features("a"), try files.features("b", seed: 2)]
        let drawn = draw(sets)
        try write(drawn.safetensors, to: files.path("groups"))
        let read = try OrderedGroups(contentsOf: files.path("groups"), for: sets)
        #expect(read.groups.queries == drawn.groups.queries)
        #expect(read.groups.rows == drawn.groups.rows && read.order == drawn.order)
        #expect(read.safetensors == drawn.safetensors)
    }

    /// A groups file of two groups of two, spoiled in one place.
    struct Spoiled: Sendable {
        var format = "groups/1"
        var query: [Int32] = [0, 1]
        var rows: [Int32] = [0, 1, 20, 21]
        var rowsShape = [2, 2]
        var order: [Int32] = [1, 0]
        var isWide = false
        let says: String?

        func write(to path: String) throws {
            var writer = SafetensorsWriter(metadata: ["format": format])
            if isWide {
                writer.add("query", .i64, [query.count], query.map(Int64.init))
            } else {
                writer.add("query", .i32, [query.count], query)
            }
            writer.add("rows", .i32, rowsShape, rows)
            writer.add("order", .i32, [order.count], order)
            try Benchmarking.write(writer.bytes(), to: path)
        }
    }

    static let spoiled = [
        Spoiled(says: nil),
        Spoiled(format: "groups/2", says: "found format 'groups/2', expected 'groups/1'"),
        Spoiled(isWide: true, says: "found 'query' of I64 [2], expected I32 of 1 dimension"),
        Spoiled(rowsShape: [4], says: "found 'rows' of I32 [4], expected I32 of 2 dimensions"),
        Spoiled(
            rowsShape: [4, 1],
            says: "found 2 queries, 4 groups of rows and 2 places in the order, expected one "
                + "number of all three"),
        Spoiled(
            order: [0],
            says: "found 2 queries, 2 groups of rows and 1 places in the order, expected one "
                + "number of all three"),
        Spoiled(
            rows: [0, 20], rowsShape: [2, 1],
            says: "found groups of 1 candidates, expected 2 to 1024"),
        Spoiled(query: [0, 6], says: "found query 6 in group 1, the features have 6"),
        Spoiled(query: [-1, 1], says: "found query -1 in group 0, the features have 6"),
        Spoiled(
            rows: [0, 1, 20, 40], says: "found row 40 in group 1, query 1 has rows 20 to 39"),
        Spoiled(
            rows: [0, 120, 20, 21], says: "found row 120 in group 0, query 0 has rows 0 to 19"),
        Spoiled(rows: [0, 1, 21, 21], says: "found a row twice in group 1"),
        Spoiled(
            order: [1, 1],
            says: "found 1 twice or beyond the 2 groups in 'order', expected a permutation"),
        Spoiled(
            order: [0, 2],
            says: "found 2 twice or beyond the 2 groups in 'order', expected a permutation"),
        Spoiled(query: [], rows: [], rowsShape: [0, 2], order: [], says: "found no group"),
    ]

    @Test(arguments: spoiled.indices)
    func `a file that is wrong is refused with a sentence`(index: Int) throws {
        let spoiled = Self.spoiled[index]
        let set = try files.features()
        let path = files.path("groups")
        try spoiled.write(to: path)
        let found = refusal { _ = try OrderedGroups(contentsOf: path, for: [set]) }
        #expect(found == spoiled.says.map { "cannot read \(path): \($0)" })
    }

    @Test func `a file that is not there is named`() throws {
        let path = files.path("nothing")
        let found = refusal { _ = try OrderedGroups(contentsOf: path, for: []) }
        #expect(found == "cannot read \(path): found no readable file")
    }
}
