// Applications at work: connections that are kept and used again and again, each knowing every
// lscoord, and a count of what became of their requests, phase by phase.
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization
import Testing

final class Traffic: Sendable {
    struct Counts: Sendable {
        var answered = 0
        var failed = 0
        /// Answers that said that the connection ends.
        var farewells = 0
        /// Nothing was sent: nobody took the connection, or it had ended. Asked again elsewhere.
        var repeated = 0
        var slowest: Duration = .zero
        var failures: [String] = []
    }

    private struct State {
        var phase = "before"
        var isOver = false
        var phases: [String] = ["before"]
        var counts: [String: Counts] = [:]
        /// Answers by which coordinator.
        var served: [Int: Int] = [:]
    }

    private let state = Mutex(State())
    private let ports: [Int]
    private let tls: NIOSSLContext
    private let key: String
    private let users: [String]

    private init(_ site: FaultSite, users: [String]) async throws {
        ports = site.coordinators.map(\.restPort)
        tls = try KeptConnection.trust(site.authorityPath)
        key = try await site.key()
        self.users = users
    }

    /// Load while `body` runs. User `u` has to be served by the ranker `~u`.
    @discardableResult
    static func during(
        _ site: FaultSite, connections: Int, users: [String],
        _ body: (Traffic) async throws -> Void
    ) async throws -> Traffic {
        let traffic = try await Traffic(site, users: users)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<connections { group.addTask { await traffic.work(number) } }
            defer { traffic.state.withLock { $0.isOver = true } }
            try await body(traffic)
        }
        return traffic
    }

    func begin(_ phase: String) {
        state.withLock {
            $0.phase = phase
            $0.phases.append(phase)
        }
    }

    func counts(_ phase: String) -> Counts { state.withLock { $0.counts[phase] } ?? Counts() }

    var total: Counts {
        state.withLock { state in
            state.counts.values.reduce(into: Counts()) {
                $0.answered += $1.answered
                $0.failed += $1.failed
                $0.farewells += $1.farewells
                $0.repeated += $1.repeated
                $0.slowest = max($0.slowest, $1.slowest)
                $0.failures += $1.failures
            }
        }
    }

    func served(by coordinator: Int) -> Int { state.withLock { $0.served[coordinator] ?? 0 } }

    /// Until so many more have been answered.
    func answers(_ count: Int, within seconds: Double = 20) async throws {
        let before = total.answered
        try await eventually(within: seconds, "\(count) more requests are answered") {
            total.answered >= before + count
        }
    }

    /// One line for each phase.
    var summary: String {
        state.withLock { state in
            state.phases.map { phase in
                let counts = state.counts[phase] ?? Counts()
                let slowest = Int(counts.slowest / .milliseconds(1))
                return
                    """
                      \(phase): \(counts.answered) answered, \(counts.failed) failed, \
                    \(counts.repeated) sent again elsewhere, slowest \(slowest) ms
                    """
                        + counts.failures.prefix(3).map { "\n    \($0)" }.joined()
            }.joined(separator: "\n")
        }
    }

    // MARK: One connection

    private func work(_ number: Int) async {
        var place = number % ports.count
        var connection: ServedConnection?
        var turn = number
        while !state.withLock({ $0.isOver }) {
            let phase = state.withLock { $0.phase }
            let user = users[turn % users.count]
            let began = ContinuousClock.now
            do {
                if connection == nil { connection = try await open(place) }
                let answer = try await ask(connection!, user, binary: turn % 2 == 0)
                note(answer, user, place, phase, ContinuousClock.now - began)
                turn += 1
                if answer.endsConnection {
                    connection = nil
                    place = (place + 1) % ports.count
                }
            } catch KeptConnection.Loss.unanswered(let why) {
                connection = nil
                fail("\(user) at \(place): \(why)", phase)
                place = (place + 1) % ports.count
            } catch {
                connection = nil
                state.withLock { $0.counts[phase, default: Counts()].repeated += 1 }
                place = (place + 1) % ports.count
            }
            // A person would take longer.
            try? await Task.sleep(for: .milliseconds(5))
        }
        await connection?.close()
    }

    private func open(_ place: Int) async throws -> ServedConnection {
        do {
            return ServedConnection(
                try await .open(port: ports[place], trusting: tls), key: key)
        } catch {
            // Nothing was asked yet, however the connection failed.
            throw KeptConnection.Loss.unsent
        }
    }

    private func ask(_ connection: ServedConnection, _ user: String, binary: Bool) async throws
        -> KeptConnection.Answer
    {
        guard binary else { return try await connection.rerank(user: user) }
        return try await connection.kept.ask(
            .POST, "/v1/rerank?model=\(Served.baseModel)&user=\(user)&raw_scores=true",
            [
                ("content-type", "application/vnd.safetensors"),
                ("authorization", "Bearer \(connection.key)"),
            ], body: Served.binaryBody)
    }

    private func note(
        _ answer: KeptConnection.Answer, _ user: String, _ place: Int, _ phase: String,
        _ took: Duration
    ) {
        guard answer.status == 200, answer.header("x-ls-ranker") == "~\(user)" else {
            fail("\(user) at \(place): \(answer.status) \(answer.body)", phase)
            return
        }
        state.withLock { state in
            state.served[place, default: 0] += 1
            state.counts[phase, default: Counts()].answered += 1
            if answer.endsConnection { state.counts[phase]!.farewells += 1 }
            state.counts[phase]!.slowest = max(state.counts[phase]!.slowest, took)
        }
    }

    private func fail(_ why: String, _ phase: String) {
        state.withLock {
            $0.counts[phase, default: Counts()].failed += 1
            $0.counts[phase]!.failures.append(why)
        }
    }
}
