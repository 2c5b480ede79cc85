// What keeps reranking quick: one read however many wait, a bound in bytes, a bound on who may
// wait.
import Foundation
import LanguageSystem
import RankerMath
import Rankers
import Testing

@testable import Coordination

@Suite struct `Ranker cache` {
    static func scorer(_ bytes: [UInt8]) throws -> RankerScorer {
        RankerScorer(try RankerWeights(safetensors: bytes))
    }

    /// The other tests may have all of the machine.
    static let patience: Duration = .seconds(300)

    static let file = RankerWeights(fresh: .preset(kind: .pointwise, hiddenSize: 8), seed: 1)
        .safetensors()

    /// Counts reads; the first ones fail.
    actor Source {
        private(set) var readCount = 0
        var failuresLeft: Int

        init(failures: Int = 0) { failuresLeft = failures }

        func read() async throws -> [UInt8] {
            readCount += 1
            try await Task.sleep(for: .milliseconds(20))
            if failuresLeft > 0 {
                failuresLeft -= 1
                throw LanguageSystemError(.unavailable, "cannot read: the database is away")
            }
            return `Ranker cache`.file
        }
    }

    static func digest(_ number: UInt8) -> Digest {
        Digest(bytes: [UInt8](repeating: number, count: 32))!
    }

