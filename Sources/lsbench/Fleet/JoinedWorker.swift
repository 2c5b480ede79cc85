// Workers as a coordinator knows them: each joined with a token of its own over the real path.
import EdgeWork
import Foundation
import LanguageSystem
import Ledger
import PKI

struct JoinedWorker: Sendable {
    let identity: WorkerIdentity
    let state: StateDirectory

    /// - Parameter states: The directory in which each worker gets its own directory, by number.
    static func join(
        _ count: Int, _ ledger: LedgerStore, _ address: CoordinatorAddress, _ states: URL
    ) async throws -> [JoinedWorker] {
        try await withThrowingTaskGroup(of: (Int, JoinedWorker).self) { group in
            var members: [Int: JoinedWorker] = [:]
            for index in 0..<count {
                // A few at a time: joining is not what is measured.
                if index >= 8, let (place, member) = try await group.next() {
                    members[place] = member
                }
                group.addTask {
                    let token = try await ledger.createJoinToken(for: "edge-\(index)")
                    let path = states.appendingPathComponent("\(index)").path
                    try FileManager.default.createDirectory(
                        atPath: path, withIntermediateDirectories: true)
                    let state = StateDirectory(path)
                    let identity = try await Joining(
                        address: address, token: JoinToken(token), name: nil,
                        logger: BenchDatabase.quietLogger
                    ).join(state)
                    return (index, JoinedWorker(identity: identity, state: state))
                }
            }
            for try await (place, member) in group { members[place] = member }
            return (0..<count).compactMap { members[$0] }
        }
    }
}
