// WorkerHello to and from its message. Its process travels as metadata of the call.
public import LanguageSystem

extension WorkerHello {
    public init(_ message: Languagesystem_V1_Hello) throws(LanguageSystemError) {
        guard (1...WireLimits.capacityMax).contains(Int(clamping: message.capacity)) else {
            throw .malformedOnTheWire(
                "hello",
                "found capacity \(message.capacity), expected 1 to \(WireLimits.capacityMax)")
        }
        try WireLimits.check(
            "hello", count: message.heldLeases.count, max: WireLimits.leaseCountMax)
        try WireLimits.check("hello", count: message.taskKinds.count, max: 64)
        var leases: [LeaseToken] = []
        for token in message.heldLeases { leases.append(try LeaseToken(wire: token)) }
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
                ? nil : Int64(clamping: message.taskByteCountMax), reranks: message.reranks,
            combinesSignals: message.combinesSignals)
    }
}

extension Languagesystem_V1_Hello {
    init(_ hello: WorkerHello) {
        self.init()
        programVersion = hello.programVersion
        capacity = UInt32(hello.capacity)
        taskKinds = hello.taskKinds.map(\.rawValue)
        heldDigests = hello.heldDigests.map(\.wire)
        heldLeases = hello.heldLeases.map(\.description)
        domains = hello.domains?.map(\.description) ?? []
        taskByteCountMax = UInt64(hello.taskByteCountMax ?? 0)
        reranks = hello.reranks
        combinesSignals = hello.combinesSignals
    }
}
