// What a scrape of /metrics finds after requests whose number is known.
import Foundation
import NIOHTTP1
import Testing

extension Serving {
    @Test func `a scrape reads as Prometheus and counts what was asked`() async throws {
        try await FaultSite.with(.embedded, coordinators: 1, workers: 1) { site in
            try await site.script(
                Served.adding("~ada", seed: 1, user: "ada")
                    + Served.adding("poems", seed: 2, domain: "poems"))
            let connection = try await site.connect()
            for _ in 0..<5 { _ = try await connection.rerank(user: "ada") }
            for _ in 0..<3 { _ = try await connection.rerank(domain: "poems") }
            for _ in 0..<2 { _ = try await connection.rerank("poems@1") }
            _ = try await connection.rerank()
            #expect(try await connection.rerank("nowhere").status == 404)
            #expect(try await connection.with(key: "none").rerank().status == 401)
            _ = try await site.sql("select ls.place_ranker('~ada', 'edge-1', 'test')")
            try await eventually(within: 20, "one is scored on the worker") {
                try await connection.rerank(user: "ada").header("x-ls-where") == "edge"
            }

            try await servesHead(site)
            let answer = try await connection.get("/metrics")
            #expect(answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
            let scrape = try Scrape(answer.body)
            let reasons = scrape.values("ls_rerank_requests_total")
            #expect(reasons[["reason": "domain", "where": "central"]] == 3)
            #expect(reasons[["reason": "named", "where": "central"]] == 2)
            #expect(reasons[["reason": "first sample", "where": "central"]] == 1)
            #expect(reasons[["reason": "user", "where": "edge"]] == 1)
            // Five, and those answered here while the worker fetched the weights.
            #expect(reasons[["reason": "user", "where": "central"]] ?? 0 >= 5)
            let refusals = scrape.values("ls_rerank_refusals_total")
            #expect(refusals[["code": "unknownBaseModel"]] == 1)
            #expect(refusals[["code": "keyRefused"]] == 1)
            let answered = reasons.values.reduce(0, +)
            #expect(
                scrape.values("ls_rerank_duration_seconds_count").values.reduce(0, +) == answered)
            #expect(scrape.values("ls_edge_reranks_total")[["answer": "scored"]] == 1)
            #expect(scrape.value("ls_ranker_cache_rankers") == 2)
            #expect(scrape.value("ls_ranker_cache_misses_total") == 2)
            #expect(scrape.value("ls_workers_connected") == 1)
            #expect(scrape.value("ls_database_up") == 1)
            #expect(scrape.value("ls_requests_in_flight") == 0)
            #expect(scrape.value("process_open_fds") ?? 0 > 3)
            let missing = Scrape.promised.subtracting(scrape.names)
            #expect(missing.isEmpty, "\(missing.sorted())")
        }
    }
}

/// A refusal of HEAD has no body either: what comes next on the connection is the next answer.
private func servesHead(_ site: FaultSite) async throws {
    let connection = try await site.connect()
    for (path, status) in [("/readyz", 200), ("/v1/nothing", 404), ("/v1/rerank", 405)] {
        let head = try await connection.kept.ask(.HEAD, path)
        #expect(head.status == status && head.body.isEmpty, "\(path): \(head)")
        #expect(try await connection.get("/livez").status == 200)
    }
}

/// Prometheus text format 0.0.4, read strictly.
private struct Scrape {
    /// What a dashboard may rely on, once there were requests at both places.
    static let promised: Set<String> = [
        "ls_rerank_requests_total", "ls_rerank_refusals_total", "ls_rerank_duration_seconds",
        "ls_rerank_stage_duration_seconds", "ls_requests_in_flight", "ls_request_bytes_held",
        "ls_scoring_queue_depth",
        "ls_ranker_cache_hits_total", "ls_ranker_cache_misses_total",
        "ls_ranker_cache_evictions_total", "ls_ranker_cache_bytes", "ls_ranker_cache_bytes_max",
        "ls_ranker_cache_rankers", "ls_ranker_cache_pinned", "ls_ranker_load_duration_seconds",
        "ls_route_memory_hits_total", "ls_route_memory_misses_total",
        "ls_route_memory_stale_total", "ls_edge_reranks_total", "ls_decisions_kept_total",
        "ls_decisions_dropped_total", "ls_workers_connected", "ls_leases_held",
        "ls_lease_expired_total", "ls_tasks", "ls_alias_moves_total",
        "ls_database_up", "ls_build_info", "process_resident_memory_bytes",
        "process_cpu_seconds_total", "process_start_time_seconds", "process_open_fds",
    ]

    private(set) var names: Set<String> = []
    private var samples: [String: [[String: String]: Double]] = [:]

    func values(_ name: String) -> [[String: String]: Double] { samples[name] ?? [:] }
    func value(_ name: String) -> Double? { samples[name]?[[:]] }

    init(_ text: String) throws {
        #expect(text.hasSuffix("\n"))
        var type = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if let match = line.wholeMatch(of: /# HELP ([a-z_]+) (.+)/) {
                #expect(!names.contains(String(match.1)), "one block for each name: \(line)")
            } else if let match = line.wholeMatch(of: /# TYPE ([a-z_]+) (counter|gauge|histogram)/)
            {
                #expect(names.insert(String(match.1)).inserted, "twice: \(line)")
                type = String(match.2)
                #expect((type == "counter") == match.1.hasSuffix("_total"), "\(line)")
            } else {
                try take(line, type)
            }
        }
        try checkHistograms()
    }

    private mutating func take(_ line: Substring, _ type: String) throws {
        let match = try #require(
            line.wholeMatch(of: /([a-z_]+)(?:\{(.*)\})? (\S+)/), "no sample: \(line)")
        let name = String(match.1)
        let family =
            type == "histogram" ? name.replacing(/_(bucket|sum|count)$/, with: "") : name
        #expect(names.contains(family), "no TYPE before \(line)")
        let value = try #require(Double(match.3.replacing("Inf", with: "infinity")), "\(line)")
        #expect(type == "gauge" || value >= 0, "\(line)")
        var labels: [String: String] = [:]
        for pair in (match.2 ?? "").matches(of: /([a-z_]+)="((?:[^"\\]|\\.)*)"/) {
            labels[String(pair.1)] = String(pair.2)
        }
        #expect(samples[name, default: [:]].updateValue(value, forKey: labels) == nil, "\(line)")
    }

    /// Buckets only grow, and the last one holds all.
    private func checkHistograms() throws {
        for (name, buckets) in samples where name.hasSuffix("_bucket") {
            let counts = values(name.replacing(/_bucket$/, with: "_count"))
            var series: [[String: String]: [(Double, Double)]] = [:]
            for (labels, count) in buckets {
                let bound = try #require(labels["le"])
                series[labels.filter { $0.key != "le" }, default: []].append(
                    (try #require(Double(bound.replacing("Inf", with: "infinity"))), count))
            }
            for (labels, points) in series {
                let counted = points.sorted { $0.0 < $1.0 }.map(\.1)
                #expect(counted == counted.sorted(), "\(name) \(labels)")
                #expect(counted.last == counts[labels], "\(name) \(labels)")
            }
        }
    }
}
