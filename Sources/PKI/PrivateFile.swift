// Files that must be whole or absent, and secret where they are secrets: written beside their
// place, synced, then moved into it; a key that others may read is not used.
public import LanguageSystem
import CoreFoundation
import Foundation

/// Reads and writes small files, such as keys, whole or not at all.
public enum PrivateFile {
    /// Replaces the file in one step; after a crash there is the old file or the new one.
    public static func write(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o600)
        throws(LanguageSystemError)
    {
        let temporary = try writeTemporary(beside: path, bytes, mode: mode)
        guard rename(temporary, path) == 0 else {
            let cause = lastError()
            unlink(temporary)
            throw .cannotWrite(path, cause: cause)
        }
        syncDirectory(of: path)
    }

    /// - Returns: False when the file exists already; then nothing is changed.
    public static func create(_ path: String, _ bytes: [UInt8], mode: UInt32)
        throws(LanguageSystemError) -> Bool
    {
        let temporary = try writeTemporary(beside: path, bytes, mode: mode)
        defer { unlink(temporary) }
        // Unlike rename, link never replaces.
        guard link(temporary, path) == 0 else {
            if errno == EEXIST { return false }
            throw .cannotWrite(path, cause: lastError())
        }
        syncDirectory(of: path)
        return true
    }

    /// Renames a file and replaces the one at the destination. Returns false when there is no such
    /// file, as after a repeated move.
    static func move(_ path: String, to destination: String) throws(LanguageSystemError) -> Bool {
        guard rename(path, destination) == 0 else {
            if errno == ENOENT { return false }
            throw .cannotWrite(destination, cause: lastError())
        }
        syncDirectory(of: destination)
        return true
    }

