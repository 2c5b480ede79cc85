// Brings a blob into the cache: from where it broke off, in pieces, until its SHA-256 is right. One
// that is a local file here comes from that file: work is done on the copy, which nobody changes
// underneath it.
import GRPCCore
package import LanguageSystem
package import Logging
import WorkerWire

package struct BlobFetcher: Sendable {
    static let tryCountMax = 3

    let cache: BlobCache
    let link: CoordinatorLink
    let logger: Logger
    let local: LocalFiles?

    package init(
        cache: BlobCache, link: CoordinatorLink, logger: Logger, local: LocalFiles? = nil
    ) {
        self.cache = cache
        self.link = link
        self.logger = logger
        self.local = local
    }

    /// The path of the verified file. The caller has retained the blob.
    package func path(of blob: BlobReference) async throws -> String {
        await cache.beginFilling(blob.digest)
        do {
            let path = try await fill(blob)
            await cache.endFilling(blob.digest)
            return path
        } catch {
            await cache.endFilling(blob.digest)
            throw error
        }
    }

    private func fill(_ blob: BlobReference) async throws -> String {
        for number in 1...Self.tryCountMax {
            if case .whole(let path) = try await cache.presence(of: blob) { return path }
            if let path = await local?.path(of: blob.digest) {
                do {
                    try await copy(blob, from: path)
                } catch let error as LanguageSystemError {
                    throw error.naming([(path, blob.name)])
                }
            } else {
                try await link.call { client in try await receive(blob, from: client) }
            }
            if let path = try await cache.finish(blob) { return path }
            logger.warning(
                "fetched blob is damaged", metadata: ["blob": "\(blob.name)", "try": "\(number)"])
        }
        throw LanguageSystemError.damagedBlob(blob.name, tries: Self.tryCountMax)
    }

    private func copy(_ blob: BlobReference, from path: String) async throws {
        guard case .partial(var held) = try await cache.presence(of: blob) else { return }
        let reader = try LocalFileReader(path)
        while held < blob.byteCount {
            let bytes = try await reader.bytes(
                from: held, countMax: Int(min(1 << 20, blob.byteCount - held)))
            guard !bytes.isEmpty else { throw LanguageSystemError.localFileChanges(path) }
            try await cache.append(
                BlobChunk(offset: held, bytes: bytes, byteCount: blob.byteCount), to: blob)
            held += Int64(bytes.count)
        }
    }

    /// One call, from what we have to the end.
    private func receive(_ blob: BlobReference, from client: WorkerClient) async throws {
        guard case .partial(let held) = try await cache.presence(of: blob), held < blob.byteCount
        else { return }
        logger.debug(
            "fetching",
            metadata: ["blob": "\(blob.name)", "from": "\(held)", "of": "\(blob.byteCount)"])
        try await client.fetchBlob(
            Languagesystem_V1_FetchBlobRequest(digest: blob.digest, offset: held)
        ) { response in
            var count = held
            for try await message in response.messages {
                let piece = try BlobChunk(message)
                try await cache.append(piece, to: blob)
                count += Int64(piece.bytes.count)
            }
            guard count == blob.byteCount else {
                throw RPCError(code: .unavailable, message: "the blob ended early")
            }
        }
    }
}
