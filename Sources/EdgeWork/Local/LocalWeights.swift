// The weights of edge-only rankers: this disk is the only place they are, so they are kept apart
// from the cache, written before anybody hears of them, and never removed by the worker.
import Crypto
import Foundation
package import LanguageSystem
import PKI

package struct LocalWeights: Sendable {
    private static let suffix = ".safetensors"
    package let directory: String

    package init(directory: String) { self.directory = directory }

    /// The digests of the weights that are kept here, in the order of their names.
    package var digests: [LanguageSystem.Digest] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted()
            .filter { $0.hasSuffix(Self.suffix) }
            .compactMap { LanguageSystem.Digest(hex: String($0.dropLast(Self.suffix.count))) }
    }

    /// Writes weights; they are on disk when it returns. The same again changes nothing.
    package func keep(_ bytes: [UInt8], _ digest: LanguageSystem.Digest) throws(LanguageSystemError)
    {
        try PrivateFile.createDirectory(directory, mode: 0o700)
        try PrivateFile.write(path(digest), bytes, mode: 0o600)
    }

    package func holds(_ digest: LanguageSystem.Digest) -> Bool {
        (try? PrivateFile.exists(path(digest))) ?? false
    }

    /// The bytes of a file of weights; nil when these weights are not kept here.
    ///
    /// - Throws: `invalidWeights` when the file is not what it was.
    package func bytes(of digest: LanguageSystem.Digest) throws(LanguageSystemError) -> [UInt8]? {
        let path = path(digest)
        guard try PrivateFile.exists(path) else { return nil }
        let bytes = try PrivateFile.read(path, byteCountMax: 1 << 30)
        guard LanguageSystem.Digest(bytes: SHA256.hash(data: bytes)) == digest else {
            throw LanguageSystemError(
                .invalidWeights,
                "cannot use the weights \(digest.short)… that are kept here: "
                    + "the SHA-256 of their file is another; they are nowhere else",
                hint: "restore the file from this machine's backup, or train the ranker again",
                cause: path)
        }
        return bytes
    }

    /// What others call the files that these blobs may lie in here, for
    /// `LanguageSystemError.naming`.
    func publicNames(of blobs: some Sequence<BlobReference>, in cache: BlobCache) -> [(
        path: String, name: String
    )] {
        blobs.flatMap { blob in
            [(path(blob.digest), blob.name)]
                + cache.paths(of: blob.digest).map { (path: $0, name: blob.name) }
        } + [(directory, "the local weights"), (cache.directory, "the cache")]
    }

    private func path(_ digest: LanguageSystem.Digest) -> String {
        "\(directory)/\(digest)\(Self.suffix)"
    }
}

extension LanguageSystemError {
    static func lostWeights(_ name: String) -> Self {
        Self(
            .unknownVersion, "cannot use \(name): its weights were kept here and are gone",
            hint: "train the ranker again")
    }
}
