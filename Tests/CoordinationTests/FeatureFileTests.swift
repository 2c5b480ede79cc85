// A feature file is read twice: by Rankers, for lscoord and the workers, and by
// ls.import_feature_file, for an admin in psql. Both take the same files and refuse the same ones,
// in the same words; nothing that a file can hold is an internal error of the database.
import Foundation
import LanguageSystem
import Ledger
import PostgresAccess
import PostgresTesting
import Rankers
import Testing

@Suite(.timeLimit(.minutes(20))) struct `Feature files in SQL` {
    @Test(arguments: SampleFile.Width.allCases)
    func `feature files are taken, and give back the very bytes`(width: SampleFile.Width)
        async throws
    {
        let bytes = SampleFile(width: width, seed: 1).bytes
        let set = try FeatureSet(safetensors: bytes)
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            try await Self.prepare(database.pool)
            #expect(try await Self.verdict(on: bytes, database.pool) == nil)
            let store = LedgerStore(pool: database.pool)
            #expect(try await store.readBlob(set.digest, from: 0).bytes == bytes)
            let stored = try #require(
                try await store.featureSets().first { $0.digest == set.digest })
            #expect(stored.queryCount == set.queryCount && stored.isCurrent)
            let positives = try await database.pool.execute(
                """
                select positive_count as count from ls.query where feature_set_id = $1
                order by query_index
                """, stored.id
            ).map { try $0.decode(Int.self, "count") }
            #expect(
                positives
                    == (0..<set.queryCount).map { query in
                        (set.offsets[query]..<set.offsets[query + 1]).count { set.labels[$0] > 0 }
                    })
        }
    }

    @Test(arguments: SampleFile.Width.allCases)
    func `feature files are taken wherever their tensors begin`(width: SampleFile.Width)
        async throws
    {
        let sample = SampleFile(width: width, seed: 2)
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            try await Self.prepare(database.pool)
            for count in 0..<8 {
                let bytes = sample.moved(by: count)
                #expect(Self.reading(bytes) == nil, "\(count) bytes further on")
                #expect(try await Self.verdict(on: bytes, database.pool) == nil)
            }
        }
    }

    @Test func `feature files are held to one bound in SQL and Swift`() async throws {
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            let bound = try await database.pool.execute("select ls.magnitude_max() as bound").map {
                try $0.decode(Float.self, "bound")
            }
            #expect(bound == [Bounds.magnitudeMax])
            for (size, isTaken) in [
                (Bounds.hiddenSizeMax, true), (Bounds.hiddenSizeMax + 1, false),
            ] {
                let found = try? await database.pool.execute(
                    "select ls.register_base_model($1, $2)", "wide", size)
                #expect((found != nil) == isTaken)
            }
        }
    }

    /// Bytes cut off, flipped, inserted, digits and words of the header exchanged.
    @Test(arguments: Array(1...8) as [UInt64])
    func `feature files are refused when Rankers refuses them, in the same words`(seed: UInt64)
        async throws
    {
        try await ThrowAwayDatabase.with(TestDispatch.template) { database in
            try await Self.prepare(database.pool)
            var generator = Splitter(state: seed)
            var refused = 0
            for _ in 0..<60 {
                let width = SampleFile.Width.allCases.randomElement(using: &generator)!
                let sample = SampleFile(width: width, seed: generator.next())
                let (change, bytes) = sample.damaged(using: &generator)
                let expected = Self.reading(bytes)
                let found = try await Self.verdict(on: bytes, database.pool)
                refused += expected == nil ? 0 : 1
                try #require(
                    Self.agree(expected, found),
                    """
                    \(change), seed \(seed): Rankers \(expected ?? "takes it"), SQL \
                    \(found ?? "takes it")
                    """
                )
            }
            #expect(refused > 20)
        }
    }

    private static func prepare(_ pool: ConnectionPool) async throws {
        try await pool.execute(
            """
            select ls.register_base_model('sample', 4), ls.register_domain('code')
            """)
    }

    /// Why Rankers refuses the bytes; nil when it takes them.
    private static func reading(_ bytes: [UInt8]) -> String? {
        do throws(LanguageSystemError) {
            let set = try FeatureSet(safetensors: bytes, name: "the feature file")
            // What lscoord would go on to ask the ledger.
            if set.metadata.baseModel != "sample" { return "unknown" }
            if set.metadata.domain.description != "code" { return "unknown" }
            if set.hiddenSize != 4 { return "unknown" }
            return nil
        } catch {
            return error.message
        }
    }

    private static func verdict(on bytes: [UInt8], _ pool: ConnectionPool) async throws -> String? {
        do {
            try await pool.execute("select ls.import_feature_file($1)", bytes)
            return nil
        } catch let error as PostgresError {
            guard ErrorCode(sqlState: error.sqlState ?? "") != nil else {
                return "SQLSTATE \(error.sqlState ?? "none"): \(error.message)"
            }
            return error.message
        }
    }

    private static func agree(_ swift: String?, _ sql: String?) -> Bool {
        guard let swift, let sql else { return swift == sql }
        if sql.hasPrefix("SQLSTATE") { return false }
        if swift == sql || swift == "unknown" { return true }
        // One says where in the header the text ends to be JSON, the other that it does.
        let isAboutText = sql.hasSuffix("in the header") || sql.hasSuffix("is not JSON")
        if isAboutText { return swift.hasSuffix("of the header") || swift.contains("header") }
        // Numbers too large, fractions and words where counts belong: JSON, but no value of ours.
        if swift.hasSuffix("of the header") {
            return sql.contains("dtype") || sql.contains("is not a string")
                || sql.contains("no description") || sql.contains("not an object")
        }
        // A name that no domain can have is one that no domain has.
        return swift.contains("as a domain") && sql.contains("it is not registered")
    }
}

