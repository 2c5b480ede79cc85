// One worker's download, as its first task begins: a connection of its own, the real fetcher, a
// cache that held nothing. Done when the file is on disk and its SHA-256 is right.
import Benchmarking
import EdgeWork
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import LanguageSystem
import WorkerWire

struct Download: Sendable {
    let identity: WorkerIdentity
    let blob: BlobReference
    /// The directory of the cache, which is removed afterwards.
    let directory: String

    /// - Returns: The time at which the blob was on disk.
    func run() async throws -> ContinuousClock.Instant {
        let cache = try BlobCache(directory: directory, byteCountMax: blob.byteCount)
        let link = CoordinatorLink()
        let client = GRPCClient(transport: try identity.transport())
        await link.open(WorkerClient(wrapping: client))
        await cache.retain(blob.digest)
        return try await withThrowingTaskGroup(of: ContinuousClock.Instant?.self) { group in
            group.addTask {
                try await client.runConnections()
                return nil
            }
            group.addTask {
                _ = try await BlobFetcher(
                    cache: cache, link: link, logger: BenchDatabase.quietLogger
                ).path(of: blob)
                return ContinuousClock.now
            }
            defer { group.cancelAll() }
            while let found = try await group.next() {
                guard let found else {
                    throw LanguageSystemError(.unavailable, "a worker's connection ended")
                }
                return found
            }
            preconditionFailure("the download is one of the group")
        }
    }

    /// Runs all downloads at once.
    ///
    /// - Returns: The seconds until the last was done.
    static func run(_ downloads: [Download]) async throws -> Double {
        defer {
            for download in downloads {
                try? FileManager.default.removeItem(atPath: download.directory)
            }
        }
        let start = ContinuousClock.now
        return try await withThrowingTaskGroup(of: ContinuousClock.Instant.self) { group in
            for download in downloads { group.addTask { try await download.run() } }
            return try await group.reduce(into: 0) { $0 = max($0, ($1 - start).inSeconds) }
        }
    }
}
