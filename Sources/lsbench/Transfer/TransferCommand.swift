// `lsbench transfer`: how fast features come from PostgreSQL through the coordinator and mutual TLS
// to workers' disks, beside openssl, which moves as many bytes over the same loopback in the same
// run.
import ArgumentParser
import Benchmarking
import EdgeWork
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import Rankers
import WorkerWire

struct TransferCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer",
        abstract: "Move feature sets to workers, beside openssl moving files.",
        discussion: """
            Starts `lscoord serve` with an embedded cluster in a directory that is removed \
            afterwards, and imports synthetic feature sets. Each worker joins, connects, and \
            fetches a set into its own cache, verified and on disk. Between the rounds openssl's \
            s_server and s_client move as many bytes, one pair of them for each worker.

            Examples:
              lsbench transfer
              lsbench transfer --workers 1 --rounds 7
            """)

    @Option(
        parsing: .upToNextOption, help: "Numbers of workers that download at once; each is a case.")
    var workers = [1, 8]
    @Option(help: "Size of the feature set that all workers fetch, in megabytes.") var megabytes =
        306
    @Option(help: "Size of each worker's own set, in megabytes, where they fetch different sets.")
    var ownMegabytes = 64
    @Option(help: "Rounds; in each, both sides do each case once.") var rounds = 3
    @Flag(inversion: .prefixedNo, help: "Also measure openssl.") var openssl = true
    @Option(
        help: ArgumentHelp(
            "The program lscoord. Default: the one beside lsbench.", valueName: "path"))
    var lscoord: String?

    func validate() throws {
        guard workers.allSatisfy((1...64).contains), !workers.isEmpty,
            (1...4_000).contains(megabytes), (1...4_000).contains(ownMegabytes),
            (1...100).contains(rounds)
        else {
            throw ValidationError(
                "expected 1 to 64 workers, sets of 1 to 4000 MB and 1 to 100 rounds")
        }
    }

    private struct Line: Encodable {
        let command = "transfer"
        let rounds: Int
        let cases: [TransferResult]
        let machine = Machine.current()
    }

    func run() async throws {
        let directory = try BenchDatabase.scratchDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let coordinator = try CoordinatorProcess(program: lscoord, directory: directory)
        defer { coordinator.stop() }
        try await coordinator.waitUntilReady()
        let results = try await BenchDatabase.open(coordinator.connectionInfo, 4, directory) {
            try await measure($0, coordinator)
        }
        print(oneLine(Line(rounds: rounds, cases: results)))
        for complaint in coordinator.complaints.prefix(5) { print("lscoord: \(complaint)") }
    }

    private func measure(
        _ database: BenchDatabase, _ coordinator: CoordinatorProcess
    ) async throws -> [TransferResult] {
        let workerCountMax = workers.max() ?? 1
        let joined = try await JoinedWorker.join(
            workerCountMax, database.ledger, coordinator.address,
            database.directory.appendingPathComponent("workers"))
        let shared = try await StoredSet.make(megabytes, seed: 1, in: database)
        var own: [StoredSet] = []
        if workerCountMax > 1 {
            for index in 0..<workerCountMax {
                own.append(
                    try await StoredSet.make(ownMegabytes, seed: UInt64(index) + 2, in: database))
            }
        }
        for (index, worker) in joined.enumerated() {
            try await StoredSet.lease(
                [shared] + (own.isEmpty ? [] : [own[index]]), to: worker.identity.workerName,
                in: database)
        }
        // What importing left to be written is not the downloads'.
        try await database.pool.execute("checkpoint", deadline: .seconds(300))
        let peer =
            openssl
            ? try OpenSSLPeer(directory: database.directory.appendingPathComponent("openssl"))
            : nil
        let run = TransferRun(
            coordinator: coordinator, peer: peer, workers: joined.map(\.identity),
            directory: database.directory, roundCount: rounds)
        let table = Columns(TransferResult.heading)
        var results: [TransferResult] = []
        for count in workers {
            let same = Array(repeating: shared, count: count)
            var cases = [("\(count) × \(megabytes) MB\(count > 1 ? ", one set" : "")", same)]
            if count > 1 {
                cases.append(("\(count) × \(ownMegabytes) MB, own sets", Array(own[..<count])))
            }
            for (name, sets) in cases {
                let result = try await run.measure(name, sets)
                table.row(result.cells)
                results.append(result)
            }
        }
        return results
    }
}

/// A feature set in the ledger, and the file it came from.
struct StoredSet: Sendable {
    let blob: BlobReference
    let path: String
    let id: FeatureSetID
    let domain: DomainName
    let baseModel: String
    let hiddenSize: Int

    /// Makes a set of about `megabytes`, in queries of 827 kB.
    static func make(
        _ megabytes: Int, seed: UInt64, in database: BenchDatabase
    ) async throws -> StoredSet {
        let (hiddenSize, responseCount) = (4_096, 100)
        let queryByteCount = (responseCount + 1) * hiddenSize * 2
        let path = database.directory.appendingPathComponent("set-\(seed).safetensors").path
        _ = try PlantedSignal(
            hiddenSize: hiddenSize, responseCount: responseCount, seed: seed, delta: 8
        ).write(to: path, queryCount: max(1, megabytes * 1_000_000 / queryByteCount), split: .train)
        let set = try FeatureSet(contentsOf: path)
        try await database.ledger.registerBaseModel(
            set.metadata.baseModel, hiddenSize: set.hiddenSize)
        try await database.ledger.registerDomain(set.metadata.domain)
        let imported = try await database.ledger.importFeatures(set)
        return StoredSet(
            blob: BlobReference(
                digest: set.digest, byteCount: Int64(set.byteCount), name: "set \(seed)"),
            path: path, id: imported.id, domain: set.metadata.domain,
            baseModel: set.metadata.baseModel, hiddenSize: set.hiddenSize)
    }

    /// Leases a task that needs these sets to a worker for the whole run, because a worker may read
    /// only what its tasks need.
    static func lease(
        _ sets: [StoredSet], to worker: String, in database: BenchDatabase
    ) async throws {
        let ranker = try await database.ledger.registerRanker(
            baseModel: sets[0].baseModel, kind: .listwise,
            configuration: RankerConfiguration.preset(
                kind: .listwise, hiddenSize: sets[0].hiddenSize
            ).json, training: "{}", domain: sets[0].domain)
        let workers = try await database.ledger.workers()
        guard let id = workers.first(where: { $0.name == worker })?.id else {
            throw LanguageSystemError(.unknownWorker, "cannot find worker \(worker)")
        }
        _ = try await database.ledger.requestTraining(
            ranker.name, featureSets: sets.map(\.id), seed: id.rawValue)
        _ = try await database.ledger.leaseTasks(
            for: id, kinds: [.train], countMax: 1, lasting: .seconds(86_400))
    }
}
