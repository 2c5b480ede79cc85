// The feature files that stay on this machine: found in a directory, described by their headers,
// named by their SHA-256. Only description and digest are ever told to anybody. Lives on a thread
// of its own, since all it does is wait for the disk. Files are read, never mapped: somebody else
// may cut one short at any time.
import Concurrency
import CoreFoundation
import struct Crypto.SHA256
import Foundation
package import LanguageSystem
import PKI
import Rankers
import WorkerWire

package actor LocalFiles {
    /// What tells one content of a file from another without reading it.
    private struct Stamp: Hashable {
        let device: UInt64
        let inode: UInt64
        let byteCount: Int64
        let seconds: Int
        let nanoseconds: Int
    }

    private struct File {
        let stamp: Stamp
        /// What is in the file, or why it cannot be used.
        let content: Result<FeatureSetDescription, LanguageSystemError>
    }

    private nonisolated let thread = ThreadExecutor(name: "ls-local")
    nonisolated package var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    package nonisolated let directory: String
    /// Whose data it is; nil: nobody's in particular.
    private nonisolated let user: String?
    private var files: [String: File] = [:]

    package init(directory: String, user: String?) {
        self.directory = directory
        self.user = user
    }

    /// What is there as of the last look, in the order of the paths; of two files with the same
    /// bytes, one.
    package var sets: [FeatureSetDescription] {
        var seen: Set<Digest> = []
        return files.sorted { $0.key < $1.key }.compactMap { try? $0.value.content.get() }
            .filter { seen.insert($0.digest).inserted }
    }

    /// Files that cannot be used, and why.
    package var problems: [(path: String, error: LanguageSystemError)] {
        files.sorted { $0.key < $1.key }.compactMap { path, file in
            guard case .failure(let error) = file.content else { return nil }
            return (path, error)
        }
    }

    package func path(of digest: Digest) -> String? {
        files.first { (try? $0.value.content.get())?.digest == digest }?.key
    }

    /// Looks again; reads what is new or changed.
    ///
    /// - Returns: Digests that are there no longer; nil when nothing changed.
    /// - Throws: `invalidSettings` when the directory cannot be read: then what it held is not
    ///   gone, it is out of sight, and nothing is changed.
    package func look() throws(LanguageSystemError) -> [Digest]? {
        let before = Set(sets.map(\.digest))
        let paths = try listing()
        var found: [String: File] = [:]
        var isChanged = false
        for path in paths {
            guard let stamp = Self.stamp(path) else { continue }
            if let known = files[path], known.stamp == stamp {
                found[path] = known
                continue
            }
            isChanged = true
            found[path] = File(stamp: stamp, content: read(path, stamp))
        }
        guard isChanged || found.count != files.count else { return nil }
        files = found
        return before.subtracting(sets.map(\.digest)).sorted { $0.description < $1.description }
    }

    private func listing() throws(LanguageSystemError) -> [String] {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory),
            isDirectory.boolValue, FileManager.default.isReadableFile(atPath: directory),
            let found = FileManager.default.enumerator(
                at: URL(fileURLWithPath: directory), includingPropertiesForKeys: [],
                options: [.skipsHiddenFiles])
        else { throw .unreadableDataDirectory(directory) }
        let paths = found.compactMap { ($0 as? URL)?.path }
            .filter { $0.hasSuffix(".safetensors") }.sorted()
        guard paths.count <= WireLimits.localSetCountMax else {
            throw .tooManyLocalFiles(directory, count: paths.count)
        }
        return paths
    }

    private func read(_ path: String, _ stamp: Stamp) -> Result<
        FeatureSetDescription, LanguageSystemError
    > {
        Result { () throws(LanguageSystemError) in
            let summary = try FeatureFileSummary(contentsOf: path)
            let digest = try LocalFileReader(path).sha256()
            // Its header and its digest must be of the same bytes.
            guard Self.stamp(path) == stamp else { throw .localFileChanges(path) }
            let metadata = summary.metadata
            return FeatureSetDescription(
                digest: digest, byteCount: stamp.byteCount, baseModel: metadata.baseModel,
                domain: metadata.domain, split: metadata.split, user: user,
                labelKind: metadata.labelKind.rawValue, hiddenSize: metadata.hiddenSize,
                queryCount: summary.queryCount, responseCount: Int64(summary.responseCount),
                layer: metadata.layer, layerFraction: metadata.layerFraction)
        }
    }

    /// What is there now; nil for what is no regular file, or gone.
    private static func stamp(_ path: String) -> Stamp? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0
        else { return nil }
        return Stamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
            byteCount: Int64(status.st_size), seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec)
    }
}

/// One file, read in pieces where blocking harms nobody.
final class LocalFileReader: Sendable {
    private let path: String
    private let descriptor: Int32

    init(_ path: String) throws(LanguageSystemError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .unreadableLocalFile(path, cause: String(cString: strerror(errno)))
        }
    }

    deinit { close(descriptor) }

    /// The bytes from `offset` on; fewer than asked only where the file ends.
    func bytes(from offset: Int64, countMax: Int) async throws -> [UInt8] {
        try await onThread(named: "ls-read") { try self.read(from: offset, countMax: countMax) }
    }

    func read(from offset: Int64, countMax: Int) throws(LanguageSystemError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: countMax)
        var filled = 0
        while filled < countMax {
            let count = buffer.withUnsafeMutableBytes {
                // It has an address: there is room for a byte.
                pread(
                    descriptor, $0.baseAddress! + filled, countMax - filled,
                    off_t(offset) + off_t(filled))
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw .unreadableLocalFile(path, cause: String(cString: strerror(errno)))
            }
            if count == 0 { break }
            filled += count
        }
        buffer.removeLast(countMax - filled)
        return buffer
    }

    func sha256() throws(LanguageSystemError) -> Digest {
        var hash = SHA256()
        var offset: Int64 = 0
        while true {
            let piece = try read(from: offset, countMax: 1 << 20)
            if piece.isEmpty { return Digest(of: hash.finalize()) }
            hash.update(data: piece)
            offset += Int64(piece.count)
        }
    }
}

extension LanguageSystemError {
    static func unreadableDataDirectory(_ path: String) -> Self {
        Self(
            .invalidSettings, "cannot look for local data in \(path): it is no readable directory",
            hint: "what was offered from there stays offered until it can be read again")
    }

    static func tooManyLocalFiles(_ path: String, count: Int) -> Self {
        Self(
            .invalidSettings,
            """
            cannot offer the local data in \(path): found \(count) feature files, expected at most \
            \(WireLimits.localSetCountMax)
            """
        )
    }

    static func localFileChanges(_ path: String) -> Self {
        Self(
            .unavailable, "cannot use \(path): it changed while it was being read",
            hint: "it is looked at again in a few seconds")
    }

    static func unreadableLocalFile(_ path: String, cause: String) -> Self {
        Self(.unavailable, "cannot read \(path): \(cause)")
    }
}