    @Test func `a cache's miss reads once, whatever the number that waits`() async throws {
        let source = Source()
        let cache = RankerCache(byteCountMax: 1 << 20, patience: Self.patience) { _ in
            try Self.scorer(try await source.read())
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { _ = try await cache.scorer(for: Self.digest(1)) } }
            try await group.waitForAll()
        }
        #expect(await source.readCount == 1)
        _ = try await cache.scorer(for: Self.digest(1))
        #expect(await source.readCount == 1)
    }

    @Test func `a failed read of weights is told to all who wait and not remembered`() async throws
    {
        let source = Source(failures: 1)
        let cache = RankerCache(byteCountMax: 1 << 20, patience: Self.patience) { _ in
            try Self.scorer(try await source.read())
        }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<5 {
                group.addTask { (try? await cache.scorer(for: Self.digest(1))) == nil }
            }
            for await failed in group { #expect(failed) }
        }
        _ = try await cache.scorer(for: Self.digest(1))
        #expect(await source.readCount == 2)
    }

    @Test func `a read of weights that does not end is waited for once, and not for long`()
        async throws
    {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let cache = RankerCache(byteCountMax: 1 << 20, patience: .milliseconds(50)) { _ in
            for await _ in gate {}
            return try Self.scorer(Self.file)
        }
        for number in [1, 2] as [UInt8] {
            let error = await #expect(throws: LanguageSystemError.self) {
                try await cache.scorer(for: Self.digest(number))
            }
            #expect(error?.code == .unavailable)
        }
        // The second did not even ask.
        #expect(cache.counts.misses == 1)
        open.finish()
        while cache.known(Self.digest(1)) == nil { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test func `whoever leaves while weights are read says nothing of the database`() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let cache = RankerCache(byteCountMax: 1 << 20, patience: Self.patience) { digest in
            if digest == Self.digest(1) { for await _ in gate {} }
            return try Self.scorer(Self.file)
        }
        let waiting = Task { try await cache.scorer(for: Self.digest(1)) }
        while cache.counts.misses == 0 { await Task.yield() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        _ = try await cache.scorer(for: Self.digest(2))
        open.finish()
    }

    @Test func `a version that is nobody's champion takes no pin along`() async throws {
        let cache = RankerCache(byteCountMax: 1 << 20, patience: Self.patience) { _ in
            try Self.scorer(Self.file)
        }
        let ranker = RankerID(1)
        _ = try await cache.scorer(for: Self.digest(1), of: ranker)
        try cache.pin(ranker, Self.digest(1), for: "app")
        _ = try await cache.scorer(for: Self.digest(2))
        cache.unpin(RankerID(2), by: "app")
        #expect(cache.counts.pinned == 1 && cache.isPinned(ranker, by: "app"))
        let size = RankerScorer(try RankerWeights(safetensors: Self.file)).byteCount
        let small = RankerCache(byteCountMax: 4 * size, patience: Self.patience) { _ in
            try Self.scorer(Self.file)
        }
        _ = try await small.scorer(for: Self.digest(1), of: ranker)
        try small.pin(ranker, Self.digest(1), for: "app")
        _ = try await small.scorer(for: Self.digest(2))
        for number in 10..<30 as Range<UInt8> {
            _ = try await small.scorer(for: Self.digest(number))
        }
        #expect(small.known(Self.digest(1)) != nil && small.known(Self.digest(2)) == nil)
    }

    @Test func `a cache counts what it had and what it read, and what its weights take`()
        async throws
    {
        let source = Source()
        let cache = RankerCache(byteCountMax: 1 << 20, patience: Self.patience) { _ in
            try Self.scorer(try await source.read())
        }
        for number in [1, 2, 1, 1] as [UInt8] {
            _ = try await cache.scorer(for: Self.digest(number))
        }
        let counts = cache.counts
        #expect(counts.hits == 2 && counts.misses == 2 && counts.rankers == 2)
        let scorer = try await cache.scorer(for: Self.digest(1))
        #expect(counts.byteCount == 2 * scorer.byteCount)
    }

    @Test(arguments: [RankerKind.listwise, .pointwise])
    func `a ranker takes within 5 % of its weights in memory, half with bfloat16`(kind: RankerKind)
    {
        let weights = RankerWeights(fresh: .preset(kind: kind, hiddenSize: 4_096), seed: 1)
        let size = Double(weights.safetensors().count)
        let whole = RankerScorer(weights)
        #expect((0.95...1.05).contains(Double(whole.byteCount) / size))
        let half = RankerScorer(weights, precision: .bfloat16)
        if half.precision == .bfloat16 {
            #expect(Double(half.byteCount) / size < 0.6)
        }
    }

    @Test func `a pinned ranker stays, and its next version instead of it`() async throws {
        let size = RankerScorer(try RankerWeights(safetensors: Self.file)).byteCount
        let cache = RankerCache(byteCountMax: 4 * size, patience: Self.patience) { _ in
            try Self.scorer(Self.file)
        }
        let ranker = RankerID(1)
        _ = try await cache.scorer(for: Self.digest(1), of: ranker)
        try cache.pin(ranker, Self.digest(1), for: "app")
        for number in 10..<30 as Range<UInt8> {
            _ = try await cache.scorer(for: Self.digest(number))
        }
        #expect(cache.known(Self.digest(1)) != nil)
        _ = try await cache.scorer(for: Self.digest(2), of: ranker)
        for number in 10..<30 as Range<UInt8> {
            _ = try await cache.scorer(for: Self.digest(number))
        }
        #expect(cache.known(Self.digest(1)) == nil && cache.known(Self.digest(2)) != nil)
        #expect(cache.counts.pinned == 1)
        cache.unpin(ranker, by: "app")
        #expect(cache.counts.pinned == 0)
    }

    @Test func `a pin follows a champion that is in memory already, and no pin of a version does`()
        async throws
    {
        let cache = RankerCache(byteCountMax: 1 << 24, patience: Self.patience) { _ in
            try Self.scorer(Self.file)
        }
        let ranker = RankerID(1)
        for number in 1...3 as ClosedRange<UInt8> {
            _ = try await cache.scorer(for: Self.digest(number))
        }
        try cache.pin(ranker, Self.digest(1), for: "a")
        try cache.pin(ranker, Self.digest(1), for: "b", follows: false)
        // As a shadow, or by a name of a version: nobody's champion.
        #expect(cache.known(Self.digest(2)) != nil)
        #expect(cache.isPinned(ranker, Self.digest(1), by: "a"))
        #expect(cache.known(Self.digest(2), of: ranker) != nil)
        #expect(cache.isPinned(ranker, Self.digest(2), by: "a"))
        #expect(cache.isPinned(ranker, Self.digest(1), by: "b"))
        _ = try await cache.scorer(for: Self.digest(4), of: ranker)
        #expect(cache.isPinned(ranker, Self.digest(4), by: "a"))
        #expect(cache.isPinned(ranker, Self.digest(1), by: "b") && cache.counts.pinned == 2)
    }

    @Test(arguments: [1, 3]) func `a ranker that no pin has room for is refused with both sizes`(
        room: Int
    ) async throws {
        let scorer = try Self.scorer(Self.file)
        // It does not fit at all, or fits and fills more than a key's part.
        let most = scorer.byteCount * room / 2
        let cache = RankerCache(byteCountMax: most, patience: Self.patience) { _ in scorer }
        _ = try await cache.scorer(for: Self.digest(1))
        let error = #expect(throws: LanguageSystemError.self) {
            try cache.pin(
                RankerID(1), Self.digest(1), takes: scorer.byteCount, for: "a")
        }
        #expect(error?.code == .tooLarge)
        #expect(error?.message.contains("it takes \(scorer.byteCount) bytes") == true)
        #expect(error?.message.contains("at most \(most / 4)") == true)
    }

    @Test func `no more than half of the cache is pinned, and a quarter for one key`() async throws
    {
        let size = RankerScorer(try RankerWeights(safetensors: Self.file)).byteCount
        let cache = RankerCache(byteCountMax: 8 * size, patience: Self.patience) { _ in
            try Self.scorer(Self.file)
        }
        func pin(_ number: Int, for holder: String) async throws -> Bool {
            let digest = Self.digest(UInt8(number))
            _ = try await cache.scorer(for: digest)
            do {
                try cache.pin(RankerID(Int64(number)), digest, for: holder)
                return true
            } catch {
                #expect(error.code == .tooLarge)
                return false
            }
        }
        #expect(try await pin(1, for: "a"))
        #expect(try await pin(2, for: "a"))
        #expect(try await pin(3, for: "a") == false, "a quarter is pinned for it")
        #expect(try await pin(2, for: "a"), "again is nothing more")
        #expect(try await pin(3, for: "b"))
        #expect(try await pin(2, for: "b"), "what another pinned, too")
        #expect(try await pin(4, for: "b") == false)
        #expect(try await pin(4, for: "c"))
        #expect(try await pin(5, for: "c") == false, "half is pinned for all")
        #expect(cache.counts.pinned == 4)
        cache.unpin(RankerID(1), by: "a")
        #expect(try await pin(5, for: "c"))
    }

    @Test func `a pin is its key's own: no other undoes it, and it goes with the key`()
        async throws
    {
        let cache = RankerCache(byteCountMax: 1 << 24, patience: Self.patience) { _ in
            try Self.scorer(Self.file)
        }
        let (one, two) = (RankerID(1), RankerID(2))
        _ = try await cache.scorer(for: Self.digest(1))
        _ = try await cache.scorer(for: Self.digest(2))
        try cache.pin(one, Self.digest(1), for: "a")
        try cache.pin(one, Self.digest(1), for: "b")
        try cache.pin(two, Self.digest(2), for: "a")
        // Rankers of the same weights are pinned each by itself.
        try cache.pin(RankerID(3), Self.digest(2), for: "c")
        cache.unpin(one, by: "c")
        cache.unpin(two, by: "b")
        #expect(cache.counts.pinned == 2 && cache.isPinned(one, by: "a"))
        #expect(!cache.isPinned(one, by: "c"))
        cache.unpin(one, by: "a")
        #expect(cache.isPinned(one, by: "b") && !cache.isPinned(one, by: "a"))
        #expect(cache.counts.pinned == 2)
        // Its next version is pinned for those who want it.
        _ = try await cache.scorer(for: Self.digest(4), of: one)
        #expect(cache.isPinned(one, by: "b") && cache.counts.pinned == 2)
        cache.keepPins(of: ["a", "c"])
        #expect(!cache.isPinned(one, by: "b") && cache.counts.pinned == 1)
        cache.keepPins(of: ["c"])
        #expect(cache.isPinned(RankerID(3), by: "c") && cache.counts.pinned == 1)
        cache.keepPins(of: [])
        #expect(cache.counts.pinned == 0)
        // Two keys may want two versions of one ranker: neither says which the other has.
        try cache.pin(one, Self.digest(1), for: "a")
        try cache.pin(one, Self.digest(2), for: "b")
        #expect(cache.isPinned(one, Self.digest(1), by: "a") && cache.counts.pinned == 2)
        #expect(!cache.isPinned(one, Self.digest(1), by: "b"))
        cache.unpin(one, by: "b")
        #expect(cache.isPinned(one, Self.digest(1), by: "a") && cache.counts.pinned == 1)
    }

    @Test(arguments: 1...20) func `pins are counted right, whoever pins and lets go`(seed: Int)
        async throws
    {
        var random = SplitMix(state: UInt64(seed))
        let cache = RankerCache(byteCountMax: 1 << 24, patience: Self.patience) { _ in
            try Self.scorer(Self.file)
        }
        for number in 0..<6 as Range<UInt8> { _ = try await cache.scorer(for: Self.digest(number)) }
        struct Pin: Hashable {
            let ranker: RankerID
            let holder: String
        }
        var expected: [Pin: UInt8] = [:]
        for _ in 0..<300 {
            let ranker = RankerID(Int64.random(in: 0..<4, using: &random))
            let holder = ["a", "b", "c"].randomElement(using: &random) ?? "a"
            switch Int.random(in: 0..<9, using: &random) {
            case 0..<5:
                let digest = UInt8.random(in: 0..<6, using: &random)
                try cache.pin(ranker, Self.digest(digest), for: holder)
                expected[Pin(ranker: ranker, holder: holder)] = digest
            case 5..<8:
                cache.unpin(ranker, by: holder)
                expected[Pin(ranker: ranker, holder: holder)] = nil
            default:
                cache.keepPins(
                    of: ["a", "b", "c"].filter { $0 != holder }.reduce(into: []) { $0.insert($1) })
                expected = expected.filter { $0.key.holder != holder }
            }
            #expect(cache.counts.pinned == Set(expected.values).count)
            for ranker in (0..<4).map({ RankerID(Int64($0)) }) {
                for holder in ["a", "b", "c"] {
                    let digest = expected[Pin(ranker: ranker, holder: holder)]
                    #expect(cache.isPinned(ranker, by: holder) == (digest != nil))
                    if let digest {
                        #expect(cache.isPinned(ranker, Self.digest(digest), by: holder))
                    }
                }
            }
        }
    }

    @Test func `bytes that are no ranker are refused by a cache`() async {
        let cache = RankerCache(byteCountMax: 1 << 20, patience: Self.patience) { _ in
            try Self.scorer([1, 2, 3])
        }
        let error = await #expect(throws: LanguageSystemError.self) {
            try await cache.scorer(for: Self.digest(1))
        }
        #expect(error?.code == .invalidWeights)
    }
}
