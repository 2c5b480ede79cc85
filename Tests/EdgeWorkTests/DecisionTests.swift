// What the worker decides, as values: no clock but the one given, no disk, no network.
import Foundation
import LanguageSystem
import Testing

@testable import EdgeWork

@Suite struct `Lease book` {
    static let start = ContinuousClock.now

    static func work(_ number: Int64, lasting: Duration = .seconds(10)) -> TaskLease {
        TaskLease(
            token: .numbered(number), taskID: TaskID(number), attempt: 1,
            duration: lasting,
            work: .train(
                TrainWork(
                    rankerName: "r", rankerConfiguration: "{}", trainingConfiguration: "{}",
                    features: [],
                    initialWeights: nil)))
    }

    @Test func `begins as many as its capacity; as many again wait, no more`() {
        var book = LeaseBook(capacity: 1)
        #expect(book.admit(Self.work(1), at: Self.start) == .accepted)
        #expect(book.admit(Self.work(1), at: Self.start) == .known)
        #expect(book.begin() == [Self.work(1)])
        #expect(book.admit(Self.work(2), at: Self.start) == .accepted)
        #expect(book.begin() == [])
        #expect(book.isWaiting(Self.work(2).token))
        #expect(book.admit(Self.work(3), at: Self.start) == .refused)
        #expect(book.tokens == [Self.work(1).token, Self.work(2).token])
        book.end(Self.work(1).token)
        #expect(book.begin() == [Self.work(2)])
        #expect(book.begin() == [])
    }

    @Test func `begins what was leased first`() {
        var book = LeaseBook(capacity: 2)
        for (number, later) in [(3, 1), (1, 2), (2, 0)] {
            _ = book.admit(Self.work(Int64(number)), at: Self.start + .seconds(later))
        }
        #expect(book.begin() == [Self.work(2), Self.work(3)])
    }

    @Test func `takes nothing more once draining`() {
        var book = LeaseBook(capacity: 2)
        #expect(book.admit(Self.work(1), at: Self.start) == .accepted)
        book.drain()
        #expect(book.admit(Self.work(2), at: Self.start) == .refused)
        #expect(book.tokens.count == 1)
    }

    @Test func `keeps an expired lease for its patience, then gives it up`() {
        var book = LeaseBook(capacity: 1, patience: .seconds(60))
        _ = book.admit(Self.work(1), at: Self.start)
        #expect(book.overdue(at: Self.start + .seconds(69)) == [])
        #expect(book.overdue(at: Self.start + .seconds(70)) == [Self.work(1).token])
        book.renew(for: .seconds(10), at: Self.start + .seconds(65))
        #expect(book.overdue(at: Self.start + .seconds(134)) == [])
        #expect(book.overdue(at: Self.start + .seconds(135)) == [Self.work(1).token])
    }

    @Test func `a late answer never shortens a lease`() {
        var book = LeaseBook(capacity: 1, patience: .zero)
        _ = book.admit(Self.work(1, lasting: .seconds(100)), at: Self.start)
        book.renew(for: .seconds(1), at: Self.start)
        #expect(book.overdue(at: Self.start + .seconds(99)) == [])
    }

    @Test(arguments: [(-1.0, 0.0), (0.25, 0.25), (7.0, 1.0), (.nan, 0.0), (.infinity, 1.0)])
    func `says progress from 0 to 1, whatever it is told`(told: Double, said: Double) {
        var book = LeaseBook(capacity: 1)
        _ = book.admit(Self.work(1), at: Self.start)
        book.report(Self.work(1).token, progress: told, note: "n")
        #expect(
            book.heartbeat == [
                LeaseProgress(token: Self.work(1).token, progress: said, note: "n")
            ])
    }
}

@Suite struct `Cache plan` {
    static func digest(_ byte: UInt8) -> Digest {
        Digest(bytes: [UInt8](repeating: byte, count: 32))!
    }

    static func entry(_ byte: UInt8, _ byteCount: Int64, lastUse: Int64, inUse: Bool = false)
        -> CacheEntry
    {
        CacheEntry(digest: digest(byte), byteCount: byteCount, lastUse: lastUse, isInUse: inUse)
    }

    @Test func `evicts nothing while there is room`() {
        #expect(
            CachePlan.room(for: 50, among: [Self.entry(1, 50, lastUse: 1)], byteCountMax: 100)
                == .evict([]))
    }

    @Test func `evicts the longest unused first, and no more than needed`() {
        let entries = [
            Self.entry(1, 40, lastUse: 3), Self.entry(2, 40, lastUse: 1),
            Self.entry(3, 20, lastUse: 2),
        ]
        #expect(
            CachePlan.room(for: 30, among: entries, byteCountMax: 100) == .evict([Self.digest(2)]))
        #expect(
            CachePlan.room(for: 60, among: entries, byteCountMax: 100)
                == .evict([Self.digest(2), Self.digest(3)]))
    }

    @Test func `never evicts what is in use`() {
        let entries = [Self.entry(1, 40, lastUse: 1, inUse: true), Self.entry(2, 40, lastUse: 2)]
        #expect(
            CachePlan.room(for: 50, among: entries, byteCountMax: 100) == .evict([Self.digest(2)]))
        #expect(
            CachePlan.room(for: 61, among: entries, byteCountMax: 100)
                == .doesNotFit(availableByteCount: 60))
    }

    @Test func `says what does not fit at all`() {
        #expect(
            CachePlan.room(for: 101, among: [], byteCountMax: 100)
                == .doesNotFit(availableByteCount: 100))
    }
}

@Suite struct `Coordinator address` {
    @Test(arguments: [
        ("host", "host", 8443), ("host:1", "host", 1), ("127.0.0.1:99", "127.0.0.1", 99),
        ("::1", "::1", 8443),
        ("[::1]:5", "::1", 5), ("[fe80::1]", "fe80::1", 8443),
        ("a.example.org:8443", "a.example.org", 8443),
    ])
    func `an address is read`(text: String, host: String, port: Int) throws {
        let address = try CoordinatorAddress(text)
        #expect(address.host == host)
        #expect(address.port == port)
    }

    @Test(arguments: [
        "", ":1", "host:", "host:0", "host:65536", "host:x", "https://host", "a b", "host/path",
        "[::1",
    ])
    func `an address is refused when it is none`(text: String) {
        let error = #expect(throws: LanguageSystemError.self) { try CoordinatorAddress(text) }
        #expect(error?.code == .invalidSettings)
    }

    @Test(arguments: [
        ("https://host", "host:8443"), ("http://host:8080/", "host:8080"),
        ("https://[::1]:5?x", "[::1]:5"), ("https://", "coordinator.example.org:8443"),
        ("https://my_host", "coordinator.example.org:8443"),
    ])
    func `a URL is refused with what to write instead`(text: String, meant: String) {
        let error = #expect(throws: LanguageSystemError.self) { try CoordinatorAddress(text) }
        #expect(error?.message.hasSuffix("found a URL, expected host or host:port") == true)
        #expect(error?.hint == "write --coordinator \(meant)")
    }
}

extension LeaseToken {
    /// Of tests: the same number, the same token.
    static func numbered(_ number: Int64) -> LeaseToken {
        let low = UInt64(bitPattern: number)
        func byte(_ place: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: low >> (8 * place)) }
        return LeaseToken(
            rawValue: UUID(
                uuid: (
                    0, 0, 0, 0, 0, 0, 0x40, 0, byte(7), byte(6), byte(5), byte(4), byte(3),
                    byte(2), byte(1), byte(0)
                )))
    }
}
