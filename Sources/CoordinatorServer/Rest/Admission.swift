// How many requests are under way, whether more are let in, and whether this server is leaving. Requests beyond the
// bound are refused at once, before their body is read, which keeps the accepted ones quick.
import LanguageSystem
import Synchronization

public final class Admission: Sendable {
    private let inFlightMax: Int
    private let inFlight = Atomic<Int>(0)
    private let leaving = Atomic<Bool>(false)
    private let ending = Atomic<Bool>(false)

    public init(inFlightMax: Int) {
        precondition(inFlightMax > 0, "a server serves a request at a time at least")
        self.inFlightMax = inFlightMax
    }

    public var inFlightCount: Int { inFlight.load(ordering: .relaxed) }

    /// Told to leave: not ready.
    var isLeaving: Bool { leaving.load(ordering: .relaxed) }
    /// Every answer says that its connection ends.
    var endsConnections: Bool { ending.load(ordering: .relaxed) }

    func beginLeaving() { leaving.store(true, ordering: .relaxed) }
    func beginEndingConnections() { ending.store(true, ordering: .relaxed) }

    /// Runs `body` unless too many are under way.
    ///
    /// - Throws: `busy`.
    func admit<Value>(_ body: () async throws -> Value) async throws -> Value {
        try enter()
        defer { leave() }
        return try await body()
    }

    /// So many more are under way, until they leave.
    ///
    /// - Throws: `busy`, and then none of them is.
    func enter(_ count: Int = 1) throws(CoordinatorError) {
        // Never more than there are, not even for a moment: another request would be refused for it.
        var found = inFlight.load(ordering: .relaxed)
        while true {
            guard found + count <= inFlightMax else { throw .tooManyInFlight(inFlightMax) }
            let (exchanged, original) = inFlight.weakCompareExchange(
                expected: found, desired: found + count, ordering: .relaxed)
            if exchanged { return }
            found = original
        }
    }

    func leave(_ count: Int = 1) { inFlight.subtract(count, ordering: .relaxed) }

    /// Runs `body` for a batch of so many requests, one of which has its place already: each takes one, but all together
    /// never more than there are.
    ///
    /// - Throws: `busy`.
    func admitRest<Value>(
        of batchCount: Int, _ body: () async throws -> Value
    ) async throws -> Value {
        let count = min(batchCount, inFlightMax) - 1
        try enter(count)
        defer { leave(count) }
        return try await body()
    }
}

extension CoordinatorError {
    static func tooManyInFlight(_ count: Int) -> Self {
        Self(
            .busy, "cannot rerank now: \(count) requests are under way already",
            hint: "retry after a second, or start another lscoord")
    }
}
