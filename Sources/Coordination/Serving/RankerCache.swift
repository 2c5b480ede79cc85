// Rankers ready to score, by the digest of their weights. A miss reads the weights once, whatever
// the number of requests that wait for it; a failed read is told to all of them and not remembered.
import LanguageSystem
import Rankers

/// Where weights come from on a miss.
typealias WeightsSource = @Sendable (Digest) async throws -> [UInt8]

actor RankerCache {
    private var ready: ByteBoundedCache<Digest, RankerScorer>
    private var loading: [Digest: Task<(RankerScorer, byteCount: Int), any Error>] = [:]
    private let source: WeightsSource
    private(set) var hitCount = 0
    private(set) var missCount = 0

    init(byteCountMax: Int, source: @escaping WeightsSource) {
        self.ready = ByteBoundedCache(byteCountMax: byteCountMax)
        self.source = source
    }

    /// - Throws: what the source throws; `invalidWeights` when the bytes are no ranker.
    func scorer(for digest: Digest) async throws -> RankerScorer {
        if let scorer = ready.value(for: digest) {
            hitCount += 1
            return scorer
        }
        missCount += 1
        if let running = loading[digest] { return try await running.value.0 }
        // Unstructured on purpose: the load belongs to all who wait, not to the first, who may leave.
        let load = Task { [source] in
            let bytes = try await source(digest)
            return (RankerScorer(try RankerWeights(safetensors: bytes)), byteCount: bytes.count)
        }
        loading[digest] = load
        do {
            let (scorer, byteCount) = try await load.value
            ready.insert(scorer, for: digest, byteCount: byteCount)
            loading[digest] = nil
            return scorer
        } catch {
            loading[digest] = nil
            throw error
        }
    }
}
