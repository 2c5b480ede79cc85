// What a worker is told when it starts: how much it takes, what its owner allows, where its data
// is.
import WorkerWire

public struct EdgeSettings: Sendable {
    /// How many tasks run at once, 1 to `WireLimits.capacityMax`.
    public var capacity: Int
    /// What the machine's owner allows.
    public var policy: WorkPolicy
    /// How many threads each task works with, at least 1.
    public var threadCount: Int
    /// By how much the priority of working threads is lowered, 0 to 19.
    public var nice: Int
    /// How much memory this process may take; nil: any.
    public var memoryByteCountMax: Int64?
    /// Where feature files are that never leave this machine; nil: there are none.
    public var dataDirectory: String?
    /// Whose data they are; nil: nobody's in particular.
    public var dataUser: String?
    /// How large the cache of blobs may become.
    public var cacheByteCountMax: Int64
    /// How long running tasks may take to finish once the worker is told to leave.
    public var drainDuration: Duration

    public init(
        capacity: Int = 1, policy: WorkPolicy = WorkPolicy(), threadCount: Int, nice: Int = 0,
        memoryByteCountMax: Int64? = nil, dataDirectory: String? = nil, dataUser: String? = nil,
        cacheByteCountMax: Int64 = 8 << 30, drainDuration: Duration = .seconds(20)
    ) {
        precondition((1...WireLimits.capacityMax).contains(capacity) && threadCount >= 1)
        precondition((0...19).contains(nice), "a priority is lowered by 0 to 19")
        self.capacity = capacity
        self.policy = policy
        self.threadCount = threadCount
        self.nice = nice
        self.memoryByteCountMax = memoryByteCountMax
        self.dataDirectory = dataDirectory
        self.dataUser = dataUser
        self.cacheByteCountMax = cacheByteCountMax
        self.drainDuration = drainDuration
    }
}
