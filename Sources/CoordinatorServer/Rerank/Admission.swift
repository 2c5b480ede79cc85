// How many requests are under way, how many bytes are held for them, whether more are let in, and
// whether this server is leaving. Requests beyond the bounds are refused at once, before their body
// is read, which keeps the accepted ones quick. Bytes are those of bodies, as they come, until they
// are answered, and of answers until their callers took them. What was announced and has not come
// takes no room: whoever sends nothing would keep others out. So a body may be refused halfway,
// when others came first; it gives back what it held, nobody waits for another, and whoever was
// first is answered.
import LanguageSystem
import Synchronization

public final class Admission: Sendable {
    private let inFlightMax: Int
    private let byteCountMax: Int
    private let smallByteCountMax: Int
    private let inFlight = Atomic<Int>(0)
    private let held = Atomic<Int>(0)
    private let listings = Atomic<Int>(0)
    private let uploads = Atomic<Int>(0)
    private let leaving = Atomic<Bool>(false)
    private let ending = Atomic<Bool>(false)

    /// - Parameter smallByteCountMax: Bodies up to this size are let in whatever is held: their
    ///   number is bounded, and who sends large ones does not shut out who sends small ones.
    public init(
        inFlightMax: Int, byteCountMax: Int = 256 << 20, smallByteCountMax: Int = 1 << 20
    ) {
        precondition(inFlightMax > 0, "a server serves a request at a time at least")
        self.inFlightMax = inFlightMax
        self.byteCountMax = byteCountMax
        self.smallByteCountMax = smallByteCountMax
    }

    public var inFlightCount: Int { inFlight.load(ordering: .relaxed) }
    /// How many bytes bodies and answers that were not taken hold.
    public var heldByteCount: Int { held.load(ordering: .relaxed) }

    /// Whether this server was told to leave, and is not ready.
    var isLeaving: Bool { leaving.load(ordering: .relaxed) }
    /// Whether every answer says that its connection ends.
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

    /// Runs `body` for a list, unless lists take an eighth of the places already: they wait for the
    /// database, and others must not wait behind them.
    ///
    /// - Throws: `busy`.
    func admitListing<Value>(_ body: () async throws -> Value) async throws -> Value {
        let most = max(1, inFlightMax / 8)
        defer { listings.subtract(1, ordering: .relaxed) }
        guard listings.add(1, ordering: .relaxed).newValue <= most else {
            throw LanguageSystemError.tooManyListings(most)
        }
        return try await admit(body)
    }

    /// So many feature files may come at once: each has a file on the disk, and then a connection
    /// of the database.
    private static let uploadCountMax = 2

    /// How many feature files are on their way into the database.
    public var uploadCount: Int { uploads.load(ordering: .relaxed) }

    /// Runs `body` for a feature file, which takes minutes: it has a place of its own.
    ///
    /// - Throws: `busy`.
    func admitUpload<Value>(_ body: () async throws -> Value) async throws -> Value {
        guard Self.add(1, to: uploads, upTo: Self.uploadCountMax) else {
            throw LanguageSystemError.tooManyUploads(Self.uploadCountMax)
        }
        defer { uploads.subtract(1, ordering: .relaxed) }
        return try await body()
    }

    /// Checks whether a body of so many bytes would fit now: one that would not need not be sent.
    /// Holds nothing.
    ///
    /// - Throws: `busy`.
    func checkRoom(for byteCount: Int) throws(LanguageSystemError) {
        guard byteCount <= smallByteCountMax || heldByteCount <= byteCountMax - byteCount else {
            throw .tooManyBytes(byteCountMax)
        }
    }

    /// Holds so many more bytes of a body until they are released.
    ///
    /// - Parameter wholeCount: Of the body, with what is held of it already.
    /// - Throws: `busy`, and then none of them is.
    func hold(_ byteCount: Int, of wholeCount: Int) throws(LanguageSystemError) {
        guard wholeCount > smallByteCountMax else { return holdAnswer(byteCount) }
        guard Self.add(byteCount, to: held, upTo: byteCountMax) else {
            throw .tooManyBytes(byteCountMax)
        }
    }

    /// Holds so many bytes of an answer until they are released. The answer is there already, and
    /// cannot be refused any more.
    func holdAnswer(_ byteCount: Int) { held.add(byteCount, ordering: .relaxed) }

    func release(_ byteCount: Int) { held.subtract(byteCount, ordering: .relaxed) }

    /// Lets in so many more, which are under way until they leave.
    ///
    /// - Throws: `busy`, and then none of them is.
    func enter(_ count: Int = 1) throws(LanguageSystemError) {
        guard Self.add(count, to: inFlight, upTo: inFlightMax) else {
            throw .tooManyInFlight(inFlightMax)
        }
    }

    /// Adds unless that would be more than `most`. It never is, not even for a moment: another
    /// request would be refused for it.
    private static func add(
        _ count: Int, to atomic: borrowing Atomic<Int>, upTo most: Int
    ) -> Bool {
        var found = atomic.load(ordering: .relaxed)
        while true {
            guard found + count <= most else { return false }
            let (exchanged, original) = atomic.weakCompareExchange(
                expected: found, desired: found + count, ordering: .relaxed)
            if exchanged { return true }
            found = original
        }
    }

    func leave(_ count: Int = 1) { inFlight.subtract(count, ordering: .relaxed) }

    /// Runs `body` for a batch of so many requests, one of which has its place already: each takes
    /// one, but all together never more than there are.
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

extension LanguageSystemError {
    static func tooManyInFlight(_ count: Int) -> Self {
        Self(
            .busy, "cannot rerank now: \(count) requests are under way already",
            hint: "retry after a second, or start another lscoord")
    }

    static func tooManyListings(_ count: Int) -> Self {
        Self(
            .busy, "cannot list models now: \(count) lists are under way already",
            hint: "retry after a second")
    }

    static func tooManyUploads(_ count: Int) -> Self {
        Self(
            .busy, "cannot take the feature file now: \(count) are under way already",
            hint: "retry after a second")
    }

    static func tooManyBytes(_ count: Int) -> Self {
        Self(
            .busy,
            """
            cannot read the request now: bodies under way and answers not taken fill \
            \(count >> 20) MiB already
            """,
            hint: "retry after a second; take answers as they come")
    }
}
