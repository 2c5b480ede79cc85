// What a sweep and a curve print, from figures made up here.
import LanguageSystem
import Ledger
import Rankers
import Testing

@testable import lscoord

@Suite struct `Tables of lscoord` {
    @Test func `a sweep of the paper's grid has the form of Table 5, best of each cell`() throws {
        let grid = TrainingConfiguration.paperGrid(kind: .listwise)
        let results = grid.enumerated().map { index, training in
            // SGD 0.05 at batch 256 are the first four; the third is the best of them.
            SweepResult(
                position: index + 1, state: index == 39 ? .failed : .measured,
                accuracy: index == 39 ? nil : index == 2 ? 0.462 : 0.4, standardError: 0.013,
                firstSample: 0.251, taskID: TaskID(Int64(index)),
                error: index == 39 ? "the loss was no longer finite" : nil,
                configuration: training.json)
        }
        let text = SweepTable(results).text
        let lines = text.split(separator: "\n").map(String.init)
        #expect(
            lines[1].split(separator: " ").joined(separator: " ")
                == "batch SGD 0.05 SGD 0.1 SGD 0.5 SGD 1 AdamW 1e-5 AdamW 1e-4")
        #expect(lines[2].hasPrefix("  256  46.2 ±1.3  40.0 ±1.3"))
        #expect(lines[3].hasPrefix(" 1024  40.0 ±1.3"))
        #expect(text.contains("the best of its momenta and schedules; their spread 6.2 points"))
        #expect(text.contains("spread (best minus worst of 39 configurations) 6.2 points"))
        #expect(text.contains("first sample on the same groups 25.1"))
        #expect(text.contains("entry 40 failed (task 39): the loss was no longer finite"))
    }

    @Test func `a sweep of anything but the paper's grid is a list of what differs`() {
        let configurations = [1, 2].map { epochs in
            #"{"loss": "list_kl", "epochs": \#(epochs), "optimizer": {"name": "sgd", "lr": 0.1}}"#
        }
        #expect(SweepLabels(configurations).texts == ["epochs 1", "epochs 2"])
        let results = configurations.enumerated().map { index, configuration in
            SweepResult(
                position: index + 1, state: .measured, accuracy: 0.5 + Double(index) / 100,
                standardError: 0.02, versionNumber: index + 3, taskID: TaskID(1),
                configuration: configuration)
        }
        let lines = SweepTable(results).text.split(separator: "\n")
        #expect(lines[2] == "1  epochs 1            @3  50.0 ±2.0")
        #expect(lines[3] == "2  epochs 2            @4  51.0 ±2.0")
    }

    @Test func `a sweep entry's keys replace the ranker's own, the optimiser whole`() throws {
        let own = TrainingConfiguration.preset(kind: .listwise)
        let entry = #"{"optimizer": {"name": "sgd", "lr": 0.5}}"#
        let merged = try JSONMerge.replacingKeys(of: own.json, with: entry)
        var expected = own
        expected.optimizer = .sgd(rate: 0.5, momentum: 0)
        #expect(try TrainingConfiguration(json: merged) == expected)
        let list = SweepList.file(name: "x", entries: [entry, "{}"], text: "[…]")
        #expect(try list.configurations(training: own.json) == "[…]")
        let bad = SweepList.file(name: "x", entries: ["{}", #"{"epochs": -1}"#], text: "[…]")
        let refused = #expect(throws: LanguageSystemError.self) {
            try bad.configurations(training: own.json)
        }
        #expect(refused?.message.hasPrefix("cannot use --sweep x, entry 2: ") == true)
    }

    @Test func `a curve over several domains weighs by groups and adds variances`() throws {
        let points = try [("math/a", 0.5, Int64(100)), ("math/b", 0.8, Int64(300))].flatMap {
            (name, accuracy, groups) in
            try [1, 4].map { count in
                ScalingPoint(
                    ranker: "math.listwise", versionNumber: 2, versionID: RankerVersionID(1),
                    domain: try DomainName(name), candidateCount: count, accuracy: accuracy,
                    standardError: 0.04, firstSample: 0.3, oracle: 0.9, queryCount: 5,
                    groupCount: groups, groupsPerQuery: 20, seed: 1)
            }
        }
        let row = CurveRow(pooling: points.filter { $0.candidateCount == 4 })
        #expect(abs(row.accuracy - 0.725) < 1e-12)
        // 0.04 sqrt((1/4)^2 + (3/4)^2)
        #expect(abs(row.standardError - 0.04 * (10.0 / 16).squareRoot()) < 1e-12)
        let text = CurveTable(points).text
        #expect(text.contains("all 2 domains"))
        // K on one domain only: no row over all.
        let partial = CurveTable(
            points.filter { $0.candidateCount == 1 || $0.domain == points[0].domain })
        let pooled = try #require(partial.text.split(separator: "\n\n").last)
        #expect(pooled.split(separator: "\n").count == 3)
    }
}
