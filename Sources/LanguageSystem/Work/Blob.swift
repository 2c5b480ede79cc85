// What a task needs beside its configuration: feature sets and weights, by digest and in chunks.

/// A feature set or weights, by the digest under which their bytes are fetched, cached and checked.
public struct BlobReference: Hashable, Sendable {
    public let digest: Digest
    public let byteCount: Int64
    /// For people: "math/algebra train", "math/algebra.listwise@3".
    public let name: String
    /// Of a feature set; nil of weights.
    public let domain: DomainName?

    public init(digest: Digest, byteCount: Int64, name: String, domain: DomainName? = nil) {
        self.digest = digest
        self.byteCount = byteCount
        self.name = name
        self.domain = domain
    }
}

/// Some bytes of a blob, in their place.
public struct BlobChunk: Hashable, Sendable {
    public let offset: Int64
    /// Empty only at the end.
    public let bytes: [UInt8]
    /// Of the whole blob.
    public let byteCount: Int64

    public init(offset: Int64, bytes: [UInt8], byteCount: Int64) {
        self.offset = offset
        self.bytes = bytes
        self.byteCount = byteCount
    }

    /// Where the next chunk begins.
    public var end: Int64 { offset + Int64(bytes.count) }
}
