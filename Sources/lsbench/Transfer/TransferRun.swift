// One case of `lsbench transfer`: the same downloads by us and by openssl, by turns, the first of a
// round being the last of the next.
import Benchmarking
import EdgeWork
import Foundation
import LanguageSystem
import WorkerWire

struct TransferRun: Sendable {
    let coordinator: CoordinatorProcess
    let peer: OpenSSLPeer?
    let workers: [WorkerIdentity]
    let directory: URL
    let roundCount: Int

    /// - Parameter sets: The sets that the first workers fetch at once, one each.
    func measure(_ name: String, _ sets: [StoredSet]) async throws -> TransferResult {
        var rounds: [TransferRound] = []
        for number in 0..<roundCount {
            if number.isMultiple(of: 2) {
                let ours = try await ours(sets)
                rounds.append(TransferRound(ours: ours, peer: try theirs(sets)))
            } else {
                let peer = try theirs(sets)
                rounds.append(TransferRound(ours: try await ours(sets), peer: peer))
            }
        }
        return TransferResult(
            name: name, workerCount: sets.count,
            byteCount: sets.reduce(0) { $0 + Int($1.blob.byteCount) }, rounds: rounds)
    }

    private func ours(_ sets: [StoredSet]) async throws -> TransferRound.Ours {
        let downloads = zip(workers, sets).enumerated().map { index, pair in
            Download(
                identity: pair.0, blob: pair.1.blob,
                directory: directory.appendingPathComponent("cache-\(index)").path)
        }
        sync()
        let (before, own) = (coordinator.usage(), ProcessUsage.of(getpid()))
        var seconds = 0.0
        let peak = try await coordinator.peakResidentBytes {
            seconds = try await Download.run(downloads)
        }
        let (after, ownAfter) = (coordinator.usage(), ProcessUsage.of(getpid()))
        return TransferRound.Ours(
            seconds: seconds,
            coordinatorCPUSeconds: after.coordinatorCPUSeconds - before.coordinatorCPUSeconds,
            databaseCPUSeconds: after.databaseCPUSeconds - before.databaseCPUSeconds,
            workerCPUSeconds: (ownAfter?.cpuSeconds ?? 0) - (own?.cpuSeconds ?? 0),
            coordinatorPeakBytes: peak)
    }

    private func theirs(_ sets: [StoredSet]) throws -> OpenSSLPeer.Times? {
        sync()
        return try peer?.move(sets.map(\.path))
    }
}

struct TransferRound: Sendable {
    struct Ours {
        let seconds: Double
        let coordinatorCPUSeconds: Double
        let databaseCPUSeconds: Double
        let workerCPUSeconds: Double
        let coordinatorPeakBytes: Int
    }

    let ours: Ours
    let peer: OpenSSLPeer.Times?
}

/// The medians of a case's rounds; a ratio is the median of the ratios of the rounds.
struct TransferResult: Encodable, Sendable {
    let name: String
    let workers: Int
    let bytes: Int
    let megabytesPerSecond: Double
    let opensslMegabytesPerSecond: Double?
    let opensslSyncedMegabytesPerSecond: Double?
    let ratio: Double?
    let ratioToSynced: Double?
    let coordinatorCpuSecondsPerGigabyte: Double
    let databaseCpuSecondsPerGigabyte: Double
    let workerCpuSecondsPerGigabyte: Double
    /// The coordinator's peak resident memory in all rounds.
    let coordinatorPeakResidentBytes: Int

    init(name: String, workerCount: Int, byteCount: Int, rounds: [TransferRound]) {
        func median(_ value: (TransferRound) -> Double) -> Double {
            figure(Times(rounds.map(value)).median)
        }
        func peerMedian(_ value: (TransferRound, OpenSSLPeer.Times) -> Double) -> Double? {
            let values = rounds.compactMap { round in round.peer.map { value(round, $0) } }
            return values.isEmpty ? nil : figure(Times(values).median)
        }
        let (megabytes, gigabytes) = (Double(byteCount) / 1e6, Double(byteCount) / 1e9)
        self.name = name
        workers = workerCount
        bytes = byteCount
        megabytesPerSecond = median { megabytes / $0.ours.seconds }
        opensslMegabytesPerSecond = peerMedian { megabytes / $1.received }
        opensslSyncedMegabytesPerSecond = peerMedian { megabytes / $1.synced }
        ratio = peerMedian { $1.received / $0.ours.seconds }
        ratioToSynced = peerMedian { $1.synced / $0.ours.seconds }
        coordinatorCpuSecondsPerGigabyte = median { $0.ours.coordinatorCPUSeconds / gigabytes }
        databaseCpuSecondsPerGigabyte = median { $0.ours.databaseCPUSeconds / gigabytes }
        workerCpuSecondsPerGigabyte = median { $0.ours.workerCPUSeconds / gigabytes }
        coordinatorPeakResidentBytes = rounds.map(\.ours.coordinatorPeakBytes).max() ?? 0
    }

    static let heading: [(name: String, width: Int)] = [
        ("downloads at once", 22), ("MB/s", 6), ("openssl", 8), ("ratio", 5),
        ("openssl+fsync", 8), ("ratio", 5), ("CPU-s/GB: lscoord", 6), ("PostgreSQL", 6),
        ("workers", 6), ("lscoord MB", 6),
    ]

    var cells: [String] {
        func optional(_ value: Double?, _ decimals: Int) -> String {
            value.map { text($0, decimals) } ?? "-"
        }
        return [
            name, text(megabytesPerSecond, 0), optional(opensslMegabytesPerSecond, 0),
            optional(ratio, 2), optional(opensslSyncedMegabytesPerSecond, 0),
            optional(ratioToSynced, 2), text(coordinatorCpuSecondsPerGigabyte, 2),
            text(databaseCpuSecondsPerGigabyte, 2), text(workerCpuSecondsPerGigabyte, 2),
            millions(coordinatorPeakResidentBytes),
        ]
    }
}
