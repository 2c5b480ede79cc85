// What stays in memory, and what leaves it.
import RankerMath
import Rankers
import Testing

@Suite struct `Byte-bounded cache` {
    @Test func `what was used longest ago leaves first`() {
        var cache = ByteBoundedCache<String, Int>(byteCountMax: 10)
        cache.insert(1, for: "a", byteCount: 4)
        cache.insert(2, for: "b", byteCount: 4)
        #expect(cache.value(for: "a") == 1)
        cache.insert(3, for: "c", byteCount: 4)
        #expect(cache.value(for: "b") == nil)
        #expect(cache.value(for: "a") == 1 && cache.value(for: "c") == 3)
    }

    @Test func `what is larger than the cache is not kept`() {
        var cache = ByteBoundedCache<String, Int>(byteCountMax: 10)
        cache.insert(1, for: "a", byteCount: 4)
        cache.insert(2, for: "b", byteCount: 11)
        #expect(cache.value(for: "b") == nil && cache.value(for: "a") == 1)
    }

    @Test(arguments: 1...20) func `evicts in the order of use and never what is pinned`(
        seed: Int
    ) {
        var generator = Generator(seed: UInt64(seed), stream: 0)
        var cache = ByteBoundedCache<Int, Int>(byteCountMax: 30)
        // The same, spelled out: all that is there, longest unused first.
        var expected: [(key: Int, byteCount: Int, isPinned: Bool)] = []
        for _ in 0..<1_000 {
            let key = Int.random(in: 0..<15, using: &generator)
            let place = expected.firstIndex { $0.key == key }
            switch Int.random(in: 0..<8, using: &generator) {
            case 0...2:
                #expect((cache.value(for: key) != nil) == (place != nil))
                if let place { expected.append(expected.remove(at: place)) }
            case 3 where expected.filter(\.isPinned).count < 3:
                #expect(cache.pin(key) == (place != nil))
                if let place { expected[place].isPinned = true }
            case 4:
                cache.unpin(key)
                if let place, expected[place].isPinned {
                    var entry = expected.remove(at: place)
                    entry.isPinned = false
                    expected.append(entry)
                }
            default:
                let cost = Int.random(in: 0...8, using: &generator)
                cache.insert(key, for: key, byteCount: cost)
                let wasPinned = place.map { expected.remove(at: $0).isPinned } ?? false
                let pinned = expected.filter(\.isPinned).reduce(0) { $0 + $1.byteCount }
                guard pinned + cost <= 30 else { break }
                while expected.reduce(cost, { $0 + $1.byteCount }) > 30,
                    let oldest = expected.firstIndex(where: { !$0.isPinned })
                {
                    expected.remove(at: oldest)
                }
                expected.append((key, cost, wasPinned))
            }
            #expect(cache.count == expected.count)
            #expect(cache.byteCount == expected.reduce(0) { $0 + $1.byteCount })
            #expect(cache.pinnedCount == expected.count { $0.isPinned })
        }
        for entry in expected { #expect(cache.value(for: entry.key) == entry.key) }
    }

    @Test(arguments: 1...20) func `never holds more than its bytes, and counts them right`(
        seed: Int
    ) {
        var generator = Generator(seed: UInt64(seed), stream: 0)
        var cache = ByteBoundedCache<Int, Int>(byteCountMax: 100)
        for _ in 0..<500 {
            let key = Int.random(in: 0..<20, using: &generator)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0 where cache.pinnedByteCount < 40: cache.pin(key)
            case 1: cache.unpin(key)
            default: break
            }
            #expect((0...cache.byteCount).contains(cache.pinnedByteCount))
            if Bool.random(using: &generator) {
                cache.insert(key, for: key, byteCount: Int.random(in: 0...60, using: &generator))
            } else if let value = cache.value(for: key) {
                #expect(value == key)
            }
            #expect((0...100).contains(cache.byteCount))
            #expect(cache.count > 0 || cache.byteCount == 0)
        }
    }
}
