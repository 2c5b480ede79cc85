// The cache on a real disk.
import Crypto
import Foundation
import LanguageSystem
import Testing

@testable import EdgeWork

func digest(of bytes: [UInt8]) -> LanguageSystem.Digest {
    LanguageSystem.Digest(bytes: SHA256.hash(data: bytes))!
}

func bytes(_ count: Int, seed: UInt8) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(seed) &* 7 &+ $0 / 251) }
}

/// A directory of its own for one test, gone afterwards.
func withDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let path = FileManager.default.temporaryDirectory.path + "/ls-edge-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

extension BlobCache {
    func fill(_ blob: BlobReference, _ content: [UInt8], from: Int = 0, upTo: Int? = nil) throws {
        let end = upTo ?? content.count
        for start in stride(from: from, to: end, by: 1_000) {
            try append(
                BlobChunk(
                    offset: Int64(start), bytes: Array(content[start..<min(start + 1_000, end)]),
                    byteCount: Int64(content.count)), to: blob)
        }
    }
}

@Suite struct `Blob cache` {
    static func blob(_ content: [UInt8]) -> BlobReference {
        BlobReference(digest: digest(of: content), byteCount: Int64(content.count), name: "test")
    }

    @Test func `holds what was filled, also for the next process`() async throws {
        try await withDirectory { directory in
            let content = bytes(5_500, seed: 1)
            let blob = Self.blob(content)
            let cache = try BlobCache(directory: directory, byteCountMax: 10_000)
            #expect(try await cache.presence(of: blob) == .partial(byteCount: 0))
            try await cache.fill(blob, content)
            #expect(await cache.heldDigests == [])
            let path = try #require(try await cache.finish(blob))
            #expect(FileManager.default.contents(atPath: path).map(Array.init) == content)
            let next = try BlobCache(directory: directory, byteCountMax: 10_000)
            #expect(await next.heldDigests == [blob.digest])
            #expect(try await next.presence(of: blob) == .whole(path: path))
        }
    }

    @Test func `goes on where another process stopped`() async throws {
        try await withDirectory { directory in
            let content = bytes(5_500, seed: 2)
            let blob = Self.blob(content)
            try await BlobCache(directory: directory, byteCountMax: 10_000).fill(
                blob, content, upTo: 3_000)
            let next = try BlobCache(directory: directory, byteCountMax: 10_000)
            #expect(try await next.presence(of: blob) == .partial(byteCount: 3_000))
            try await next.fill(blob, content, from: 3_000)
            #expect(try await next.finish(blob) != nil)
        }
    }

    @Test func `notices a part that was damaged before it went on`() async throws {
        try await withDirectory { directory in
            let content = bytes(5_500, seed: 7)
            let blob = Self.blob(content)
            let cache = try BlobCache(directory: directory, byteCountMax: 10_000)
            try await cache.fill(blob, content, upTo: 3_000)
            await cache.endFilling(blob.digest)
            var damaged = Array(content[..<3_000])
            damaged[500] ^= 1
            try Data(damaged).write(
                to: URL(fileURLWithPath: "\(directory)/\(blob.digest).partial"))
            try await cache.fill(blob, content, from: 3_000)
            #expect(try await cache.finish(blob) == nil)
            #expect(try await cache.presence(of: blob) == .partial(byteCount: 0))
            try await cache.fill(blob, content)
            #expect(try await cache.finish(blob) != nil)
        }
    }

