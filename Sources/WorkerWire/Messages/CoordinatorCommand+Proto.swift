// CoordinatorMessage to and from `CoordinatorCommand`.
public import LanguageSystem

extension CoordinatorCommand {
    public init(_ message: Languagesystem_V1_CoordinatorMessage) throws(LanguageSystemError) {
        switch message.message {
        case .welcome(let welcome):
            let interval = Duration.milliseconds(welcome.heartbeatMilliseconds)
            self = .welcome(
                workerName: WireLimits.line(welcome.workerName),
                coordinatorVersion: WireLimits.line(welcome.coordinatorVersion),
                heartbeatInterval: min(
                    max(interval, WireLimits.heartbeatIntervals.lowerBound),
                    WireLimits.heartbeatIntervals.upperBound))
        case .task(let lease): self = .begin(try TaskLease(lease))
        case .heartbeatReply(let reply):
            self = .stop(
                lost: try [LeaseToken](wire: reply.lostLeases),
                cancelled: try [LeaseToken](wire: reply.cancelledLeases),
                leaseDuration: .milliseconds(reply.leaseMilliseconds))
        case .localDataReply(let reply): self = .refuse(try [DataRefusal](reply))
        case .prefetch(let message):
            try WireLimits.check(
                "prefetch", count: message.features.count, max: WireLimits.prefetchCountMax)
            var blobs: [BlobReference] = []
            for blob in message.features {
                blobs.append(
                    try BlobReference(blob, byteCountMax: WireLimits.featuresByteCountMax))
            }
            self = .prefetch(blobs)
        case .rerank(let work): self = .rerank(try EdgeRerankOrder(work))
        case nil: throw .malformedOnTheWire("coordinator's message", "it is empty")
        }
    }
}

extension [LeaseToken] {
    init(wire tokens: [String]) throws(LanguageSystemError) {
        try WireLimits.check("heartbeat reply", count: tokens.count, max: WireLimits.leaseCountMax)
        self = []
        for token in tokens { append(try LeaseToken(wire: token)) }
    }
}

extension Languagesystem_V1_CoordinatorMessage {
    public init(_ command: CoordinatorCommand) {
        self.init()
        switch command {
        case .welcome(let workerName, let coordinatorVersion, let heartbeatInterval):
            welcome.workerName = workerName
            welcome.coordinatorVersion = coordinatorVersion
            welcome.heartbeatMilliseconds = heartbeatInterval.wireMilliseconds
        case .begin(let lease): task = Languagesystem_V1_TaskLease(lease)
        case .stop(let lost, let cancelled, let leaseDuration):
            var reply = Languagesystem_V1_HeartbeatReply()
            reply.lostLeases = lost.map(\.description)
            reply.cancelledLeases = cancelled.map(\.description)
            reply.leaseMilliseconds = leaseDuration.wireMilliseconds
            heartbeatReply = reply
        case .refuse(let refusals):
            localDataReply = Languagesystem_V1_LocalDataReply(refusals)
        case .prefetch(let blobs):
            prefetch.features = blobs.map(Languagesystem_V1_BlobReference.init)
        case .rerank(let order): rerank = Languagesystem_V1_RerankWork(order)
        }
    }
}

extension Duration {
    /// The duration in milliseconds, rounded down and clamped to 0 ... 2^32 - 1.
    var wireMilliseconds: UInt32 {
        UInt32(
            clamping: self / .milliseconds(1) >= 4e9
                ? Int64(UInt32.max)
                : components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000)
    }
}
