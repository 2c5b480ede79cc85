// What a worker keeps between starts, in a directory that is its owner's alone: who it is (ca.pem,
// worker.pem, worker-key.pem, coordinator.json), cache/, status.json. One running worker each.
import Crypto
import Foundation
public import LanguageSystem
import PKI

public struct StateDirectory: Sendable {
    public let path: String

    public init(_ path: String) { self.path = path }

    public var settingsPath: String { path + "/config.json" }
    public var cachePath: String { path + "/cache" }
    /// Where the weights are that are nowhere else.
    public var weightsPath: String { path + "/weights" }
    var authorityPath: String { path + "/ca.pem" }
    var certificatePath: String { path + "/worker.pem" }
    var keyPath: String { path + "/worker-key.pem" }
    var coordinatorPath: String { path + "/coordinator.json" }
    var statusPath: String { path + "/status.json" }
    var lockPath: String { path + "/lock" }

    public func prepare() throws(LanguageSystemError) {
        try PrivateFile.createDirectory(path, mode: 0o700)
        try PrivateFile.createDirectory(cachePath, mode: 0o700)
    }

    /// - Throws: `busy` when another worker uses this directory.
    public func lock() throws(LanguageSystemError) -> StateLock {
        try StateLock(lockPath, of: path)
    }

    /// Tells this directory on this machine from a copy of it elsewhere: a digest of both. The
    /// machine's id is not for sending around.
    var fingerprint: String {
        let machine = ["/etc/machine-id", "/proc/sys/kernel/random/boot_id"].lazy.compactMap {
            try? String(contentsOfFile: $0, encoding: .utf8)
        }.first { !$0.isEmpty }
        let found = try? FileManager.default.attributesOfItem(atPath: path)
        let device = (found?[.systemNumber] as? NSNumber)?.uint64Value
        let inode = (found?[.systemFileNumber] as? NSNumber)?.uint64Value
        let directory = if let device, let inode { "\(device) \(inode)" } else { path }
        let text = "lsworker \(machine ?? "") \(directory)"
        return SHA256.hash(data: Data(text.utf8)).prefix(16).map { byte in
            let hex = String(byte, radix: 16)
            return byte < 16 ? "0" + hex : hex
        }.joined()
    }

    /// Whether a worker is running on this directory now.
    public var isInUse: Bool {
        guard FileManager.default.fileExists(atPath: lockPath) else { return false }
        do {
            _ = try lock()
            return false
        } catch {
            return error.code == .busy
        }
    }

    /// The key to join with; made and saved before anything is asked with it, so that a join whose
    /// reply was lost is repeated with the same one.
    func keyForJoining() throws(LanguageSystemError) -> WorkerKey {
        if try !PrivateFile.exists(keyPath) {
            _ = try PrivateFile.create(keyPath, Array(WorkerKey().pem.utf8), mode: 0o600)
        }
        return try readKey()
    }

    func readKey() throws(LanguageSystemError) -> WorkerKey {
        let bytes = try PrivateFile.readSecret(keyPath, byteCountMax: 1 << 16)
        return try WorkerKey(pem: String(decoding: bytes, as: UTF8.self), path: keyPath)
    }

    /// Who this worker is; nil when it has never joined.
    public func identity() throws(LanguageSystemError) -> WorkerIdentity? {
        guard try PrivateFile.exists(coordinatorPath) else { return nil }
        let bytes = try PrivateFile.read(coordinatorPath, byteCountMax: 1 << 16)
        guard let endpoint = try? JSONDecoder().decode(CoordinatorEndpoint.self, from: Data(bytes))
        else {
            throw .unreadableState(coordinatorPath)
        }
        return try WorkerIdentity(
            endpoint: endpoint,
            roots: try TrustedRoots(pem: try text(authorityPath), place: authorityPath),
            chainPEM: try text(certificatePath),
            chainPath: certificatePath, key: try readKey())
    }

    /// Each file is whole, and any two that a crash leaves side by side go together: during a
    /// rotation the coordinator takes certificates of both keys and shows one that both authorities
    /// vouch for.
    func save(_ identity: WorkerIdentity) throws(LanguageSystemError) {
        try PrivateFile.write(authorityPath, Array(identity.roots.pem.utf8), mode: 0o644)
        try PrivateFile.write(certificatePath, Array(identity.chainPEM.utf8), mode: 0o644)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Written last: with it, the worker has joined.
        try write(identity.endpoint, with: encoder, to: coordinatorPath)
    }

    /// - Throws: Also where the value cannot be written as JSON.
    func write(
        _ value: some Encodable, with encoder: JSONEncoder, to path: String
    ) throws(LanguageSystemError) {
        let bytes: Data
        do {
            bytes = try encoder.encode(value)
        } catch {
            throw LanguageSystemError(
                .internal, "cannot write \(path): found a value that is no JSON", cause: "\(error)")
        }
        try PrivateFile.write(path, Array(bytes), mode: 0o644)
    }

    private func text(_ path: String) throws(LanguageSystemError) -> String {
        String(decoding: try PrivateFile.read(path, byteCountMax: 1 << 18), as: UTF8.self)
    }
}

/// Held while a worker runs; the system lets go of it however the process ends.
public final class StateLock: Sendable {
    private let descriptor: Int32

    fileprivate init(_ path: String, of directory: String) throws(LanguageSystemError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .unusableState(directory, cause: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .stateInUse(directory)
        }
    }

    deinit { close(descriptor) }
}
