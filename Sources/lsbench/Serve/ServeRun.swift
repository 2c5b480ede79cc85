// The cases of `lsbench serve`, and what is said of each.
import AsyncHTTPClient
import Benchmarking
import EdgeWork
import Foundation
import Histogram
import LanguageSystem
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix
import NIOSSL
import RankerMath
import Rankers

struct ServeResult: Encodable, Sendable {
    let name: String
    let requestsPerSecond: Double
    let p50Ms: Double
    let p90Ms: Double
    let p99Ms: Double
    let p999Ms: Double
    let refused: Int
    let failed: Int
    var failure: String?
    let coordinatorCpuMicroseconds: Double
    let databaseCpuMicroseconds: Double
    let residentMegabytes: Double
    /// The coordinator's resident memory during --soak: at its beginning, and every ten seconds.
    var residentMegabytesOverTime: [Double]?
    var drawing: [String] = []

    static let heading: [(name: String, width: Int)] = [
        ("case", 44), ("req/s", 7), ("p50 ms", 7), ("p90", 6), ("p99", 6), ("p99.9", 6), ("429", 7),
        ("failed", 6), ("CPU us", 7), ("DB us", 6), ("MB", 5),
    ]

    var cells: [String] {
        [
            name, text(requestsPerSecond, 0), text(p50Ms, 2), text(p90Ms, 2), text(p99Ms, 2),
            text(p999Ms, 2), "\(refused)", "\(failed)", text(coordinatorCpuMicroseconds, 0),
            text(databaseCpuMicroseconds, 0), text(residentMegabytes, 0),
        ]
    }
}

struct ServeRun: Sendable {
    let coordinator: CoordinatorProcess
    let key: String
    let served: ServedRankers
    let request: BenchRequest
    let spread: UserSpread
    let isDrawn: Bool

    private static let warmUp: Duration = .seconds(2)

    func closed(
        _ body: ServeCommand.Body, connectionCount: Int, for duration: Duration
    ) async throws -> ServeResult {
        try await drive(
            "\(label(body)), \(connectionCount) connections", body,
            Load(connectionCount: connectionCount, pace: .closed, duration: duration))
    }

    func open(
        _ body: ServeCommand.Body, connectionCount: Int, perSecond: Double, for duration: Duration
    ) async throws -> ServeResult {
        try await drive(
            "  at \(text(perSecond, 0))/s, \(connectionCount) connections", body,
            Load(
                connectionCount: connectionCount, pace: .open(perSecond: perSecond),
                duration: duration))
    }

    /// Sends requests for a duration and records memory every ten seconds.
    func soak(for duration: Duration, perSecond: Double, connectionCount: Int) async throws
        -> ServeResult
    {
        try await withThrowingTaskGroup(of: [Double].self) { group in
            group.addTask {
                var seen: [Double] = []
                while !Task.isCancelled {
                    seen.append(Double(coordinator.usage().coordinatorResidentBytes) / 1e6)
                    try? await Task.sleep(for: .seconds(10))
                }
                return seen
            }
            defer { group.cancelAll() }
            var result = try await drive(
                "\(label(.binary)), \(text(duration.inSeconds, 0)) s at \(text(perSecond, 0))/s",
                .binary,
                Load(
                    connectionCount: connectionCount, pace: .open(perSecond: perSecond),
                    duration: duration))
            group.cancelAll()
            result.residentMegabytesOverTime = try await group.next() ?? []
            return result
        }
    }

    private func label(_ body: ServeCommand.Body) -> String {
        """
        \(served.kind.rawValue), \(served.count) rankers\(spread == .zipf ? " (Zipf)" : ""), \
        \(body.rawValue)
        """
    }

    private func drive(_ name: String, _ body: ServeCommand.Body, _ load: Load) async throws
        -> ServeResult
    {
        let names = (0..<served.count).map(served.name)
        let client = try LoadClient(
            on: MultiThreadedEventLoopGroup.singleton.next(), host: coordinator.address.host,
            port: coordinator.address.port, authorityPEM: try coordinator.authorityPEM, key: key,
            template: body == .json ? request.json : request.binary,
            users: UserLoad(spread, userCount: served.count, seed: 1), expected: { names[$0] })
        let before = coordinator.usage()
        var peak = 0
        var measured = LoadResult()
        peak = try await coordinator.peakResidentBytes {
            measured = try await client.run(load, warmUp: Self.warmUp)
        }
        let after = coordinator.usage()
        // The warm-up's work is in what was used, so it is spread over its requests, too.
        let elapsed = before.time.duration(to: after.time).inSeconds
        let answered = measured.perSecond * elapsed
        return ServeResult(
            name: name, requestsPerSecond: measured.perSecond,
            p50Ms: measured.latency.percentile(50).inSeconds * 1e3,
            p90Ms: measured.latency.percentile(90).inSeconds * 1e3,
            p99Ms: measured.latency.percentile(99).inSeconds * 1e3,
            p999Ms: measured.latency.percentile(99.9).inSeconds * 1e3,
            refused: measured.refusedCount, failed: measured.failedCount,
            failure: measured.failure,
            coordinatorCpuMicroseconds: (after.coordinatorCPUSeconds - before.coordinatorCPUSeconds)
                / answered * 1e6,
            databaseCpuMicroseconds: (after.databaseCPUSeconds - before.databaseCPUSeconds)
                / answered * 1e6,
            residentMegabytes: Double(peak) / 1e6, drawing: isDrawn ? measured.latency.lines : [])
    }

