// Where workers are that have no session here, and whom it is worth asking: events in, decisions
// out.
import LanguageSystem
import Ledger
import Testing

@testable import Coordination

@Suite struct `Peer directory` {
    static let one = Peer(name: "one", address: "10.0.0.1:8444")
    static let two = Peer(name: "two", address: "10.0.0.2:8444")
    static let (ada, ben, eve) = (WorkerID(1), WorkerID(2), WorkerID(3))
    let start = ContinuousClock.now

    static func running(_ peer: Peer, _ workers: [WorkerID]) -> RunningCoordinator {
        RunningCoordinator(name: peer.name, address: peer.address, workers: workers)
    }

    /// Ada's and Ben's workers are at the first, Eve's at the second.
    var directory: PeerDirectory {
        var directory = PeerDirectory()
        directory.learn(
            [Self.running(Self.one, [Self.ada, Self.ben]), Self.running(Self.two, [Self.eve])],
            keepsMissing: false)
        return directory
    }

    @Test func `the peer that has the worker is asked, and nobody for a worker that no peer has`() {
        var directory = directory
        #expect(directory.peers == [Self.one, Self.two])
        #expect(directory.ask(for: Self.ada, at: start) == .ask(Self.one))
        #expect(directory.ask(for: Self.eve, at: start) == .ask(Self.two))
        #expect(directory.ask(for: WorkerID(9), at: start) == .unreachable)
    }

    @Test func `a worker that moved, an address that changed and a peer that left are followed`() {
        var directory = directory
        let moved = Peer(name: "one", address: "10.0.0.9:8444")
        directory.learn([Self.running(moved, [Self.ada, Self.eve])], keepsMissing: false)
        #expect(directory.peers == [moved])
        #expect(directory.ask(for: Self.eve, at: start) == .ask(moved))
        #expect(directory.ask(for: Self.ben, at: start) == .unreachable)
        directory.learn([], keepsMissing: false)
        #expect(directory.peers.isEmpty)
        #expect(directory.ask(for: Self.ada, at: start) == .unreachable)
    }

    @Test func `a peer that is not back yet is kept when the database was away`() {
        var directory = directory
        directory.learn([Self.running(Self.two, [Self.ada])], keepsMissing: true)
        #expect(directory.ask(for: Self.ada, at: start) == .ask(Self.two))
        #expect(directory.ask(for: Self.ben, at: start) == .ask(Self.one))
        directory.learn([Self.running(Self.two, [Self.ada])], keepsMissing: false)
        #expect(directory.ask(for: Self.ben, at: start) == .unreachable)
    }

    @Test func `a peer that said no is not asked again until the next reading`() {
        var directory = directory
        #expect(directory.ask(for: Self.ada, at: start) == .ask(Self.one))
        directory.ended(Self.ada, at: Self.one, .answered(.unreachable), at: start)
        #expect(directory.ask(for: Self.ada, at: start) == .unreachable)
        #expect(directory.ask(for: Self.ben, at: start) == .ask(Self.one))
        directory.learn([Self.running(Self.one, [Self.ada])], keepsMissing: false)
        #expect(directory.ask(for: Self.ada, at: start) == .ask(Self.one))
    }

    @Test func `a peer that cannot be reached is asked for no worker until the next reading`() {
        var directory = directory
        #expect(directory.ask(for: Self.ada, at: start) == .ask(Self.one))
        directory.ended(Self.ada, at: Self.one, .lost, at: start)
        #expect(directory.ask(for: Self.ben, at: start) == .unreachable)
        #expect(directory.ask(for: Self.eve, at: start) == .ask(Self.two))
    }

    @Test func `a worker that was silent three times is left alone, then one request tries`() {
        var directory = directory
        func silence(_ now: ContinuousClock.Instant, _ answer: PeerAnswer = .silent) {
            #expect(directory.ask(for: Self.ada, at: now) == .ask(Self.one))
            directory.ended(Self.ada, at: Self.one, answer, at: now)
        }
        silence(start)
        silence(start)
        // Any answer but that it was late ends the row.
        #expect(directory.ask(for: Self.ada, at: start) == .ask(Self.one))
        directory.ended(Self.ada, at: Self.one, .answered(.busy), at: start)
        silence(start, .answered(.late))
        for _ in 1..<PeerDirectory.silentCountMax { silence(start) }
        #expect(directory.ask(for: Self.ada, at: start) == .unreachable)
        #expect(directory.ask(for: Self.ben, at: start) == .ask(Self.one), "others are asked")
        // What the database says again is no news.
        directory.learn([Self.running(Self.one, [Self.ada])], keepsMissing: false)
        #expect(directory.ask(for: Self.ada, at: start) == .unreachable)

        let later = start + PeerDirectory.cooldown
        #expect(directory.ask(for: Self.ada, at: later) == .ask(Self.one))
        #expect(directory.ask(for: Self.ada, at: later) == .unreachable, "one is enough")
        directory.ended(
            Self.ada, at: Self.one, .answered(.scored([1], compute: .zero)), at: later)
        #expect(directory.ask(for: Self.ada, at: later) == .ask(Self.one))
    }

    @Test func `a worker that moved meanwhile is not blamed for its last place`() {
        var directory = directory
        #expect(directory.ask(for: Self.ada, at: start) == .ask(Self.one))
        directory.learn(
            [Self.running(Self.one, []), Self.running(Self.two, [Self.ada])], keepsMissing: false)
        directory.ended(Self.ada, at: Self.one, .answered(.unreachable), at: start)
        #expect(directory.ask(for: Self.ada, at: start) == .ask(Self.two))
    }

    @Test func `requests under way to one peer are bounded, whoever leaves`() {
        var directory = directory
        for _ in 0..<PeerDirectory.peerCountMax {
            #expect(directory.ask(for: Self.ada, at: start) == .ask(Self.one))
        }
        #expect(directory.ask(for: Self.ada, at: start) == .busy)
        #expect(directory.ask(for: Self.ben, at: start) == .busy)
        #expect(directory.ask(for: Self.eve, at: start) == .ask(Self.two))
        directory.ended(Self.ada, at: Self.one, nil, at: start)
        #expect(directory.ask(for: Self.ben, at: start) == .ask(Self.one))
    }

    @Test func `a busy peer does not use up the one try after a cooldown`() {
        var directory = directory
        for _ in 0..<PeerDirectory.silentCountMax {
            #expect(directory.ask(for: Self.ada, at: start) == .ask(Self.one))
            directory.ended(Self.ada, at: Self.one, .silent, at: start)
        }
        for _ in 0..<PeerDirectory.peerCountMax {
            #expect(directory.ask(for: Self.ben, at: start) == .ask(Self.one))
        }
        let later = start + PeerDirectory.cooldown
        #expect(directory.ask(for: Self.ada, at: later) == .busy)
        directory.ended(Self.ben, at: Self.one, nil, at: later)
        #expect(directory.ask(for: Self.ada, at: later) == .ask(Self.one))
    }
}
