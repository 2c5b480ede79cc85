// Blobs on disk, named by their SHA-256. A name without `.partial` was verified when it got that
// name, and is verified again once by every process that uses it: disks forget. Lives on a thread
// of its own, since all it does is wait for the disk.
import Concurrency
import Crypto
import Foundation
public import LanguageSystem
import PKI

public actor BlobCache {
    /// What there is of a blob.
    public enum Presence: Sendable, Equatable {
        case whole(path: String)
        /// So many bytes from the start are here; zero: nothing.
        case partial(byteCount: Int64)
    }

    private struct File {
        var byteCount: Int64
        var lastUse: Int64
        var isWhole: Bool
        var isVerified = false
    }

    /// A blob's file while it is filled through one descriptor, and the SHA-256 of its bytes so
    /// far. The hash is of what lies in this very file: whoever opens it anew reads what is there
    /// first.
    private final class Partial {
        let descriptor: Int32
        var hash = SHA256()
        var byteCount: Int64 = 0

        init(_ descriptor: Int32) { self.descriptor = descriptor }

        deinit { close(descriptor) }
    }

    private static let partialSuffix = ".partial"

    nonisolated let directory: String
    public nonisolated let byteCountMax: Int64
    private nonisolated let thread = ThreadExecutor(name: "ls-cache")
    private var files: [LanguageSystem.Digest: File] = [:]
    private var useCounts: [LanguageSystem.Digest: Int] = [:]
    private var filling: Set<LanguageSystem.Digest> = []
    private var waiting: [LanguageSystem.Digest: [CheckedContinuation<Void, Never>]] = [:]
    private var partials: [LanguageSystem.Digest: Partial] = [:]

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    /// Takes over what an earlier process left.
    public init(directory: String, byteCountMax: Int64) throws(LanguageSystemError) {
        self.directory = directory
        self.byteCountMax = byteCountMax
        try PrivateFile.createDirectory(directory, mode: 0o700)
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
            let isWhole = !name.hasSuffix(Self.partialSuffix)
            let hex = isWhole ? name : String(name.dropLast(Self.partialSuffix.count))
            guard let digest = LanguageSystem.Digest(hex: hex), digest.description == hex,
                let (byteCount, lastUse) = PrivateFile.information("\(directory)/\(name)"),
                files[digest].map({ !$0.isWhole }) ?? true
            else { continue }
            files[digest] = File(byteCount: byteCount, lastUse: lastUse, isWhole: isWhole)
        }
    }

    /// The blobs that are here whole, the most recently used first: the coordinator is told.
    public var heldDigests: [LanguageSystem.Digest] {
        files.filter(\.value.isWhole).sorted { $0.value.lastUse > $1.value.lastUse }.map(\.key)
    }

    public var byteCount: Int64 { files.values.reduce(0) { $0 + $1.byteCount } }
    public var blobCount: Int { files.values.count { $0.isWhole } }

    /// Keeps a blob in the cache until `release`. Calls pair up.
    public func retain(_ digest: LanguageSystem.Digest) { useCounts[digest, default: 0] += 1 }

    public func release(_ digest: LanguageSystem.Digest) {
        guard let count = useCounts[digest] else {
            preconditionFailure("a blob was released more often than retained")
        }
        useCounts[digest] = count > 1 ? count - 1 : nil
    }

    /// Only one fills a blob at a time; the others wait here. Pairs with `endFilling`.
    public func beginFilling(_ digest: LanguageSystem.Digest) async {
        while filling.contains(digest) {
            await withCheckedContinuation { waiting[digest, default: []].append($0) }
        }
        filling.insert(digest)
    }

    public func endFilling(_ digest: LanguageSystem.Digest) {
        filling.remove(digest)
        partials[digest] = nil
        for one in waiting.removeValue(forKey: digest) ?? [] { one.resume() }
    }

    /// Looks, and checks what looks whole; makes room when something is missing.
    ///
    /// - Throws: `tooLarge` when the blob cannot fit.
    public func presence(of blob: BlobReference) throws -> Presence {
        let path = path(blob.digest)
        if let file = files[blob.digest], file.isWhole {
            if try verify(blob, file, path) {
                touch(blob.digest)
                return .whole(path: path)
            }
            discard(blob.digest)
        }
        if let file = files[blob.digest], file.byteCount > blob.byteCount { discard(blob.digest) }
        try makeRoom(for: blob)
        return .partial(byteCount: files[blob.digest]?.byteCount ?? 0)
    }

    /// Adds the next bytes of a blob that is being filled.
    public func append(_ piece: BlobChunk, to blob: BlobReference) throws {
        let held = files[blob.digest]?.byteCount ?? 0
        guard piece.byteCount == blob.byteCount, piece.offset == held else {
            throw LanguageSystemError.pieceOutOfPlace(
                blob.name, offset: piece.offset, of: piece.byteCount, expected: held, blob.byteCount
            )
        }
        let path = path(blob.digest) + Self.partialSuffix
        let partial = try partial(blob.digest, path, byteCount: held)
        var written = 0
        while written < piece.bytes.count {
            let count = piece.bytes.withUnsafeBytes {
                // It has an address: a byte is left to write.
                pwrite(
                    partial.descriptor, $0.baseAddress! + written, $0.count - written,
                    off_t(held) + off_t(written))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw LanguageSystemError.cannotCache(path, cause: String(cString: strerror(errno)))
            }
            written += count
        }
        // While the bytes are at hand: at the end the file would have to be read again.
        partial.hash.update(data: piece.bytes)
        partial.byteCount += Int64(piece.bytes.count)
        files[blob.digest] = File(
            byteCount: partial.byteCount, lastUse: Self.now(), isWhole: false)
    }

    /// Verifies what was filled and gives it its name.
    ///
    /// - Returns: Nil, with the damaged bytes thrown away, when the SHA-256 is another.
    public func finish(_ blob: BlobReference) throws -> String? {
        let partialPath = path(blob.digest) + Self.partialSuffix
        let partial = try partial(
            blob.digest, partialPath, byteCount: files[blob.digest]?.byteCount ?? 0)
        guard LanguageSystem.Digest(bytes: partial.hash.finalize()) == blob.digest,
            PrivateFile.information(partialPath)?.byteCount == blob.byteCount
        else {
            discard(blob.digest)
            return nil
        }
        guard fsync(partial.descriptor) == 0 else {
            let cause = String(cString: strerror(errno))
            // What of it is on disk cannot be known any more.
            discard(blob.digest)
            throw LanguageSystemError.cannotCache(partialPath, cause: cause)
        }
        partials[blob.digest] = nil
        let path = path(blob.digest)
        guard rename(partialPath, path) == 0 else {
            throw LanguageSystemError.cannotCache(path, cause: String(cString: strerror(errno)))
        }
        files[blob.digest] = File(
            byteCount: blob.byteCount, lastUse: Self.now(), isWhole: true, isVerified: true)
        return path
    }

    /// Throws away a blob that nobody uses; whether it did.
    public func forget(_ digest: LanguageSystem.Digest) -> Bool {
        guard useCounts[digest] == nil, !filling.contains(digest) else { return false }
        discard(digest)
        return true
    }

    /// Throws away what there is of a blob.
    public func discard(_ digest: LanguageSystem.Digest) {
        partials[digest] = nil
        unlink(path(digest))
        unlink(path(digest) + Self.partialSuffix)
        files[digest] = nil
    }

    private func makeRoom(for blob: BlobReference) throws {
        let entries = files.compactMap { digest, file in
            digest == blob.digest
                ? nil
                : CacheEntry(
                    digest: digest, byteCount: file.byteCount, lastUse: file.lastUse,
                    isInUse: useCounts[digest] != nil)
        }
        switch CachePlan.room(for: blob.byteCount, among: entries, byteCountMax: byteCountMax) {
        case .evict(let digests): for digest in digests { discard(digest) }
        case .doesNotFit(let available):
            throw LanguageSystemError.doesNotFit(
                blob.name, byteCount: blob.byteCount, available: available, max: byteCountMax)
        }
    }

    private func verify(_ blob: BlobReference, _ file: File, _ path: String) throws -> Bool {
        guard let (byteCount, _) = PrivateFile.information(path), byteCount == blob.byteCount else {
            return false
        }
        if file.isVerified { return true }
        guard try Self.sha256(ofFile: path) == blob.digest else { return false }
        files[blob.digest]?.isVerified = true
        return true
    }

    /// The time of last use is the file's own, so that the next process knows it, too.
    private func touch(_ digest: LanguageSystem.Digest) {
        files[digest]?.lastUse = Self.now()
        utimes(path(digest), nil)
    }

    /// The open file with its first `byteCount` bytes hashed, those that an earlier process or an
    /// earlier connection left included.
    private func partial(
        _ digest: LanguageSystem.Digest, _ path: String, byteCount: Int64
    ) throws -> Partial {
        if let partial = partials[digest], partial.byteCount == byteCount { return partial }
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LanguageSystemError.cannotCache(path, cause: String(cString: strerror(errno)))
        }
        let partial = Partial(descriptor)
        try Self.read(descriptor, path, upTo: byteCount) { partial.hash.update(bufferPointer: $0) }
        partial.byteCount = byteCount
        partials[digest] = partial
        return partial
    }

    private nonisolated func path(_ digest: LanguageSystem.Digest) -> String {
        "\(directory)/\(digest)"
    }

    /// Where a blob may lie, the part that is being fetched first.
    nonisolated func paths(of digest: LanguageSystem.Digest) -> [String] {
        [path(digest) + Self.partialSuffix, path(digest)]
    }

    private static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }

    private static func sha256(ofFile path: String) throws -> LanguageSystem.Digest {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw LanguageSystemError.cannotCache(path, cause: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var hash = SHA256()
        try read(descriptor, path, upTo: .max) { hash.update(bufferPointer: $0) }
        return LanguageSystem.Digest(of: hash.finalize())
    }

    /// From the start, in pieces, to `byteCount` or the end of the file.
    private static func read(
        _ descriptor: Int32, _ path: String, upTo byteCount: Int64,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset: Int64 = 0
        while offset < byteCount {
            let wanted = Int(min(Int64(buffer.count), byteCount - offset))
            let count = buffer.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress, wanted, off_t(offset))
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw LanguageSystemError.cannotCache(path, cause: String(cString: strerror(errno)))
            }
            if count == 0 { return }
            buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            offset += Int64(count)
        }
    }
}
