// WorkerMessage to and from `WorkerReport`.
import Foundation
public import LanguageSystem

extension WorkerReport {
    public init(_ message: Languagesystem_V1_WorkerMessage) throws(CoordinatorError) {
        switch message.message {
        case .hello(let hello): self = .hello(try WorkerIntroduction(hello))
        case .heartbeat(let heartbeat):
            try WireLimits.check(
                "heartbeat", count: heartbeat.leases.count, max: WireLimits.leaseCountMax)
            var leases: [WireLeaseProgress] = []
            for lease in heartbeat.leases { leases.append(try WireLeaseProgress(lease)) }
            self = .heartbeat(leases)
        case .inventory(let inventory): self = .inventory(try [Digest](wire: inventory.heldDigests))
        case .draining: self = .draining
        case .localData(let data): self = .localData(try LocalData(data))
        case .availability(let message): self = .availability(takesTasks: message.takesTasks)
        case .rerankScores(let answer): self = .rerankScores(try RerankScores(answer))
        case nil: throw .malformedOnTheWire("worker's message", "it is empty")
        }
    }
}

extension WorkerIntroduction {
    public init(_ message: Languagesystem_V1_Hello) throws(CoordinatorError) {
        guard (1...WireLimits.capacityMax).contains(Int(clamping: message.capacity)) else {
            throw .malformedOnTheWire(
                "hello",
                "found capacity \(message.capacity), expected 1 to \(WireLimits.capacityMax)")
        }
        try WireLimits.check(
            "hello", count: message.heldLeases.count, max: WireLimits.leaseCountMax)
        try WireLimits.check("hello", count: message.taskKinds.count, max: 64)
        var leases: [WireLeaseToken] = []
        for token in message.heldLeases { leases.append(try WireLeaseToken(wire: token)) }
        // A newer worker may know kinds that we do not: it is not given any of those.
        let kinds = message.taskKinds.compactMap(TaskKind.init(rawValue:))
        guard !kinds.isEmpty || message.reranks else {
            throw .malformedOnTheWire("hello", "it names no kind of task that is known here")
        }
        try WireLimits.check("hello", count: message.domains.count, max: WireLimits.domainCountMax)
        var domains: [DomainPattern] = []
        for text in message.domains { domains.append(try DomainPattern(text)) }
        self.init(
            programVersion: WireLimits.line(message.programVersion),
            capacity: Int(message.capacity), taskKinds: kinds,
            heldDigests: try [Digest](wire: message.heldDigests), heldLeases: leases,
            domains: domains.isEmpty ? nil : domains,
            taskByteCountMax: message.taskByteCountMax == 0
                ? nil : Int64(clamping: message.taskByteCountMax), reranks: message.reranks)
    }
}

extension WireLeaseProgress {
    public init(_ message: Languagesystem_V1_LeaseProgress) throws(CoordinatorError) {
        guard message.progress.isFinite, (0...1).contains(message.progress) else {
            throw .malformedOnTheWire(
                "heartbeat", "found progress \(message.progress), expected 0 to 1")
        }
        self.init(
            token: try WireLeaseToken(wire: message.leaseToken), progress: message.progress,
            note: WireLimits.line(message.note))
    }
}

extension [Digest] {
    init(wire digests: [Data]) throws(CoordinatorError) {
        try WireLimits.check(
            "inventory", count: digests.count, max: WireLimits.heldDigestCountMax)
        self = []
        for digest in digests { append(try Digest(wire: digest)) }
    }
}

extension Languagesystem_V1_WorkerMessage {
    public init(_ report: WorkerReport) {
        self.init()
        switch report {
        case .hello(let introduction):
            hello.programVersion = introduction.programVersion
            hello.capacity = UInt32(introduction.capacity)
            hello.taskKinds = introduction.taskKinds.map(\.rawValue)
            hello.heldDigests = introduction.heldDigests.map(\.wire)
            hello.heldLeases = introduction.heldLeases.map(\.description)
            hello.domains = introduction.domains?.map(\.description) ?? []
            hello.taskByteCountMax = UInt64(introduction.taskByteCountMax ?? 0)
            hello.reranks = introduction.reranks
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
        case .rerankScores(let answer): rerankScores = Languagesystem_V1_RerankScores(answer)
        }
    }
}
