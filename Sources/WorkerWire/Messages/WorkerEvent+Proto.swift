// WorkerMessage to and from `WorkerEvent`.
import Foundation
public import LanguageSystem

extension WorkerEvent {
    public init(_ message: Languagesystem_V1_WorkerMessage) throws(LanguageSystemError) {
        switch message.message {
        case .hello(let hello): self = .hello(try WorkerHello(hello))
        case .heartbeat(let heartbeat):
            try WireLimits.check(
                "heartbeat", count: heartbeat.leases.count, max: WireLimits.leaseCountMax)
            var leases: [LeaseProgress] = []
            for lease in heartbeat.leases { leases.append(try LeaseProgress(lease)) }
            self = .heartbeat(leases)
        case .inventory(let inventory): self = .inventory(try [Digest](wire: inventory.heldDigests))
        case .draining: self = .draining
        case .localData(let data): self = .localData(try LocalData(data))
        case .availability(let message): self = .availability(takesTasks: message.takesTasks)
        case .rerankScores(let reply): self = .reranked(try EdgeRerankReply(reply))
        case nil: throw .malformedOnTheWire("worker's message", "it is empty")
        }
    }
}

extension LeaseProgress {
    public init(_ message: Languagesystem_V1_LeaseProgress) throws(LanguageSystemError) {
        guard message.progress.isFinite, (0...1).contains(message.progress) else {
            throw .malformedOnTheWire(
                "heartbeat", "found progress \(message.progress), expected 0 to 1")
        }
        self.init(
            token: try LeaseToken(wire: message.leaseToken), progress: message.progress,
            note: WireLimits.line(message.note))
    }
}

extension [Digest] {
    init(wire digests: [Data]) throws(LanguageSystemError) {
        try WireLimits.check(
            "inventory", count: digests.count, max: WireLimits.heldDigestCountMax)
        self = []
        for digest in digests { append(try Digest(wire: digest)) }
    }
}

extension Languagesystem_V1_WorkerMessage {
    public init(_ event: WorkerEvent) {
        self.init()
        switch event {
        case .hello(let message): hello = Languagesystem_V1_Hello(message)
        case .heartbeat(let leases):
            var message = Languagesystem_V1_Heartbeat()
            message.leases = leases.map { lease in
                var message = Languagesystem_V1_LeaseProgress()
                message.leaseToken = lease.token.description
                message.progress = lease.progress
                message.note = WireLimits.line(lease.note)
                return message
            }
            heartbeat = message
        case .inventory(let digests):
            var message = Languagesystem_V1_Inventory()
            message.heldDigests = digests.map(\.wire)
            inventory = message
        case .draining: draining = Languagesystem_V1_Draining()
        case .localData(let data): localData = Languagesystem_V1_LocalData(data)
        case .availability(let takesTasks): availability.takesTasks = takesTasks
        case .reranked(let reply): rerankScores = Languagesystem_V1_RerankScores(reply)
        }
    }
}