    // MARK: One at a time

    private struct Reply: Decodable {
        struct Result: Decodable {
            let index: Int
            let relevance_score: Double
        }
        struct Meta: Decodable {
            struct Timings: Decodable {
                let route_ms: Double
                let load_ms: Double
            }
            let timings: Timings
        }
        let results: [Result]
        let meta: Meta
    }

    /// Compares the scores of some users with scores computed here from the same weights.
    func check() async throws {
        try await withClient { client in
            for user in [0, served.count / 2, served.count - 1] {
                let scorer = RankerScorer(served.weights(user))
                let expected = try request.features.withUnsafeBytes {
                    try scorer.score(
                        features: $0, dtype: .float16, candidateCount: request.candidateCount)
                }
                for template in [request.binary, request.json] {
                    let reply = try await ask(client, template, user)
                    for result in reply.results {
                        let score = Float(2 * result.relevance_score - 1)
                        guard abs(score - expected[result.index]) < 2e-2 else {
                            throw LanguageSystemError(
                                .internal,
                                """
                                user \(user)'s candidate \(result.index) scored \(score), expected \
                                \(expected[result.index])
                                """
                            )
                        }
                    }
                }
            }
        }
    }

    /// Measures the first request of each of `count` rankers, for which route and weights are read
    /// from the database.
    func cold(count: Int) async throws -> ServeResult {
        var (whole, loads) = (Histogram.ofDurations(), Histogram.ofDurations())
        let before = coordinator.usage()
        try await withClient { client in
            // One that is known, so that the connection and the server are warm.
            for _ in 0..<50 { _ = try await ask(client, request.binary, 0) }
            for user in 1..<count {
                let began = ContinuousClock.now
                let reply = try await ask(client, request.binary, user)
                whole.record(ContinuousClock.now - began)
                loads.record(
                    .microseconds(
                        Int64(1e3 * (reply.meta.timings.route_ms + reply.meta.timings.load_ms))))
            }
        }
        let after = coordinator.usage()
        func ms(_ histogram: Histogram<UInt64>, _ percent: Double) -> Double {
            histogram.percentile(percent).inSeconds * 1e3
        }
        return ServeResult(
            name:
                """
                \(served.kind.rawValue), first requests; route + load p50 \
                \(text(ms(loads, 50), 2)) p99 \(text(ms(loads, 99), 2))
                """,
            requestsPerSecond: Double(whole.totalCount)
                / before.time.duration(to: after.time).inSeconds,
            p50Ms: ms(whole, 50), p90Ms: ms(whole, 90), p99Ms: ms(whole, 99),
            p999Ms: ms(whole, 99.9), refused: 0, failed: 0,
            coordinatorCpuMicroseconds: (after.coordinatorCPUSeconds - before.coordinatorCPUSeconds)
                / Double(whole.totalCount)
                * 1e6,
            databaseCpuMicroseconds: (after.databaseCPUSeconds - before.databaseCPUSeconds)
                / Double(whole.totalCount) * 1e6,
            residentMegabytes: Double(after.coordinatorResidentBytes) / 1e6,
            drawing: isDrawn ? loads.lines : [])
    }

    private func withClient(_ body: (HTTPClient) async throws -> Void) async throws {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(Array(try coordinator.authorityPEM.utf8)))
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls))
        do {
            try await body(client)
            try await client.shutdown()
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private func ask(_ client: HTTPClient, _ template: RequestTemplate, _ user: Int) async throws
        -> Reply
    {
        var request = HTTPClientRequest(
            url:
                "https://\(coordinator.address.host):\(coordinator.address.port)\(template.target(user))"
        )
        request.method = .POST
        request.headers.add(name: "authorization", value: "Bearer \(key)")
        request.headers.add(name: "content-type", value: template.contentType)
        request.body = .bytes(template.bodyOf?(user) ?? template.body)
        let response = try await client.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 1 << 20)
        guard response.status == .ok else {
            throw LanguageSystemError(
                .internal, "a request was answered \(response.status): \(String(buffer: body))")
        }
        return try JSONDecoder().decode(Reply.self, from: Data(buffer: body))
    }
}
