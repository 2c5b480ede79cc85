// A year goes by: the programs run on while their clocks, the database's among them, are moved
// forward. Whoever is connected stays connected, and whoever comes is taken. Then machines whose
// clocks are wrong: what they say.
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import NIOHTTP1
import RerankWire
import SwiftProtobuf
import Testing

@Suite(
    .serialized, .timeLimit(.minutes(20)),
    .enabled(
        if: FakeClock.library != nil, "there is no libfaketime: apt-get install libfaketime"))
struct `Time that passes` {
    @Test func `neither 31 nor 400 days that pass lock anybody out`() async throws {
        try await FaultSite.with(
            .server, coordinators: 2, workers: 1,
            serve: ["--grpc-address", "127.0.0.1:0", "--edge-deadline-ms", "2000"], aging: true
        ) { site in
            try await site.script(Served.adding("~ada", seed: 1, user: "ada"))
            _ = try await site.sql("select ls.place_ranker('~ada', 'edge-1', 'test')")
            let old = Clients(
                try await site.connect(0), try await site.connect(1),
                grpcPort: try site.grpcPort(0), key: try await site.key())
            try await withGRPCClient(transport: try old.transport(site.authorityPath)) { client in
                let grpc = Languagesystem_V1_RerankService.Client(wrapping: client)
                try await self.passes(site, old, grpc, scoredOnTheWorker: true)
                // Workers renew at half of a certificate's life, or come back when it ran out
                // within seven days.
                var hours = 0
                for step in [10, 10, 10, 18] + Array(repeating: 72, count: 9) + [48] {
                    hours += step
                    try site.setClock(hours: hours)
                    try await self.passes(site, old, grpc)
                }
                #expect(hours == 31 * 24)
                try await self.passes(site, old, grpc, scoredOnTheWorker: true)
                for step in 0..<61 {
                    hours += 6 * 24
                    let before = site.renewalCount
                    try site.setClock(hours: hours)
                    for connection in [old.one, old.two] {
                        let answer = try await connection.rerank(user: "ada")
                        try #require(answer.status == 200, "\(answer)")
                    }
                    try await site.workerRenews(since: before)
                    if step.isMultiple(of: 10) { try await self.passes(site, old, grpc) }
                }
                hours = 400 * 24
                try site.setClock(hours: hours)
                try await self.passes(site, old, grpc, scoredOnTheWorker: true)
            }
            for index in 0...1 {
                try await site.handshakes(index, port: site.coordinators[index].workerPort)
                try await site.handshakes(index, port: try site.grpcPort(index))
                let log = site.text(coordinator: index)
                // When somebody comes or a minute is over, which here are months.
                #expect(log.split(separator: "the server's certificate was reissued").count > 5)
                #expect(!log.contains("cannot reissue"))
            }
            #expect(site.isRunning(worker: 0))
            #expect(try await site.sql("select count(*) from ls.worker") == "1")
            #expect(try await site.sql("select ls.broken_rules(true)") == "")
            let late = try await site.sql(
                "select count(*) from ls.audit_entry where action = 'recover certificate'")
            print("time: 400 days, \(late) recoveries; the worker renewed or recovered each time")
            fflush(nil)
        }
    }

