// Who is offered how many of the waiting tasks. The database decides which tasks; here, that all
// workers with free places get their share, that those that hold the features come first, and that no
// call asks for more workers than it should.
public import LanguageSystem
public import Ledger

/// One look at the queue turned into offers, as a value.
public struct FillPlan: Sendable {
    /// A connected worker with free places.
    public struct Candidate: Sendable, Equatable {
        public let worker: WorkerID
        public let kinds: [TaskKind]
        public let freeCount: Int
        public let heldDigests: Set<Digest>

        public init(
            worker: WorkerID, kinds: [TaskKind], freeCount: Int, heldDigests: Set<Digest> = []
        ) {
            self.worker = worker
            self.kinds = kinds
            self.freeCount = freeCount
            self.heldDigests = heldDigests
        }
    }

    /// Workers in one statement: its transaction locks what it hands out.
    public static let workerCountMax = 64

    /// Offers for one statement, best first; none when nothing that waits suits anybody.
    ///
    /// Each worker is offered an equal share of what waits, rounded up: with more tasks than places
    /// everybody is filled, with fewer they are spread.
    ///
    /// - Parameter start: Where to begin among equals, so that nobody is always first.
    public static func offers(
        to candidates: [Candidate], of waiting: [WaitingTasks], startingAt start: Int = 0
    ) -> [LeaseOffer] {
        let suited = candidates.filter { candidate in
            candidate.freeCount > 0
                && waiting.contains { candidate.kinds.contains($0.kind) && $0.count > 0 }
        }
        guard !suited.isEmpty else { return [] }
        let wanted = waiting.reduce(into: Set<Digest>()) { $0.formUnion($1.digests) }
        let total = waiting.reduce(0) { $0 + $1.count }
        let share = (total + suited.count - 1) / suited.count
        let offset = start % suited.count
        let ordered = Array(suited[offset...] + suited[..<offset]).map {
            ($0, $0.heldDigests.intersection(wanted))
        }
        let holders = ordered.filter { !$0.1.isEmpty }
        let others = ordered.filter { $0.1.isEmpty }
        return (holders + others).prefix(min(workerCountMax, total)).map { candidate, held in
            LeaseOffer(
                worker: candidate.worker, kinds: candidate.kinds,
                countMax: min(candidate.freeCount, share),
                heldDigests: held.sorted { $0.description < $1.description })
        }
    }
}
