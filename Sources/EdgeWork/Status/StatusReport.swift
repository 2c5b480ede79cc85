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
        /// What is done now: waiting, fetching, working, or handing in.
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
        /// How many were scored, some of them too late to be waited for.
        public var answeredCount: Int
        /// How many were refused, also because their weights were being fetched.
        public var refusedCount: Int
        /// How many were answered after their deadline, or not begun because of it.
        public var lateCount: Int
        /// The mean time that scoring took.
        public var computeMicrosecondsMean: Double
        /// How many rankers are ready in memory.
        public var rankerCount: Int
        public var byteCount: Int
    }

    public struct LocalDataLine: Codable, Sendable, Hashable {
        /// Where the feature files are; nil when only weights stay here.
        public var directory: String?
        public var user: String?
        /// How many feature sets the coordinator takes.
        public var offeredCount: Int
        /// How many feature sets the coordinator does not take.
        public var refusedCount: Int
        /// How many files are no feature sets.
        public var unreadableCount: Int
        /// How many versions of edge-only rankers have their weights here and nowhere else.
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
    /// What went wrong of late, the newest first.
    public var errors: [ErrorLine]
    /// The version of TLS that the newest connection agreed on, `TLS 1.3`.
    public var tlsVersion: String?
    /// Whether the worker takes tasks now: it does not outside its owner's hours.
    public var takesTasks: Bool
    /// What its owner allows, a line each.
    public var allows: [String]
    public var localData: LocalDataLine?
    /// What was reranked here; nil when the owner does not allow reranks.
    public var reranks: RerankLine?
}

extension StateDirectory {
    func save(_ report: StatusReport) throws(LanguageSystemError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        try write(report, with: encoder, to: statusPath)
    }

    /// What the worker wrote last; nil when none has run here yet.
    public func status() throws(LanguageSystemError) -> StatusReport? {
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

    /// The status as it was written, in JSON.
    public func statusJSON() throws(LanguageSystemError) -> [UInt8] {
        try PrivateFile.read(statusPath, byteCountMax: 1 << 20)
    }
}