/// A small feature file of pseudorandom content.
struct SampleFile {
    enum Width: String, CaseIterable, Sendable { case f16 = "F16", bf16 = "BF16", f32 = "F32" }

    let bytes: [UInt8]

    init(width: Width, seed: UInt64) {
        var generator = Splitter(state: seed)
        let counts = (0..<3).map { _ in Int.random(in: 1...4, using: &generator) }
        var offsets: [Int64] = [0]
        for count in counts { offsets.append(offsets.last! + Int64(count)) }
        let rows = Int(offsets.last!)
        func features(_ rowCount: Int) -> [UInt8] {
            (0..<rowCount * 4).flatMap { _ -> [UInt8] in
                let value = Float.random(in: -2...2, using: &generator)
                switch width {
                case .f16:
                    return withUnsafeBytes(of: Float16(value).bitPattern.littleEndian) { Array($0) }
                case .bf16:
                    return Array(
                        withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }.suffix(2))
                case .f32: return withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
                }
            }
        }
        let isBinary = Bool.random(using: &generator)
        var writer = SafetensorsWriter(metadata: [
            "format": "features/1", "base_model": "sample", "hidden_size": "4", "domain": "code",
            "split": Bool.random(using: &generator) ? "train" : "test",
            "label_kind": isBinary ? "binary" : "score", "layer": "3", "layer_fraction": "0.61",
        ])
        let dtype = SafetensorsFile.DType(rawValue: width.rawValue)!
        writer.add("instruction", dtype, [3, 4], bytes: features(3))
        writer.add("responses", dtype, [rows, 4], bytes: features(rows))
        writer.add("offsets", .i64, [4], offsets)
        writer.add(
            "labels", .f32, [rows],
            (0..<rows).map { _ in
                isBinary
                    ? Float(Int.random(in: 0...1, using: &generator))
                    : Float.random(in: -3...3, using: &generator)
            })
        if Bool.random(using: &generator) {
            writer.add(
                "answers", .i32, [rows],
                (0..<rows).map { _ in Int32.random(in: -1...5, using: &generator) })
        }
        if Bool.random(using: &generator) {
            writer.add(
                "logprobs", .f32, [rows],
                (0..<rows).map { _ in Float.random(in: -9...0, using: &generator) })
        }
        bytes = writer.bytes()
    }

    /// The same tensors behind a header that nobody padded.
    func moved(by count: Int) -> [UInt8] {
        let length = Int(bytes[0]) + 256 * Int(bytes[1])
        let moved = withUnsafeBytes(of: UInt64(length + count).littleEndian) { Array($0) }
        return moved + bytes[8..<8 + length] + [UInt8](repeating: 0x20, count: count)
            + bytes[(8 + length)...]
    }

    /// The bytes with one thing changed, and what it was.
    func damaged(using generator: inout Splitter) -> (String, [UInt8]) {
        var copy = bytes
        let headerEnd = 8 + Int(bytes[0]) + 256 * Int(bytes[1])
        switch Int.random(in: 0..<9, using: &generator) {
        case 0:
            let count = Int.random(in: 0..<bytes.count, using: &generator)
            return ("cut to \(count) bytes", Array(bytes.prefix(count)))
        case 1:
            let place = Int.random(in: 0..<headerEnd, using: &generator)
            copy[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            return ("a bit flipped at \(place) of the header", copy)
        case 2:
            let place = Int.random(in: headerEnd..<bytes.count, using: &generator)
            copy[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            return ("a bit flipped at \(place) of the data", copy)
        case 3:
            let place = Int.random(in: headerEnd..<bytes.count, using: &generator)
            copy[place] = [0x7f, 0xff, 0x80, 0x7c].randomElement(using: &generator)!
            return ("an extreme byte at \(place)", copy)
        case 4:
            copy.append(UInt8.random(in: 0...255, using: &generator))
            return ("a byte too many", copy)
        case 5:
            let digits = (8..<headerEnd).filter { (48...57).contains(copy[$0]) }
            let place = digits.randomElement(using: &generator)!
            copy[place] = UInt8.random(in: 48...57, using: &generator)
            return ("another digit at \(place)", copy)
        case 6:
            let count = Int.random(in: 1...7, using: &generator)
            return ("moved by \(count) bytes", moved(by: count))
        case 7:
            // On both sides of the bound, and of what is finite.
            let number = [
                Bounds.magnitudeMax, -Bounds.magnitudeMax, Bounds.magnitudeMax.nextUp,
                -Bounds.magnitudeMax.nextUp, .greatestFiniteMagnitude, .infinity, .nan,
                .leastNonzeroMagnitude, 1.7e18,
            ].randomElement(using: &generator)!
            let place =
                headerEnd + Int.random(in: 0..<(bytes.count - headerEnd) / 4, using: &generator) * 4
            withUnsafeBytes(of: number.bitPattern.littleEndian) {
                copy.replaceSubrange(place..<place + 4, with: $0)
            }
            return ("\(number) at \(place)", copy)
        default:
            let words = [
                "\"F16\"", "\"BF16\"", "\"F32\"", "\"I64\"", "\"I32\"", "null", "\"labels\"",
                "\"offsets\"", "\"test\"", "\"score\"", "\"binary\"", "[3,4]", "[4]", "{}", "[]",
            ]
            let old = words.randomElement(using: &generator)!
            let new = words.randomElement(using: &generator)!
            var header = String(decoding: bytes[8..<headerEnd], as: UTF8.self)
                .replacingOccurrences(of: old, with: new)
            while header.utf8.count % 8 != 0 { header += " " }
            let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
            return ("\(old) for \(new)", length + Array(header.utf8) + bytes[headerEnd...])
        }
    }
}

/// SplitMix64: one seed, one sequence.
struct Splitter: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