    @Test func `fills two at once, piece by piece`() async throws {
        try await withDirectory { directory in
            let contents = (0..<2).map { bytes(4_000, seed: UInt8(20 + $0)) }
            let blobs = contents.map(Self.blob)
            let cache = try BlobCache(directory: directory, byteCountMax: 10_000)
            for start in stride(from: 0, to: 4_000, by: 1_000) {
                for (blob, content) in zip(blobs, contents) {
                    try await cache.fill(blob, content, from: start, upTo: start + 1_000)
                }
            }
            for blob in blobs { #expect(try await cache.finish(blob) != nil) }
        }
    }

    @Test func `gives no name to a file that went away while it was filled`() async throws {
        try await withDirectory { directory in
            let content = bytes(2_000, seed: 8)
            let blob = Self.blob(content)
            let cache = try BlobCache(directory: directory, byteCountMax: 10_000)
            try await cache.fill(blob, content)
            try FileManager.default.removeItem(atPath: "\(directory)/\(blob.digest).partial")
            #expect(try await cache.finish(blob) == nil)
            #expect(try await cache.presence(of: blob) == .partial(byteCount: 0))
        }
    }

    @Test func `throws away what has another SHA-256`() async throws {
        try await withDirectory { directory in
            let content = bytes(2_000, seed: 3)
            let blob = Self.blob(content)
            let cache = try BlobCache(directory: directory, byteCountMax: 10_000)
            try await cache.fill(blob, bytes(2_000, seed: 4))
            #expect(try await cache.finish(blob) == nil)
            #expect(try await cache.presence(of: blob) == .partial(byteCount: 0))
        }
    }

    @Test(arguments: [false, true])
    func `notices a file that the disk damaged`(sameSize: Bool) async throws {
        try await withDirectory { directory in
            let content = bytes(2_000, seed: 5)
            let blob = Self.blob(content)
            let cache = try BlobCache(directory: directory, byteCountMax: 10_000)
            try await cache.fill(blob, content)
            let path = try #require(try await cache.finish(blob))
            var damaged = content
            if sameSize { damaged[1_000] ^= 1 } else { damaged.removeLast() }
            try Data(damaged).write(to: URL(fileURLWithPath: path))
            let next = try BlobCache(directory: directory, byteCountMax: 10_000)
            #expect(try await next.presence(of: blob) == .partial(byteCount: 0))
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func `makes room by what is not in use, or says that it cannot`() async throws {
        try await withDirectory { directory in
            let cache = try BlobCache(directory: directory, byteCountMax: 10_000)
            let contents = (0..<3).map { bytes(4_000, seed: UInt8(10 + $0)) }
            let blobs = contents.map(Self.blob)
            for index in 0..<2 {
                _ = try await cache.presence(of: blobs[index])
                try await cache.fill(blobs[index], contents[index])
                #expect(try await cache.finish(blobs[index]) != nil)
            }
            await cache.retain(blobs[0].digest)
            _ = try await cache.presence(of: blobs[2])
            #expect(await cache.heldDigests == [blobs[0].digest])
            await cache.retain(blobs[1].digest)
            let large = BlobReference(digest: digest(of: [1]), byteCount: 7_000, name: "large")
            let error = await #expect(throws: LanguageSystemError.self) {
                try await cache.presence(of: large)
            }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test func `refuses a piece out of place`() async throws {
        try await withDirectory { directory in
            let content = bytes(2_000, seed: 6)
            let blob = Self.blob(content)
            let cache = try BlobCache(directory: directory, byteCountMax: 10_000)
            await #expect(throws: LanguageSystemError.self) {
                try await cache.append(BlobChunk(offset: 5, bytes: [1], byteCount: 2_000), to: blob)
            }
            await #expect(throws: LanguageSystemError.self) {
                try await cache.append(BlobChunk(offset: 0, bytes: [1], byteCount: 2_001), to: blob)
            }
        }
    }
}

@Suite struct `What others read of a failure` {
    @Test func `names files as they do, and keeps their places for the log`() throws {
        let cache = try BlobCache(
            directory: NSTemporaryDirectory() + UUID().uuidString, byteCountMax: 1)
        defer { try? FileManager.default.removeItem(atPath: cache.directory) }
        let weights = LocalWeights(directory: "/home/ada/weights")
        let digest = LanguageSystem.Digest(hex: String(repeating: "ab", count: 32))!
        let blob = BlobReference(digest: digest, byteCount: 1, name: "math@3")
        let places = weights.publicNames(of: [blob], in: cache)
        for path in cache.paths(of: digest) + ["/home/ada/weights/\(digest).safetensors"] {
            let error = LanguageSystemError.cannotCache(path, cause: "no space").naming(places)
            #expect(
                error.message == "cannot keep abababababab… in this worker's cache: no space")
            #expect(error.cause?.contains(path) == true)
        }
        #expect(
            LanguageSystemError.unusableState("/home/ada/weights", cause: "it is full")
                .naming(places).message.contains("the local weights"))
        let unforeseen = LanguageSystemError.workFailed(CocoaError(.fileNoSuchFile))
        #expect(unforeseen.message.hasSuffix("an unexpected error of type CocoaError"))
    }
}