    /// Those that are connected are served, those that come are taken, and the worker has a
    /// certificate that holds.
    private func passes(
        _ site: FaultSite, _ old: Clients,
        _ grpc: Languagesystem_V1_RerankService.Client<HTTP2ClientTransport.Posix>,
        scoredOnTheWorker: Bool = false
    ) async throws {
        for (index, connection) in [old.one, old.two].enumerated() {
            let answer = try await connection.rerank(user: "ada")
            try #require(answer.status == 200, "\(answer)")
            let fresh = try await site.curl(index, "/livez")
            try #require(fresh.status == 0, "\(fresh)")
            let left = try #require(
                try await connection.get("/metrics").body.split(separator: "\n").first {
                    $0.hasPrefix("ls_certificate_expiry_seconds{port=\"https\"} ")
                }?.split(separator: " ").last.flatMap { Double($0) })
            try #require((15 * 86_400 - 700...30 * 86_400).contains(left), "\(left)")
        }
        let reply = try await grpc.rerank(Served.message, metadata: old.metadata)
        #expect(reply.model == "~ada@1")
        try await eventually(within: 30, "the worker has a certificate that holds") {
            try #require(site.isRunning(worker: 0), "\(site.text(worker: 0).suffix(2_000))")
            return try await site.sql(
                """
                select state || ' ' || (certificate_until > clock_timestamp())
                from ls.worker_status
                """) == "connected true"
        }
        guard scoredOnTheWorker else { return }
        // The worker is connected to the first; the second asks there.
        for connection in [old.one, old.two] {
            try await eventually(within: 30, "its worker scores it") {
                try await connection.rerank(user: "ada").header("x-ls-where") == "edge"
            }
        }
    }

    /// Forward alone, and of a program that was started by our time: libfaketime shifts what
    /// Dispatch waits for, though that is no time of day, and a program whose clock is set back
    /// sleeps for as long.
    @Test func `a worker whose clock differs from its coordinator's is told both times`()
        async throws
    {
        try await FaultSite.with(.embedded, coordinators: 1, workers: 1) { site in
            // Connected it stays, whatever its clock says; then it has to come again.
            let state = site.home.appendingPathComponent("edge-1")
            let words = "its certificate ended at "
            try site.set(clockOf: 0, hours: 400 * 24)
            try await eventually(within: 20, "its clock is wrong") {
                try String(
                    contentsOf: state.appendingPathComponent("status.json"), encoding: .utf8
                ).contains("\"written_at\" : \"2028-")
            }
            site.kill(coordinator: 0)
            try await site.startCoordinator(0)
            try await eventually(within: 30, "it says so") {
                site.text(worker: 0).contains(words)
            }
            let status = try await run(
                Programs.path("lsworker"), ["status", "--state-dir", state.path])
            #expect(status.output.contains(words), "\(status)")
            #expect(status.output.contains("this machine's clock says 20"), "\(status)")
            // Set right, it goes on by itself.
            try site.set(clockOf: 0, hours: 0)
            try await eventually(within: 60, "it is back") {
                try await site.sql("select state from ls.worker_status") == "connected"
            }
        }
    }

    @Test func `a newcomer whose clock differs is told both times`() async throws {
        try await Installation.with { installation in
            let token = try await installation.lscoord("token", "create", "--quiet")
            let clock = installation.home.appendingPathComponent("clock")
            try FakeClock.set(clock, hours: -26 * 365 * 24)
            let command = FakeClock.command([
                Programs.path("lsworker"), "join", "--coordinator",
                "localhost:\(installation.restPort)", "--state-dir",
                installation.home.appendingPathComponent("w").path,
            ])
            let worker = try Program(
                command[0], Array(command.dropFirst()),
                environment: FakeClock.environment(clock).merging(
                    ["LSWORKER_TOKEN": token.output]) { $1 },
                log: installation.home.appendingPathComponent("w.log"))
            try await eventually(within: 30, "it says so") {
                worker.text.contains("cannot join yet")
            }
            worker.kill()
            FakeClock.removeTraces(of: [worker.process.processIdentifier])
            for words in ["its certificate begins at 20", "clock says 2000-", "by NTP"] {
                #expect(worker.text.contains(words), "\(worker.text)")
            }
            #expect(!worker.text.contains("is it running"))
        }
    }
}

/// Connections that are opened once, on the first day.
private struct Clients {
    let one: ServedConnection
    let two: ServedConnection
    let grpcPort: Int
    let metadata: Metadata

    init(_ one: ServedConnection, _ two: ServedConnection, grpcPort: Int, key: String) {
        (self.one, self.two, self.grpcPort) = (one, two, grpcPort)
        var metadata: Metadata = [:]
        metadata.addString("Bearer \(key)", forKey: "authorization")
        self.metadata = metadata
    }

    /// Our own clock stands still: another connection than the first one would not verify.
    func transport(_ authorityPath: String) throws -> HTTP2ClientTransport.Posix {
        try HTTP2ClientTransport.Posix(
            target: .dns(host: "localhost", port: grpcPort),
            transportSecurity: .tls {
                $0.trustRoots = .certificates([.file(path: authorityPath, format: .pem)])
            })
    }
}

extension Served {
    fileprivate static var message: Languagesystem_V1_RerankRequest {
        .with {
            $0.model = baseModel
            $0.user = "ada"
            $0.features.dtype = .float32
            $0.features.candidateCount = UInt32(candidateCount)
            $0.features.hiddenSize = UInt32(hiddenSize)
            $0.features.data = Data(features)
        }
    }
}

extension FaultSite {
    fileprivate var renewalCount: Int {
        text(worker: 0).split(separator: "certificate renewed").count
    }

    fileprivate func workerRenews(since before: Int) async throws {
        try await eventually(within: 30, "the worker has another certificate") {
            try #require(isRunning(worker: 0), "\(text(worker: 0).suffix(2_000))")
            return renewalCount > before
        }
    }

    /// The port that the system chose.
    fileprivate func grpcPort(_ index: Int) throws -> Int {
        let line = text(coordinator: index).firstMatch(of: /gRPC +127\.0\.0\.1:([0-9]+)/)
        return try #require(line.flatMap { Int($0.1) })
    }

    /// Somebody who comes now, with the clock of now, believes what the port shows.
    fileprivate func handshakes(_ index: Int, port: Int) async throws {
        // What the server says in HTTP/2 is no text.
        let seen = try await underClock([
            "/bin/sh", "-c",
            """
            openssl s_client -connect 127.0.0.1:\(port) -alpn h2 -servername localhost \
            -verify_hostname localhost -CAfile '\(authorityPath)' -verify_return_error \
            </dev/null 2>&1 | tr -cd '[:print:]\\n'
            """,
        ])
        #expect(seen.output.contains("Verify return code: 0 (ok)"), "\(seen)")
    }
}
