// Feature files in and out: the same bytes, once, or nothing at all.
import struct Crypto.SHA256
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import Testing

/// A feature file as DESIGN section 3 describes it, small numbers, several chunks.
private struct FeatureFile: Sendable {
    let bytes: [UInt8]
    let queries: [QueryDescription]
    let digest: Digest

    static let hiddenSize = 4

    init(queryCount: Int, seed: UInt64) {
        let candidateCount = 40
        let rowCount = queryCount * candidateCount
        let shapes: [(name: String, dtype: String, shape: [Int], width: Int)] = [
            ("instruction", "F16", [queryCount, Self.hiddenSize], 2),
            ("labels", "F32", [rowCount], 4),
            ("offsets", "I64", [queryCount + 1], 8),
            ("responses", "F16", [rowCount, Self.hiddenSize], 2),
        ]
        var offset = 0
        var entries = [
            #""__metadata__":{"format":"features/1","base_model":"tiny","hidden_size":"4"}"#
        ]
        for tensor in shapes {
            let end = offset + tensor.shape.reduce(1, *) * tensor.width
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            entries.append(
                "\"\(tensor.name)\":{\"dtype\":\"\(tensor.dtype)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var header = Array("{\(entries.joined(separator: ","))}".utf8)
        while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
        var generator = SplitMix(state: seed)
        var bytes = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header
        for _ in 0..<offset { bytes.append(UInt8(truncatingIfNeeded: generator.next())) }
        self.bytes = bytes
        digest = Digest(bytes: SHA256.hash(data: bytes))!
        queries = (0..<queryCount).map { index in
            QueryDescription(
                id: "q\(index)", level: index % 2 == 0 ? "5" : nil,
                firstRow: Int64(index * candidateCount), candidateCount: candidateCount,
                positiveCount: index % candidateCount)
        }
    }

    func description(domain: String = "math/algebra", hiddenSize: Int = hiddenSize) throws
        -> FeatureSetDescription
    {
        FeatureSetDescription(
            digest: digest, byteCount: Int64(bytes.count), baseModel: "tiny",
            domain: try DomainName(domain), split: .train, hiddenSize: hiddenSize,
            queryCount: queries.count, responseCount: Int64(40 * queries.count))
    }
}

@Suite struct `Feature set import` {
    private let file = FeatureFile(queryCount: 5000, seed: 1)

    @Test func `an import gives back the very bytes, by digest, piece by piece`() async throws {
        try await TestLedger.with { ledger in
            #expect(file.bytes.count > 2 * LedgerStore.chunkByteCount)
            let bytes = file.bytes
            let imported = try await ledger.store.importFeatureSet(
                try file.description(), queries: file.queries
            ) { Array(bytes[$0]) }
            #expect(!imported.wasAlreadyStored)

            var found: [UInt8] = []
            while true {
                let piece = try await ledger.store.readBlob(file.digest, from: Int64(found.count))
                #expect(piece.byteCount == Int64(bytes.count))
                #expect(piece.bytes.count <= LedgerStore.chunkByteCount)
                if piece.bytes.isEmpty { break }
                found += piece.bytes
            }
            #expect(found == bytes)
            // Across the border of two stored chunks, a piece ends at the border.
            let border = Int64(LedgerStore.chunkByteCount)
            let before = try await ledger.store.readBlob(file.digest, from: border - 10)
            #expect(before.bytes == Array(bytes[Int(border) - 10..<Int(border)]))

            let status = try #require(try await ledger.store.featureSets().first)
            #expect(status.id == imported.id && status.isCurrent)
            #expect(status.queryCount == 5000 && status.responseCount == 200_000)
            #expect(try await ledger.count("ls.query where level = '5'") == 2500)
        }
    }

    @Test func `an import of the same bytes again reads nothing and is the same set`() async throws
    {
        try await TestLedger.with { ledger in
            let small = FeatureFile(queryCount: 2, seed: 2)
            let first = try await ledger.store.importFeatureSet(
                try small.description(), queries: small.queries
            ) { Array(small.bytes[$0]) }
            let second = try await ledger.store.importFeatureSet(
                try small.description(), queries: small.queries
            ) { _ in throw CancellationError() }
            #expect(second == ImportedFeatureSet(id: first.id, wasAlreadyStored: true))
        }
    }

    @Test func `an import by ten at once stores one set`() async throws {
        try await TestLedger.with(connectionCountMax: 10) { ledger in
            let small = FeatureFile(queryCount: 20, seed: 3)
            let description = try small.description()
            let imported = try await withThrowingTaskGroup(of: ImportedFeatureSet.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        try await ledger.store.importFeatureSet(
                            description, queries: small.queries
                        ) { Array(small.bytes[$0]) }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(imported.map(\.id)).count == 1)
            #expect(imported.count { !$0.wasAlreadyStored } == 1)
        }
    }

    @Test func `an import that fails leaves nothing behind`() async throws {
        try await TestLedger.with { ledger in
            let small = FeatureFile(queryCount: 2, seed: 4)
            let bytes = small.bytes
            func attempt(
                _ description: FeatureSetDescription, queries: [QueryDescription]? = nil,
                read: @escaping @Sendable (Range<Int>) throws -> [UInt8]
            ) async -> LanguageSystemError? {
                do throws(LanguageSystemError) {
                    _ = try await ledger.store.importFeatureSet(
                        description, queries: queries ?? small.queries, bytes: read)
                    return nil
                } catch {
                    return error
                }
            }
            let good = try small.description()
            let truncated = await attempt(good) { Array(bytes[$0].dropLast()) }
            #expect(truncated?.code == .invalidFeatures)
            let changed = await attempt(good) { range in
                var copy = Array(bytes[range])
                copy[copy.count - 1] ^= 1
                return copy
            }
            #expect(changed?.code == .invalidFeatures)
            #expect(changed?.hint != nil)
            let fewer = await attempt(good, queries: Array(small.queries.dropLast())) {
                Array(bytes[$0])
            }
            #expect(fewer?.code == .invalidFeatures)
            let wide = await attempt(try small.description(hiddenSize: 8)) { Array(bytes[$0]) }
            #expect(wide?.code == .contractMismatch)
            #expect(
                wide?.message
                    == "cannot import features of 'tiny': found hidden size 8, expected 4")
            let unknown = await attempt(try small.description(domain: "music")) {
                Array(bytes[$0])
            }
            #expect(unknown?.code == .unknownDomain)
            #expect(try await ledger.count("ls.feature_set") == 0)
            #expect(try await ledger.count("ls.feature_chunk") == 0)
        }
    }
}
