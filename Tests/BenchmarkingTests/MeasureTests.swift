import Benchmarking
import Foundation
import Histogram
import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite struct `Measures` {
    let files = try! TemporaryFiles()

    @Test func `percentiles are those of NumPy`() {
        let times = Times([4, 1, 3, 2])
        #expect(times.least == 1 && times.median == 2.5)
        #expect(abs(times.percentile(10) - 1.3) < 1e-12 && times.percentile(100) == 4)
        #expect(Times([7]).percentile(10) == 7)
    }

    @Test func `durations of several histograms are one, each known within 0.1 %`() {
        var all = Histogram.ofDurations()
        #expect(all.percentile(50) == .zero && all.lines == [])
        for start in [1, 501] {
            var some = Histogram.ofDurations()
            for step in start..<start + 500 { some.record(.microseconds(step)) }
            all.add(some)
        }
        #expect(all.totalCount == 1_000)
        for percent in [50, 90, 99, 99.9] {
            let exact = Duration.microseconds(Int64(percent * 10))
            let found = all.percentile(percent)
            #expect(found >= exact && found <= exact * 1.001, "\(percent)")
        }
        #expect(all.percentile(100) == .microseconds(1_000))
        all.record(.seconds(7_200))
        all.record(.nanoseconds(-5))
        #expect(all.percentile(100) == .seconds(7_200), "one of more than an hour is kept")
        #expect(all.percentile(0) == .zero, "a clock that was set counts as zero")
    }

    @Test func `a drawing has a line for each quarter of a power of two`() {
        var histogram = Histogram.ofDurations()
        for microseconds in [1_000, 1_010, 1_400] { histogram.record(.microseconds(microseconds)) }
        #expect(
            histogram.lines == [
                "<     1.049 ms         2  \(String(repeating: "█", count: 50))",
                "<     1.311 ms         0  ",
                "<     1.573 ms         1  \(String(repeating: "█", count: 25))",
            ])
    }

    @Test func `a processor is read from the text of Linux, or unknown`() {
        let text =
            "processor\t: 0\nmodel name\t: Some CPU: 3 GHz\nflags\t\t: fpu avx2 avx512_bf16 f16c\n"
        let machine = Machine(cpuInfo: text, cores: 2)
        #expect(machine.cpu == "Some CPU: 3 GHz" && machine.cores == 2)
        #expect(machine.instructionSets == ["avx2", "f16c", "avx512_bf16"])
        #expect(Machine(cpuInfo: "", cores: 1).cpu == "unknown")
    }

    @Test func `peak memory is read in bytes and is more than nothing here`() throws {
        #expect(peakResidentBytes(status: "VmPeak:\t 9 kB\nVmHWM:\t    12 kB\n") == 12_288)
        #expect(peakResidentBytes(status: "VmHWM: lots\n") == nil)
        #expect(try #require(peakResidentBytes()) > 1_000_000)
    }

    @Test func `the arithmetic of the paper's shape, by hand`() {
        let listwise = Arithmetic(.preset(kind: .listwise, hiddenSize: 4096))
        let pointwise = Arithmetic(.preset(kind: .pointwise, hiddenSize: 4096))
        #expect(listwise.projection == 524_288)
        #expect(pointwise.blocks(candidateCount: 10) == 65_536)
        #expect(listwise.blocks(candidateCount: 10) == 65_536 + 32_768 + 2_816)
        #expect(pointwise.scoring(candidateCount: 10) == 11 * (524_288 + 65_536))
        #expect(
            pointwise.step(groupCount: 256, candidateCount: 10, distinctRowCount: 2_000)
                == 2_000 * (2 * 524_288 + 3 * 65_536))
        #expect(
            listwise.step(groupCount: 256, candidateCount: 10, distinctRowCount: 2_000)
                == 2_000 * 2 * 524_288 + 3 * 2_816 * 101_120)
    }

    @Test func `distinct rows of a batch are counted once, instructions with them`() {
        var groups = CandidateGroups(candidateCount: 2)
        groups.queries = [0, 0, 1]
        groups.rows = [0, 1, 1, 2, 8, 9]
        let ordered = OrderedGroups(groups: groups, order: [2, 0, 1])
        // Groups 2 and 0: rows 8 9 0 1 and both queries; then group 1: rows 1 2 and query 0.
        #expect(ordered.distinctRowCounts(order: ordered.order, batchGroups: 2) == [6, 3])
    }

    @Test func `figures keep six digits`() {
        #expect(figure(0.000123456789) == 0.000123457 && figure(1_234_567_8) == 12_345_700)
        #expect(figure(0) == 0)
    }

    @Test func `a case is one line of JSON in snake case`() {
        struct Case: Encodable {
            let stepSecondsP10 = 0.5
            let absent: Double? = nil
            let bench = "a/b"
        }
        #expect(oneLine(Case()) == #"{"bench":"a/b","step_seconds_p10":0.5}"#)
    }

    @Test func `a product of matrices is timed as often as asked`() {
        let times = ProductShape.all[2].times(.own, threadCount: 2, rounds: 3)
        #expect(times.least > 0 && times.percentile(100) >= times.median)
        #expect(ProductShape.all[2].operations == 2 * 11 * 64 * 4096)
    }
}

