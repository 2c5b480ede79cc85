import Benchmarking
import Foundation
import LanguageSystem
import Rankers
import Testing

@Suite struct `Level folds` {
    let files = try! TemporaryFiles()

    static func folds(_ levels: KeyValuePairs<String, [String]>, count: Int) throws -> LevelFolds {
        let sets = try levels.map { (domain: try DomainName($0.key), levels: $0.value) }
        return try LevelFolds(levels: sets, count: count)
    }

    @Test func `levels are dealt in sorted order, on from one domain to the next`() throws {
        let folds = try Self.folds(
            ["math/b": ["y", "x", "z"], "math/a": ["r", "p", "q", "p"]], count: 2)
        #expect(folds.levelCount == 6)
        // a: p 0, q 1, r 0; b: x 1, y 0, z 1.
        #expect(folds.queries(ofSet: 1, in: 0) == [0, 1, 3])
        #expect(folds.queries(ofSet: 1, in: 1) == [2])
        #expect(folds.queries(ofSet: 0, in: 0) == [0])
        #expect(folds.queries(ofSet: 0, in: 1) == [1, 2])
    }

    @Test func `levels of a domain are in the same fold in its train set and its test set`() throws
    {
        let folds = try Self.folds(
            ["math/a": ["p", "q", "r"], "math/a": ["r", "r", "p", "s"]], count: 2)
        #expect(folds.levelCount == 4)
        #expect(folds.queries(ofSet: 0, outside: 0) == [1])
        #expect(folds.queries(ofSet: 1, in: 0) == [0, 1, 2])
    }

    @Test(arguments: [2, 3, 5])
    func `levels leave each query in one fold and each domain in every fold`(count: Int) throws {
        let levels = (0..<40).map { "template \($0 % 7)" }
        let folds = try Self.folds(["math/a": levels, "math/b": levels], count: count)
        for set in 0..<2 {
            let parts = (0..<count).map { folds.queries(ofSet: set, in: $0) }
            #expect(parts.allSatisfy { !$0.isEmpty })
            #expect(parts.joined().sorted() == Array(0..<40))
            for fold in 0..<count {
                let outside = folds.queries(ofSet: set, outside: fold)
                #expect((parts[fold] + outside).sorted() == Array(0..<40))
                #expect(
                    Set(outside.map { levels[$0] }).isDisjoint(
                        with: parts[fold].map { levels[$0] }))
            }
        }
    }

    @Test func `levels of one name in two domains are two levels`() throws {
        let folds = try Self.folds(["math/a": ["1", "2", "3"], "math/b": ["1", "2"]], count: 2)
        #expect(folds.levelCount == 5)
        #expect(folds.queries(ofSet: 0, in: 0) == [0, 2] && folds.queries(ofSet: 1, in: 0) == [1])
    }

    @Test(arguments: [
        (["1", "1"], 2, "math/b in 2 folds: found 1 level, expected at least one a fold"),
        (["1", "2"], 3, "math/b in 3 folds: found 2 levels, expected at least one a fold"),
    ])
    func `levels that are fewer than the folds are refused`(
        levels: [String], count: Int, says: String
    ) throws {
        let found = refusal {
            _ = try Self.folds(["math/a": ["1", "2", "3"], "math/b": levels], count: count)
        }
        #expect(found == "cannot hold out levels of \(says)")
    }

    @Test func `levels are read from the JSONL beside a feature file`() throws {
        let set = try files.features()
        try write(["1", "2", "1", "3", "2", "1"].map { #"{"query_id":"q","level":\#($0)}"# })
        let folds = try LevelFolds(of: [set], count: 3)
        #expect(folds.count == 3 && folds.levelCount == 3)
        #expect((0..<3).map { folds.queries(ofSet: 0, in: $0) } == [[0, 2, 5], [1, 4], [3]])
    }

    @Test func `levels that are not known are refused with a sentence`() throws {
        let set = try files.features()
        func says() -> String? { refusal { _ = try LevelFolds(of: [set], count: 2) } }
        #expect(
            says() == "cannot hold out levels of \(set.name): found no JSONL file of the same "
                + "name beside it")
        let line = #"{"query_id":"q","level":"1"}"#
        try write(Array(repeating: line, count: 5))
        #expect(
            says() == "cannot read \(files.path("features.jsonl")): found 5 lines, expected 6, "
                + "one a query")
        for other in [#"{"query_id":"q"}"#, #"{"query_id":"q","level":null}"#] {
            try write(Array(repeating: line, count: 4) + [other, line])
            #expect(
                says() == "cannot hold out levels of \(set.name): found no level in line 5 of the "
                    + "JSONL file beside it")
        }
    }

    func write(_ lines: [String]) throws {
        try lines.joined(separator: "\n").write(
            toFile: files.path("features.jsonl"), atomically: true, encoding: .utf8)
    }
}
