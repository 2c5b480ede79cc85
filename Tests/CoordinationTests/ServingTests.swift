// What keeps reranking quick: one read however many wait, a bound in bytes, a bound on who may wait.
import Foundation
import LanguageSystem
import Rankers
import Testing

@testable import Coordination

@Suite struct `Ranker cache` {
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
                throw CoordinatorError(.unavailable, "cannot read: the database is away")
            }
            return `Ranker cache`.file
        }
    }

    static func digest(_ number: UInt8) -> Digest {
        Digest(bytes: [UInt8](repeating: number, count: 32))!
    }

    @Test func `a miss reads once, whatever the number that waits`() async throws {
        let source = Source()
        let cache = RankerCache(byteCountMax: 1 << 20) { _ in try await source.read() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { _ = try await cache.scorer(for: Self.digest(1)) } }
            try await group.waitForAll()
        }
        #expect(await source.readCount == 1)
        _ = try await cache.scorer(for: Self.digest(1))
        #expect(await source.readCount == 1)
    }

    @Test func `a failed read is told to all who wait and not remembered`() async throws {
        let source = Source(failures: 1)
        let cache = RankerCache(byteCountMax: 1 << 20) { _ in try await source.read() }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<5 {
                group.addTask { (try? await cache.scorer(for: Self.digest(1))) == nil }
            }
            for await failed in group { #expect(failed) }
        }
        _ = try await cache.scorer(for: Self.digest(1))
        #expect(await source.readCount == 2)
    }

    @Test func `bytes that are no ranker are refused`() async {
        let cache = RankerCache(byteCountMax: 1 << 20) { _ in [1, 2, 3] }
        let error = await #expect(throws: CoordinatorError.self) {
            try await cache.scorer(for: Self.digest(1))
        }
        #expect(error?.code == .invalidWeights)
    }
}

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

    @Test(arguments: 1...20) func `never holds more than its bytes, and counts them right`(
        seed: Int
    ) {
        var generator = SplitMix(state: UInt64(seed))
        var cache = ByteBoundedCache<Int, Int>(byteCountMax: 100)
        for _ in 0..<500 {
            let key = Int.random(in: 0..<20, using: &generator)
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

@Suite struct `Scoring threads` {
    @Test func `past the bound a request is refused at once as busy, the accepted ones are served`()
        async throws
    {
        let threads = ScoringThreads(threadCount: 1, depthMax: 2)
        let gate = DispatchSemaphore(value: 0)
        let outcomes = await withTaskGroup(of: ErrorCode?.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    do {
                        try await threads.run { gate.wait() }
                        return nil
                    } catch {
                        return (error as? CoordinatorError)?.code
                    }
                }
            }
            // Ten came; one is being served and two wait, or three wait and none has begun yet.
            var refused: [ErrorCode?] = []
            while refused.count < 7, let outcome = await group.next() { refused.append(outcome) }
            for _ in 0..<10 { gate.signal() }
            var served: [ErrorCode?] = []
            for await outcome in group { served.append(outcome) }
            return (refused, served)
        }
        #expect(outcomes.0.allSatisfy { $0 == .busy })
        #expect(outcomes.1.allSatisfy { $0 == nil || $0 == .busy })
        #expect(outcomes.1.contains { $0 == nil })
    }

    @Test func `what the body throws reaches the caller`() async {
        let threads = ScoringThreads(threadCount: 2, depthMax: 2)
        await #expect(throws: CoordinatorError.self) {
            try await threads.run { throw CoordinatorError(.invalidFeatures, "x") }
        }
    }
}
