// Which reranks at the edge are under way, how many there may be, and what an answer is worth. It
// reads only the time it is given; DispatchHub sends, waits and wakes. Until a rerank is sent its
// features are kept here, and what waits in a session's queue is a number: one that nobody waits
// for any more weighs nothing.
import LanguageSystem

/// Reranks of all sessions, as a value: events go in, answers come out.
public struct EdgeReranks: Sendable {
    public typealias Number = UInt64

    enum Asked: Equatable {
        case accepted(Number)
        case ended(EdgeRerankResult)
    }

    private enum Phase {
        /// It waits in the session's queue.
        case unsent(EdgeRerank)
        case sent
        /// Nobody waits any more, but the worker has it and has not answered. It keeps its place
        /// until then: a worker that reads and never answers runs out of places and is not waited
        /// for each time.
        case late(until: ContinuousClock.Instant)
    }

    private struct Entry {
        let session: DispatchHub.SessionID
        let candidateCount: Int
        let deadline: ContinuousClock.Instant
        var phase: Phase

        var isLate: Bool { if case .late = phase { true } else { false } }
    }

    /// What one session has taken up.
    private struct Slots {
        var numbers: Set<Number> = []
        /// How many are in its queue, also those that nobody waits for any more.
        var unsentCount = 0
    }

    /// How many may be unanswered by one worker, and how many may wait to be sent to it.
    static let workerCountMax = 64
    /// How many may be waited for, of all workers.
    static let countMax = 256
    static let featuresByteCountMax = Bounds.edgeFeaturesByteCountMax
    /// A place that was not given back by an answer is free again this long after its deadline.
    static let lateDuration: Duration = .seconds(10)

    private var entries: [Number: Entry] = [:]
    private var slots: [DispatchHub.SessionID: Slots] = [:]
    private var lastNumber: Number = 0
    private(set) var waitingCount = 0
    /// How many answers came when nobody waited for them any more.
    private(set) var lateAnswerCount = 0

    /// Takes up a rerank that `session`'s worker is to be sent.
    mutating func ask(
        _ work: EdgeRerank, of session: DispatchHub.SessionID,
        until deadline: ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) -> Asked {
        guard work.features.count <= Self.featuresByteCountMax else {
            return .ended(
                .refused(.tooLargeForTheEdge(work.features.count, max: Self.featuresByteCountMax)))
        }
        if now >= deadline { return .ended(.late) }
        if slots[session]?.numbers.count ?? 0 >= Self.workerCountMax { forget(session, at: now) }
        guard waitingCount < Self.countMax,
            slots[session]?.numbers.count ?? 0 < Self.workerCountMax,
            slots[session]?.unsentCount ?? 0 < Self.workerCountMax
        else { return .ended(.busy) }
        lastNumber += 1
        entries[lastNumber] = Entry(
            session: session, candidateCount: work.candidateCount, deadline: deadline,
            phase: .unsent(work))
        slots[session, default: Slots()].numbers.insert(lastNumber)
        slots[session]?.unsentCount += 1
        waitingCount += 1
        return .accepted(lastNumber)
    }

    /// Takes a rerank out whose turn in the session's queue has come. Each number comes here once.
    ///
    /// - Returns: Nil when nobody waits for it any more.
    mutating func take(
        _ number: Number, for session: DispatchHub.SessionID, at now: ContinuousClock.Instant
    ) -> EdgeRerankOrder? {
        slots[session]?.unsentCount -= 1
        guard let entry = entries[number], case .unsent(let work) = entry.phase,
            now < entry.deadline
        else { return nil }
        entries[number]?.phase = .sent
        return EdgeRerankOrder(number: number, work, deadline: entry.deadline - now)
    }

    /// Takes a rerank back: the session's queue had no room for it.
    mutating func withdraw(_ number: Number) {
        guard let session = entries[number]?.session else { return }
        slots[session]?.unsentCount -= 1
        remove(number)
    }

    /// Judges what the worker's word is worth to whoever waits.
    ///
    /// - Returns: Nil when nobody does.
    mutating func answer(
        _ number: Number, by session: DispatchHub.SessionID, _ report: EdgeRerankResult
    ) -> EdgeRerankResult? {
        guard let entry = entries[number], entry.session == session else {
            lateAnswerCount += 1
            return nil
        }
        switch entry.phase {
        // It cannot know this number yet.
        case .unsent: return nil
        case .late:
            remove(number)
            lateAnswerCount += 1
            return nil
        case .sent: remove(number)
        }
        switch report {
        case .scored(let scores, let combined, _):
            let fault = EdgeRerankResult.fault(
                in: scores, combined, candidateCount: entry.candidateCount)
            if let fault {
                return .refused(.wrongScores(fault, expected: entry.candidateCount))
            }
            return report
        case .busy, .late: return report
        // That is not for a worker to say: it is connected.
        case .unreachable: return .refused(.rerankRefused())
        case .refused(let error): return .refused(error)
        }
    }

    /// Ends the wait for a rerank whose deadline is over.
    mutating func expire(_ number: Number) {
        guard let entry = entries[number], !entry.isLate else { return }
        guard case .sent = entry.phase else { return remove(number) }
        waitingCount -= 1
        entries[number]?.phase = .late(until: entry.deadline + Self.lateDuration)
    }

    /// Forgets a rerank: whoever asked has left, and its place is free.
    mutating func cancel(_ number: Number) { remove(number) }

    /// - Returns: Whom to tell that the worker is gone.
    mutating func endSession(_ session: DispatchHub.SessionID) -> [Number] {
        let numbers = slots.removeValue(forKey: session)?.numbers ?? []
        let waiting = numbers.filter { entries[$0]?.isLate == false }
        for number in numbers { entries[number] = nil }
        waitingCount -= waiting.count
        return waiting.sorted()
    }

    private mutating func remove(_ number: Number) {
        guard let entry = entries.removeValue(forKey: number) else { return }
        slots[entry.session]?.numbers.remove(number)
        if !entry.isLate { waitingCount -= 1 }
    }

    /// Frees places of the session that were taken for too long.
    private mutating func forget(
        _ session: DispatchHub.SessionID, at now: ContinuousClock.Instant
    ) {
        for number in slots[session]?.numbers ?? [] {
            if case .late(let until)? = entries[number]?.phase, now >= until { remove(number) }
        }
    }
}

extension LanguageSystemError {
    static func tooLargeForTheEdge(_ found: Int, max: Int) -> Self {
        Self(
            .tooLarge,
            "cannot rerank at the edge: found \(found) bytes of features, expected at most \(max)",
            hint: "send fewer candidates, or float16")
    }

    static func rerankRefused() -> Self {
        Self(.internal, "cannot rerank at the edge: the worker says that it is not there")
    }

    static func wrongScores(_ found: String, expected: Int) -> Self {
        Self(
            .internal,
            "cannot use a worker's scores: found \(found), expected \(expected) finite numbers",
            hint: "are lsworker and lscoord of the same version?")
    }
}
