// Who is offered how many of the waiting tasks. The database decides which tasks; here, that all
// workers with free places get their share, that those that hold the features come first, and that
// no call asks for more workers than it should.
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
        /// Whether its owner does not allow every task, or its program does not know how to do
        /// each, so that what waits may not be for it.
        public let isRestricted: Bool

        public init(
            worker: WorkerID, kinds: [TaskKind], freeCount: Int, heldDigests: Set<Digest> = [],
            isRestricted: Bool = false
        ) {
            self.worker = worker
            self.kinds = kinds
            self.freeCount = freeCount
            self.heldDigests = heldDigests
            self.isRestricted = isRestricted
        }
    }

    /// How many workers one statement asks for: its transaction locks what it hands out.
    public static let workerCountMax = 64

    /// Offers for one statement, best first; none when nothing that waits suits anybody.
    ///
    /// Each worker is offered an equal share of what waits, rounded up: with more tasks than places
    /// everybody is filled, with fewer they are spread. Who has tasks at home is offered those
    /// first, whoever is restricted what others leave.
    ///
    /// - Parameter start: Where to begin among equals, so that nobody is always first.
    public static func offers(
        to candidates: [Candidate], of waiting: [WaitingTasks], startingAt start: Int = 0
    ) -> [LeaseOffer] {
        let common = waiting.filter { $0.home == nil && $0.count > 0 }
        let atHome = waiting.reduce(into: [WorkerID: [WaitingTasks]]()) {
            if let home = $1.home { $0[home, default: []].append($1) }
        }
        func homeCount(_ candidate: Candidate) -> Int {
            (atHome[candidate.worker] ?? []).reduce(0) {
                candidate.kinds.contains($1.kind) ? $0 + $1.count : $0
            }
        }
        let free = candidates.filter { $0.freeCount > 0 }
        let suited = free.filter { candidate in
            common.contains { candidate.kinds.contains($0.kind) }
        }
        let total = common.reduce(0) { $0 + $1.count }
        let share = suited.isEmpty ? 0 : (total + suited.count - 1) / suited.count
        let needed = free.filter { homeCount($0) > 0 }.map { candidate in
            LeaseOffer(
                worker: candidate.worker, kinds: candidate.kinds,
                countMax: min(candidate.freeCount, homeCount(candidate) + share))
        }
        let isNeeded = Set(needed.map(\.worker))
        return Array(
            (needed + shared(suited.filter { !isNeeded.contains($0.worker) }, common, share, start))
                .prefix(workerCountMax))
    }

    /// Offers of what any worker may have.
    private static func shared(
        _ suited: [Candidate], _ waiting: [WaitingTasks], _ share: Int, _ start: Int
    ) -> [LeaseOffer] {
        guard !suited.isEmpty else { return [] }
        let wanted = waiting.reduce(into: Set<Digest>()) { $0.formUnion($1.digests) }
        let total = waiting.reduce(0) { $0 + $1.count }
        let offset = start % suited.count
        let ordered = Array(suited[offset...] + suited[..<offset]).map {
            ($0, $0.heldDigests.intersection(wanted))
        }
        let holders = ordered.filter { !$0.1.isEmpty && !$0.0.isRestricted }
        let others = ordered.filter { $0.1.isEmpty && !$0.0.isRestricted }
        let restricted = ordered.filter(\.0.isRestricted)
        // One that takes nothing must not stand in the place of one that would.
        return ((holders + others).prefix(total) + restricted).map { candidate, held in
            LeaseOffer(
                worker: candidate.worker, kinds: candidate.kinds,
                countMax: min(candidate.freeCount, share),
                heldDigests: held.sorted { $0.description < $1.description })
        }
    }
}