    /// Removes a file, if it exists.
    static func remove(_ path: String) throws(LanguageSystemError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw .cannotWrite(path, cause: lastError())
        }
        syncDirectory(of: path)
    }

    /// Overwrites a file and removes it. Where the file system writes in place, its bytes are gone,
    /// too.
    static func shred(_ path: String) throws(LanguageSystemError) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
        if descriptor >= 0 {
            defer { close(descriptor) }
            var information = stat()
            guard fstat(descriptor, &information) == 0 else {
                throw .cannotWrite(path, cause: lastError())
            }
            let zeros = [UInt8](repeating: 0, count: Int(information.st_size))
            guard Glibc.write(descriptor, zeros, zeros.count) == zeros.count,
                fsync(descriptor) == 0
            else { throw .cannotWrite(path, cause: lastError()) }
        } else if errno != ENOENT {
            throw .cannotWrite(path, cause: lastError())
        }
        try remove(path)
    }

    /// Runs `body` under a lock on the directory, which the system frees however the process ends.
    /// On a file system without locks two commands at the same moment are not kept apart.
    static func withLock<T>(on directory: String, _ body: () throws(LanguageSystemError) -> T)
        throws(LanguageSystemError) -> T
    {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotRead(directory, cause: lastError()) }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
        return try body()
    }

    /// Whether the file belongs to the account that runs this program.
    static func isOurs(_ path: String) throws(LanguageSystemError) -> Bool {
        var information = stat()
        guard stat(path, &information) == 0 else { throw .cannotRead(path, cause: lastError()) }
        return information.st_uid == geteuid()
    }

    /// Whether there is a file at the path.
    public static func exists(_ path: String) throws(LanguageSystemError) -> Bool {
        var information = stat()
        if stat(path, &information) == 0 { return true }
        guard errno == ENOENT || errno == ENOTDIR else {
            throw .cannotRead(path, cause: lastError())
        }
        return false
    }

    /// The size, and the time of the last change in milliseconds since 1970; nil when there is no
    /// such file.
    public static func information(_ path: String) -> (byteCount: Int64, changedAt: Int64)? {
        var information = stat()
        guard stat(path, &information) == 0 else { return nil }
        let time = information.st_mtim
        return (
            Int64(information.st_size), Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
        )
    }

    /// Reads a file of at most `byteCountMax` bytes.
    public static func read(_ path: String, byteCountMax: Int) throws(LanguageSystemError)
        -> [UInt8]
    {
        try read(path, byteCountMax: byteCountMax) { _ throws(LanguageSystemError) in }
    }

    /// - Throws: `identityRefused` when accounts other than the owner may read the file, or it
    ///   belongs to another account.
    public static func readSecret(_ path: String, byteCountMax: Int) throws(LanguageSystemError)
        -> [UInt8]
    {
        try read(path, byteCountMax: byteCountMax) { information throws(LanguageSystemError) in
            guard information.st_mode & 0o077 == 0 else {
                throw .keyReadableByOthers(path, mode: Int(information.st_mode & 0o777))
            }
            guard information.st_uid == geteuid() || geteuid() == 0 else {
                throw .keyOfAnotherUser(path)
            }
        }
    }

    /// Makes the directory with `mode`, and missing parents with mode 0755. An existing directory
    /// stays as it is.
    public static func createDirectory(_ path: String, mode: UInt32) throws(LanguageSystemError) {
        if try exists(path) { return }
        let parent = (path as NSString).deletingLastPathComponent
        if !parent.isEmpty { try createDirectory(parent, mode: 0o755) }
        guard mkdir(path, mode) == 0 || errno == EEXIST else {
            throw .cannotWrite(path, cause: lastError())
        }
    }

    private static func read(
        _ path: String, byteCountMax: Int, check: (stat) throws(LanguageSystemError) -> Void
    ) throws(LanguageSystemError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotRead(path, cause: lastError()) }
        defer { close(descriptor) }
        var information = stat()
        guard fstat(descriptor, &information) == 0 else {
            throw .cannotRead(path, cause: lastError())
        }
        // On the open file: what is checked is what is read.
        try check(information)
        // As much as there is, not as much as there might be; one more shows where it ends. What
        // grows meanwhile, or does not say its size, is read all the same.
        var bytes = [UInt8](
            repeating: 0, count: min(max(Int(information.st_size), 4_095), byteCountMax) + 1)
        var count = 0
        while true {
            if count == bytes.count {
                if count > byteCountMax { break }
                bytes += [UInt8](repeating: 0, count: min(count, byteCountMax + 1 - count))
            }
            let read = bytes.withUnsafeMutableBytes {
                // It has an address: there is room for a byte.
                Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count)
            }
            if read < 0, errno == EINTR { continue }
            guard read >= 0 else { throw .cannotRead(path, cause: lastError()) }
            if read == 0 { break }
            count += read
        }
        guard count <= byteCountMax else {
            throw .cannotRead(path, cause: "more than \(byteCountMax) bytes")
        }
        return Array(bytes[..<count])
    }

    private static func writeTemporary(beside path: String, _ bytes: [UInt8], mode: UInt32)
        throws(LanguageSystemError) -> String
    {
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .cannotWrite(path, cause: lastError()) }
        var written = 0
        // The umask must not widen or narrow what was asked.
        var failed = fchmod(descriptor, mode) != 0
        while !failed, written < bytes.count {
            let count = bytes.withUnsafeBytes {
                // It has an address: a byte is left to write.
                Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written)
            }
            if count < 0, errno == EINTR { continue }
            failed = count < 0
            written += max(count, 0)
        }
        failed = failed || fsync(descriptor) != 0
        let cause = lastError()
        close(descriptor)
        if failed {
            unlink(temporary)
            throw .cannotWrite(path, cause: cause)
        }
        return temporary
    }

    /// Makes the file's name survive a power cut, too. Not every file system can; then a second run
    /// makes again what is lost.
    private static func syncDirectory(of path: String) {
        let parent = (path as NSString).deletingLastPathComponent
        let descriptor = open(parent.isEmpty ? "." : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func lastError() -> String { String(cString: strerror(errno)) }
}
