// How many threads, bytes and moments reranking may take.
public import RankerMath

public struct RerankerSettings: Sendable {
    /// How many threads score.
    public var threadCount: Int
    /// How many bytes of weights are kept in memory.
    public var cacheByteCountMax: Int
    /// How many requests may wait for a thread; one more is refused as `busy`.
    public var queueDepthMax: Int
    /// The precision of the projection's products; bfloat16 also halves what a ranker takes in
    /// memory.
    public var precision: Precision
    /// How long one request waits for workers to score the rankers that are placed on them, however
    /// many are asked.
    public var edgeDeadline: Duration
    /// How long a request waits for weights that are being read.
    public var loadPatience: Duration

    public init(
        threadCount: Int, cacheByteCountMax: Int, queueDepthMax: Int = 256,
        precision: Precision = .bfloat16, edgeDeadline: Duration = .milliseconds(200),
        loadPatience: Duration = .seconds(2)
    ) {
        self.threadCount = threadCount
        self.cacheByteCountMax = cacheByteCountMax
        self.queueDepthMax = queueDepthMax
        self.precision = precision
        self.edgeDeadline = edgeDeadline
        self.loadPatience = loadPatience
    }
}