@Suite struct `Measured steps` {
    let files = try! TemporaryFiles()

    @Test(arguments: RankerKind.allCases)
    func `steps over the groups of a file are those over the groups it was written from`(
        kind: RankerKind
    ) throws {
        let set = try files.features()
        let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: 32)
        var plan = TrainingConfiguration.paperSetting(kind: kind)
        (plan.batchGroups, plan.epochs) = (16, 2)
        let drawn = OrderedGroups(drawnFrom: [set], perQuery: 9, candidateCount: 10, seed: 1)
        try write(drawn.safetensors, to: files.path("groups"))
        let read = try OrderedGroups(contentsOf: files.path("groups"), for: [set])
        let runs = try [drawn, read].map {
            try MeasuredSteps(
                from: RankerWeights(fresh: configuration, seed: 3), plan, on: FeatureTable([set]),
                $0, threadCount: 2)
        }
        #expect(runs[0].weights.digest == runs[1].weights.digest)
        // 54 groups are 4 steps an epoch.
        #expect(runs[0].losses.count == 8 && runs[0].stepSeconds.count == 8)
        #expect(runs[0].losses[7] < runs[0].losses[0])
        let trace = LossTrace(impl: "x", losses: runs[0].losses, weights: runs[0].weights)
        let back = try JSONDecoder().decode(LossTrace.self, from: Data(trace.json.utf8))
        #expect(back == trace && back.finalAbsMean["projection.weight"]! > 0)
    }

    @Test(arguments: RankerKind.allCases)
    func `steps find the planted signal, which carries over to new queries`(kind: RankerKind) throws
    {
        let set = try files.features(queries: 30)
        let new = try files.features("new", queries: 30, seed: 2)
        let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: 32)
        var plan = TrainingConfiguration.paperSetting(kind: kind)
        plan.batchGroups = 16
        let drawn = OrderedGroups(drawnFrom: [set], perQuery: 100, candidateCount: 10, seed: 1)
        let steps = try MeasuredSteps(
            from: RankerWeights(fresh: configuration, seed: 3), plan, on: FeatureTable([set]),
            drawn, threadCount: 2)
        let measured = try evaluate(steps.weights, on: new)
        #expect(measured.accuracy > measured.firstSample + 0.25)
    }

    @Test func `a rate that is too high ends the steps with a sentence`() throws {
        let set = try files.features()
        var plan = TrainingConfiguration.paperSetting(kind: .pointwise)
        plan.optimizer.rate = 1e30
        plan.batchGroups = 8
        let drawn = OrderedGroups(drawnFrom: [set], perQuery: 9, candidateCount: 10, seed: 1)
        let configuration = RankerConfiguration.preset(kind: .pointwise, hiddenSize: 32)
        let found = refusal {
            _ = try MeasuredSteps(
                from: RankerWeights(fresh: configuration, seed: 3), plan, on: FeatureTable([set]),
                drawn, threadCount: 1)
        }
        #expect(found?.hasPrefix("cannot go on training: the loss was no longer finite") == true)
    }
}
