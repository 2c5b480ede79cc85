// What `lsworker status` shows: written by the running worker, read by anyone who may.
public import Foundation
public import LanguageSystem
import PKI

public struct StatusReport: Codable, Sendable {
    public enum Connection: String, Codable, Sendable {
        case connecting
        case connected
        case draining
        case stopped
    }

    public struct TaskLine: Codable, Sendable, Hashable {
        public var taskId: Int64
        public var attempt: Int
        public var kind: TaskKind
        public var ranker: String
        /// fetching, working, handing in
        public var phase: String
        public var progress: Double
        public var note: String
    }

    public struct CacheLine: Codable, Sendable, Hashable {
        public var blobCount: Int
        public var byteCount: Int64
        public var byteCountMax: Int64
    }

    public struct RerankLine: Codable, Sendable, Hashable {
        /// Scored, of which some too late to be waited for.
        public var answeredCount: Int
        /// Also while weights were fetched.
        public var refusedCount: Int
        /// Answered after the deadline, or not begun for it.
        public var lateCount: Int
        /// Of those that were scored.
        public var computeMicrosecondsMean: Double
        /// In memory.
        public var rankerCount: Int
        public var byteCount: Int
    }

    public struct LocalDataLine: Codable, Sendable, Hashable {
        /// Nil when only weights stay here.
        public var directory: String?
        public var user: String?
        /// Feature sets that the coordinator takes, that it does not, and files that are none.
        public var offeredCount: Int
        public var refusedCount: Int
        public var unreadableCount: Int
        /// Versions of edge-only rankers whose weights are here and nowhere else.
        public var weightsCount: Int
    }

    public struct ErrorLine: Codable, Sendable, Hashable {
        public var at: Date
        public var message: String
        public var hint: String?
    }

    public var programVersion: String
    public var processId: Int32
    public var writtenAt: Date
    public var worker: String
    public var coordinator: String
    public var connection: Connection
    public var connectedSince: Date?
    public var certificateUntil: Date
    public var tasks: [TaskLine]
    public var completedCount: Int
    public var failedCount: Int
    public var lostCount: Int
    public var cache: CacheLine
    /// The newest first.
    public var errors: [ErrorLine]
    /// Of the connection, `TLS 1.3`.
    public var tlsVersion: String?
    /// False outside its owner's hours.
    public var takesTasks: Bool
    /// What its owner allows, a line each.
    public var allows: [String]
    public var localData: LocalDataLine?
    /// Nil when its owner does not allow reranks.
    public var reranks: RerankLine?
}

extension StateDirectory {
    func save(_ report: StatusReport) throws(CoordinatorError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        try write(report, with: encoder, to: statusPath)
    }

    /// Nil when no worker has run here yet.
    public func status() throws(CoordinatorError) -> StatusReport? {
        guard try PrivateFile.exists(statusPath) else { return nil }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.dateDecodingStrategy = .iso8601
        let bytes = try PrivateFile.read(statusPath, byteCountMax: 1 << 20)
        guard let report = try? decoder.decode(StatusReport.self, from: Data(bytes)) else {
            throw .unreadableState(statusPath)
        }
        return report
    }

    /// As it was written.
    public func statusJSON() throws(CoordinatorError) -> [UInt8] {
        try PrivateFile.read(statusPath, byteCountMax: 1 << 20)
    }
}
