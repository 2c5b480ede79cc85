// Applications that ask for reranks all the time, as behind a balancer: each asks the next coordinator that says it is
// ready, over connections that stay open.
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import Rankers

/// A reply, as far as a test looks at it.
struct RerankReplyText: Sendable {
    let status: Int
    let headers: [String: String]
    let body: String

    var ranker: String { headers["x-ls-ranker"] ?? "-" }
    var version: String { headers["x-ls-version"] ?? "-" }
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]) ?? [:]
    }
    /// By candidate.
    var scores: [Double] {
        let results = json["results"] as? [[String: Any]] ?? []
        return results.sorted { ($0["index"] as? Int ?? 0) < ($1["index"] as? Int ?? 0) }
            .compactMap { $0["relevance_score"] as? Double }
    }
    var meta: [String: Any] { json["meta"] as? [String: Any] ?? [:] }
    var errorCode: String { (json["error"] as? [String: Any])?["code"] as? String ?? "-" }
    var message: String { (json["error"] as? [String: Any])?["message"] as? String ?? "-" }
}

final class RerankClient: Sendable {
    private let client: HTTPClient

    init(authorityPath: String) {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file(authorityPath)
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        // Nobody there: the next one is asked, not the same again.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func end() async { try? await client.shutdown() }

    func rerank(
        port: Int, key: String, query: String, body: [UInt8], headers: [(String, String)] = []
    ) async throws -> RerankReplyText {
        var request = HTTPClientRequest(url: "https://localhost:\(port)/v1/rerank?\(query)")
        request.method = .POST
        request.headers.add(name: "authorization", value: "Bearer \(key)")
        request.headers.add(name: "content-type", value: "application/vnd.safetensors")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(ByteBuffer(bytes: body))
        return try await answer(request)
    }

    func get(port: Int, _ path: String) async throws -> RerankReplyText {
        try await answer(HTTPClientRequest(url: "https://localhost:\(port)\(path)"))
    }

    private func answer(_ request: HTTPClientRequest) async throws -> RerankReplyText {
        let response = try await client.execute(request, timeout: .seconds(10))
        let body = try await response.body.collect(upTo: 1 << 20)
        return RerankReplyText(
            status: Int(response.status.code),
            headers: Dictionary(
                response.headers.map { ($0.name.lowercased(), $0.value) },
                uniquingKeysWith: { first, _ in first }), body: String(buffer: body))
    }

    /// Numbers that differ from row to row.
    static func features(candidates: Int = 5, width: Int) -> [UInt8] {
        var writer = SafetensorsWriter()
        func numbers(_ count: Int) -> [Float] { (0..<count).map { sin(Float($0 * count % 97)) } }
        writer.add("instruction", .f32, [width], numbers(width))
        writer.add("responses", .f32, [candidates, width], numbers(candidates * width))
        return writer.bytes()
    }
}

/// What became of the requests of one phase.
struct LoadCounts: Sendable, CustomStringConvertible {
    var answered = 0
    var failed: [String] = []

    var description: String { "\(answered) answered, \(failed.count) failed" }
}

/// Keeps asking until it is stopped, and counts by phase.
actor RerankLoad {
    private(set) var counts: [String: LoadCounts] = [:]
    private var phase = ""
    private var ready: Set<Int>
    private let ports: [Int]
    private var running: [Task<Void, Never>] = []

    init(ports: [Int]) {
        self.ports = ports
        ready = Set(ports)
    }

    func begin(_ phase: String) { self.phase = phase }

    /// - Parameter queries: Asked in turn.
    func start(
        _ client: RerankClient, key: String, queries: [String], body: [UInt8], connections: Int
    ) {
        running.append(
            Task {
                while !Task.isCancelled {
                    for port in ports {
                        let answer = try? await client.get(port: port, "/readyz")
                        setReady(port, answer?.status == 200)
                    }
                    try? await Task.sleep(for: .milliseconds(50))
                }
            })
        for number in 0..<connections {
            running.append(
                Task {
                    var turn = number
                    while !Task.isCancelled {
                        turn += 1
                        guard let port = port(turn) else {
                            try? await Task.sleep(for: .milliseconds(10))
                            continue
                        }
                        let phase = phase
                        do {
                            let reply = try await client.rerank(
                                port: port, key: key, query: queries[turn % queries.count],
                                body: body)
                            count(phase, reply.status == 200 ? nil : reply.body)
                        } catch {
                            if !Task.isCancelled { count(phase, "\(error)") }
                        }
                    }
                })
        }
    }

    func stop() async -> [String: LoadCounts] {
        for task in running { task.cancel() }
        for task in running { await task.value }
        return counts
    }

    private func setReady(_ port: Int, _ isReady: Bool) {
        // Of one that is alone, readiness is only watched.
        if ports.count == 1 || isReady { ready.insert(port) } else { ready.remove(port) }
    }

    private func port(_ turn: Int) -> Int? {
        let ready = ready.sorted()
        return ready.isEmpty ? nil : ready[turn % ready.count]
    }

    private func count(_ phase: String, _ failure: String?) {
        if let failure {
            counts[phase, default: LoadCounts()].failed.append(failure)
        } else {
            counts[phase, default: LoadCounts()].answered += 1
        }
    }
}
