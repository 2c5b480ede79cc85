// What a scraper reads: checked by a strict reader of the text format.
import CoreMetrics
import Foundation
import ProgramSupport
import Testing

/// Reads the text format 0.0.4, and nothing else.
struct Exposition {
    var types: [String: String] = [:]
    var values: [String: Double] = [:]

    init(_ text: String) throws {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if let type = line.wholeMatch(of: /# TYPE ([a-z_]+) (counter|gauge|histogram)/) {
                try #require(types[String(type.1)] == nil, "\(type.1) has its type once")
                types[String(type.1)] = String(type.2)
            } else if line.hasPrefix("# HELP ") {
                continue
            } else {
                let pattern =
                    #/
                    ([a-z_]+ (\{ ([a-z_]+ = " ([^"\\\n] | \\["\\n])* " ,?)+ \})?)
                    \x20 (-?[0-9.e+-]+ | NaN | \+Inf | -Inf)
                    /#
                let sample = try #require(line.wholeMatch(of: pattern), "no sample: \(line)")
                try #require(values[String(sample.1)] == nil, "\(sample.1) comes once")
                values[String(sample.1)] = Double(sample.5.replacing("Inf", with: "inf"))
            }
        }
    }
}

@Suite struct `Prometheus metrics` {
    @Test func `counters, gauges and histograms read as they were recorded`() async throws {
        let metrics = PrometheusMetrics(help: ["a_total": "How many a's.\nAll of them."])
        let counter = metrics.makeCounter(label: "a_total", dimensions: [("kind", "x\"y\\z\n")])
        counter.increment(by: 2)
        metrics.makeCounter(label: "a_total", dimensions: [("kind", "x\"y\\z\n")]).increment(by: 3)
        metrics.makeRecorder(label: "level", dimensions: [], aggregate: false).record(0.25)
        let timer = metrics.makeTimer(label: "took_seconds", dimensions: [("where", "here")])
        for nanoseconds in [50_000, 3_000_000, 20_000_000_000] {
            timer.recordNanoseconds(Int64(nanoseconds))
        }
        metrics.onScrape { samples in samples.gauge("depth", 7) }
        let text = await metrics.render()
        #expect(text.contains(#"# HELP a_total How many a's.\nAll of them."#))
        let read = try Exposition(text)
        #expect(
            read.types == [
                "a_total": "counter", "level": "gauge", "took_seconds": "histogram",
                "depth": "gauge",
            ])
        #expect(read.values[#"a_total{kind="x\"y\\z\n"}"#] == 5)
        #expect(read.values["level"] == 0.25 && read.values["depth"] == 7)
        #expect(read.values[#"took_seconds_bucket{where="here",le="0.0001"}"#] == 1)
        #expect(read.values[#"took_seconds_bucket{where="here",le="0.005"}"#] == 2)
        #expect(read.values[#"took_seconds_bucket{where="here",le="10"}"#] == 2)
        #expect(read.values[#"took_seconds_bucket{where="here",le="+Inf"}"#] == 3)
        #expect(read.values[#"took_seconds_count{where="here"}"#] == 3)
        let sum = try #require(read.values[#"took_seconds_sum{where="here"}"#])
        #expect(abs(sum - 20.00305) < 1e-9)
    }

    @Test func `a label without bounds ends in one series`() async throws {
        let metrics = PrometheusMetrics(help: [:])
        for number in 0..<PrometheusMetrics.seriesCountMax + 50 {
            metrics.makeCounter(label: "a_total", dimensions: [("user", "\(number)")]).increment(
                by: 1)
        }
        let read = try Exposition(await metrics.render())
        #expect(read.values.count == PrometheusMetrics.seriesCountMax + 1)
        #expect(read.values[#"a_total{overflow="true"}"#] == 50)
    }

    @Test func `many threads lose no count`() async throws {
        let metrics = PrometheusMetrics(help: [:])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let counter = metrics.makeCounter(label: "a_total", dimensions: [])
                    let timer = metrics.makeTimer(label: "b_seconds", dimensions: [])
                    for _ in 0..<10_000 {
                        counter.increment(by: 1)
                        timer.recordNanoseconds(1_000)
                    }
                }
            }
        }
        let read = try Exposition(await metrics.render())
        #expect(read.values["a_total"] == 80_000 && read.values["b_seconds_count"] == 80_000)
    }

    @Test func `the process says what it uses`() async throws {
        let metrics = PrometheusMetrics(help: [:])
        metrics.onScrape { $0.addProcess() }
        let read = try Exposition(await metrics.render())
        for name in [
            "process_cpu_seconds_total", "process_resident_memory_bytes",
            "process_start_time_seconds", "process_open_fds",
        ] {
            #expect(try #require(read.values[name]) > 0, "\(name)")
        }
        let started = try #require(read.values["process_start_time_seconds"])
        #expect(started <= Date().timeIntervalSince1970 + 1)
    }
}
