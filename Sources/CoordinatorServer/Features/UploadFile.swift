// A file on its way in. It has no name on the disk, so whatever ends this program or the request
// ends the file, too; what is read of it goes through the open descriptor.
import Concurrency
import Foundation
import LanguageSystem
import NIOCore

final class UploadFile: Sendable {
    /// So much stays free on the disk, which may be the database's.
    private static let freeByteCountMin: UInt64 = 256 << 20
    /// So much is written at once.
    private static let pieceByteCount = 1 << 20
    /// Writing to a disk may take long, and the event loop must not wait for it.
    private static let threads = ThreadPool(name: "ls-upload", threadCount: 2)

    private let descriptor: Int32

    /// Opens as long as this value exists.
    var path: String { "/proc/self/fd/\(descriptor)" }

    init(in directory: String) throws(LanguageSystemError) {
        // O_TMPFILE, whose C definition is a cast that Swift does not see.
        let withoutName = 0o20_000_000 | O_DIRECTORY
        var descriptor = open(directory, withoutName | O_RDWR | O_CLOEXEC, 0o600)
        if descriptor < 0 {
            // Not every file system has those.
            var template = Array("\(directory)/upload-XXXXXX".utf8CString)
            descriptor = mkstemp(&template)
            if descriptor >= 0 {
                unlink(template)
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            }
        }
        guard descriptor >= 0 else { throw .cannotKeepUpload(errno) }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Writes a body to the file.
    ///
    /// - Returns: How many bytes it had.
    /// - Throws: `tooLarge` as soon as more than `byteCountMax` bytes have come; `unavailable` when
    ///   the disk is full or fails; what reading the body throws.
    func fill(
        from body: some AsyncSequence<ByteBuffer, any Error>, upTo byteCountMax: Int
    ) async throws -> Int {
        var byteCount = 0
        var piece: [UInt8] = []
        piece.reserveCapacity(Self.pieceByteCount)
        for try await chunk in body {
            byteCount += chunk.readableBytes
            guard byteCount <= byteCountMax else {
                throw LanguageSystemError.featureFileTooLarge(byteCountMax)
            }
            piece.append(contentsOf: chunk.readableBytesView)
            if piece.count >= Self.pieceByteCount {
                try await write(piece)
                piece.removeAll(keepingCapacity: true)
            }
        }
        try await write(piece)
        return byteCount
    }

    private func write(_ bytes: [UInt8]) async throws {
        _ = try await Self.threads.run { [self] in
            try checkFreeSpace()
            try bytes.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let part = UnsafeRawBufferPointer(rebasing: rest)
                    let count = Glibc.write(descriptor, part.baseAddress, part.count)
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { throw LanguageSystemError.cannotKeepUpload(errno) }
                    rest = rest.dropFirst(count)
                }
            }
        }
    }

    private func checkFreeSpace() throws(LanguageSystemError) {
        var status = statvfs()
        guard fstatvfs(descriptor, &status) == 0 else { return }
        guard UInt64(status.f_bavail) * UInt64(status.f_frsize) >= Self.freeByteCountMin else {
            throw .cannotKeepUpload(ENOSPC)
        }
    }
}

extension LanguageSystemError {
    static func cannotKeepUpload(_ number: Int32) -> Self {
        Self(
            .unavailable,
            """
            cannot take the feature file: the disk of this coordinator's data directory \
            \(number == ENOSPC ? "is full" : "cannot be written")
            """, cause: String(cString: strerror(number)))
    }
}
