// What a task needs beside its configuration: feature sets and weights, by digest and in chunks.

/// A reference to a feature set or weights, by the digest under which the bytes are fetched, cached
/// and verified.
public struct BlobReference: Hashable, Sendable {
    /// SHA-256 of the bytes.
    public let digest: Digest
    /// The size of the whole blob.
    public let byteCount: Int64
    /// A name for people, such as "math/algebra train" or "math/algebra.listwise@3".
    public let name: String
    /// The domain of a feature set; nil for weights.
    public let domain: DomainName?

    public init(digest: Digest, byteCount: Int64, name: String, domain: DomainName? = nil) {
        self.digest = digest
        self.byteCount = byteCount
        self.name = name
        self.domain = domain
    }
}

/// A piece of a blob, with its position.
public struct BlobChunk: Hashable, Sendable {
    /// The position of the first byte in the blob, from 0.
    public let offset: Int64
    /// The bytes, empty only at the end of the blob.
    public let bytes: [UInt8]
    /// The size of the whole blob.
    public let byteCount: Int64

    public init(offset: Int64, bytes: [UInt8], byteCount: Int64) {
        self.offset = offset
        self.bytes = bytes
        self.byteCount = byteCount
    }

    /// The offset at which the next chunk begins.
    public var end: Int64 { offset + Int64(bytes.count) }
}
