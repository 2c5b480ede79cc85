// The back end of swift-metrics: counters, gauges and histograms in memory, written as Prometheus
// reads them (text format 0.0.4). What is cheap to ask for is asked for when somebody scrapes; what
// happens often is counted as it happens.
import Concurrency
public import CoreMetrics
import Foundation

public final class PrometheusMetrics: MetricsFactory, Sendable {
    private typealias Collector = @Sendable (inout MetricSamples) async -> Void

    private struct State {
        var families: [String: Family] = [:]
        var collectors: [Collector] = []
    }

    /// Of one name. A label with unbounded values is a mistake: what is beyond shares one series.
    public static let seriesCountMax = 1_000
    /// In seconds.
    public static let bounds: [Double] = [
        0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
        0.25, 0.5, 1, 2.5,
        10,
    ]

    private let help: [String: String]
    private let state = Locked(State())

    /// - Parameter help: What each name means.
    public init(help: [String: String]) { self.help = help }

    /// `collect` runs at each scrape and says how things are then.
    public func onScrape(_ collect: @escaping @Sendable (inout MetricSamples) async -> Void) {
        state.withLock { $0.collectors.append(collect) }
    }

    /// Everything, by name.
    public func render() async -> String {
        var samples = MetricSamples()
        for collect in state.withLock({ $0.collectors }) { await collect(&samples) }
        let families = state.withLock { $0.families }
        var texts = families.mapValues(\.lines)
        var kinds = families.mapValues(\.kind)
        for sample in samples.all {
            texts[sample.name, default: []].append(
                "\(sample.name)\(Self.text(of: sample.labels)) \(Self.text(of: sample.value))")
            kinds[sample.name] = sample.kind
        }
        return texts.sorted { $0.key < $1.key }.map { name, lines in
            var text = ""
            if let help = help[name] { text += "# HELP \(name) \(Self.escaped(help))\n" }
            text += "# TYPE \(name) \(kinds[name]!.rawValue)\n"
            return text + lines.map { $0 + "\n" }.joined()
        }.joined()
    }

    // MARK: swift-metrics

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, .counter, dimensions)
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool)
        -> any RecorderHandler
    {
        series(label, aggregate ? .histogram : .gauge, dimensions)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, .histogram, dimensions)
    }

    // A series lasts as long as the program: a counter that began again would be a lie.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    private func series(
        _ name: String, _ kind: MetricKind, _ labels: [(String, String)]
    ) -> Series {
        state.withLock {
            $0.families[name, default: Family(name: name, kind: kind)].series(labels)
        }
    }

    // MARK: Text

    static func text(of labels: [(String, String)]) -> String {
        guard !labels.isEmpty else { return "" }
        return "{"
            + labels.map { name, value in
                let value = escaped(value).replacingOccurrences(of: "\"", with: "\\\"")
                return "\(name)=\"\(value)\""
            }.joined(separator: ",") + "}"
    }

    private static func escaped(_ text: String) -> String {
        text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(
            of: "\n", with: "\\n")
    }

    static func text(of value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15
            ? String(Int64(value)) : value.description
    }
}

enum MetricKind: String, Sendable { case counter, gauge, histogram }

/// What a scrape finds.
public struct MetricSamples: Sendable {
    struct Sample: Sendable {
        let name: String
        let kind: MetricKind
        let labels: [(String, String)]
        let value: Double
    }

    private(set) var all: [Sample] = []

    public mutating func gauge(
        _ name: String, _ value: some BinaryInteger, _ labels: [(String, String)] = []
    ) { gauge(name, Double(value), labels) }

    public mutating func gauge(_ name: String, _ value: Double, _ labels: [(String, String)] = []) {
        all.append(Sample(name: name, kind: .gauge, labels: labels, value: value))
    }

    /// Counted elsewhere, since the program began.
    public mutating func counter(
        _ name: String, _ value: some BinaryInteger, _ labels: [(String, String)] = []
    ) { counter(name, Double(value), labels) }

    public mutating func counter(
        _ name: String, _ value: Double, _ labels: [(String, String)] = []
    ) {
        all.append(Sample(name: name, kind: .counter, labels: labels, value: value))
    }
}

/// All series of one name.
private struct Family: Sendable {
    let name: String
    let kind: MetricKind
    private var known: [String: Series] = [:]
    private var order: [String] = []

    init(name: String, kind: MetricKind) {
        self.name = name
        self.kind = kind
    }

    mutating func series(_ labels: [(String, String)]) -> Series {
        let text = PrometheusMetrics.text(of: labels)
        if let series = known[text] { return series }
        guard known.count < PrometheusMetrics.seriesCountMax else {
            return series([("overflow", "true")], text: #"{overflow="true"}"#)
        }
        return series(labels, text: text)
    }

    private mutating func series(_ labels: [(String, String)], text: String) -> Series {
        if let series = known[text] { return series }
        let series = Series(name: name, kind: kind, labels: labels)
        known[text] = series
        order.append(text)
        return series
    }

    var lines: [String] { order.flatMap { known[$0]?.lines ?? [] } }
}

/// One name with one set of labels. Its lock is held for an addition.
private final class Series: CounterHandler, RecorderHandler, TimerHandler, Sendable {
    private struct Figures {
        var count: Int64 = 0
        var sum = 0.0
        var buckets = [Int64](repeating: 0, count: PrometheusMetrics.bounds.count)
    }

    private let name: String
    private let kind: MetricKind
    private let labels: [(String, String)]
    private let figures = Locked(Figures())

    init(name: String, kind: MetricKind, labels: [(String, String)]) {
        self.name = name
        self.kind = kind
        self.labels = labels
    }

    func increment(by amount: Int64) { figures.withLock { $0.count &+= amount } }
    func reset() { figures.withLock { $0.count = 0 } }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        figures.withLock { figures in
            guard kind == .histogram else {
                figures.sum = value
                return
            }
            figures.count += 1
            figures.sum += value
            if let place = PrometheusMetrics.bounds.firstIndex(where: { value <= $0 }) {
                figures.buckets[place] += 1
            }
        }
    }

    var lines: [String] {
        let figures = figures.withLock { $0 }
        let text = PrometheusMetrics.text(of: labels)
        switch kind {
        case .counter: return ["\(name)\(text) \(figures.count)"]
        case .gauge: return ["\(name)\(text) \(PrometheusMetrics.text(of: figures.sum))"]
        case .histogram:
            var reached: Int64 = 0
            var lines: [String] = []
            for (bound, more) in zip(PrometheusMetrics.bounds, figures.buckets) {
                reached += more
                let upTo = PrometheusMetrics.text(of: bound)
                lines.append(line("_bucket", [("le", upTo)], "\(reached)"))
            }
            lines.append(line("_bucket", [("le", "+Inf")], "\(figures.count)"))
            lines.append(line("_sum", [], PrometheusMetrics.text(of: figures.sum)))
            lines.append(line("_count", [], "\(figures.count)"))
            return lines
        }
    }

    private func line(_ suffix: String, _ more: [(String, String)], _ value: String) -> String {
        "\(name)\(suffix)\(PrometheusMetrics.text(of: labels + more)) \(value)"
    }
}
