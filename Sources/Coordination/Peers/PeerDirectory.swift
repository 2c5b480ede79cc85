// Where workers are that have no session here, and whom it is worth asking: a value that reads only
// the time it is given. What it knows comes from the database every few seconds and may be wrong by
// then. So a coordinator that says it does not have the worker, or cannot be reached, is not asked
// again before the next reading; and a worker whose answers do not come is left alone for a while,
// or each request would wait its deadline for it.
import Concurrency
public import LanguageSystem
import Ledger

/// Another coordinator.
public struct Peer: Sendable, Hashable {
    public let name: String
    /// Where its workers' port is: `host:port`.
    public let address: String

    public init(name: String, address: String) {
        self.name = name
        self.address = address
    }
}

/// How asking a peer ended.
public enum PeerAnswer: Sendable, Equatable {
    /// The peer said this.
    case answered(EdgeRerankResult)
    /// Nothing came within the deadline.
    case silent
    /// It cannot be reached, or does not take reranks.
    case lost
}

struct PeerDirectory: Sendable {
    enum Asked: Equatable {
        case ask(Peer)
        /// No coordinator is known to have it, or it is left alone.
        case unreachable
        /// As many as may be are under way to the one that has it.
        case busy
    }

    /// Where a worker is, and how asking for it went.
    private struct Location {
        let peer: Peer
        /// Opens after requests in a row without an answer in time.
        var breaker = CircuitBreaker(failureCountMax: silentCountMax, cooldown: cooldown)
    }

    /// How many requests may be under way to one peer: as many as its port takes of a connection.
    static let peerCountMax = 64
    /// After so many silences in a row a worker is left alone.
    static let silentCountMax = 3
    /// How long it is left alone then.
    static let cooldown: Duration = .seconds(1)

    private var locations: [WorkerID: Location] = [:]
    private var underWay: [Peer: Int] = [:]
    private(set) var peers: Set<Peer> = []

    /// Takes what the database says now.
    ///
    /// - Parameter keepsMissing: What it no longer lists stays: it was away, and whoever is not
    ///   back yet is not gone.
    mutating func learn(_ running: [RunningCoordinator], keepsMissing: Bool) {
        var found: [WorkerID: Location] = keepsMissing ? locations : [:]
        var peers: Set<Peer> = keepsMissing ? self.peers : []
        for one in running {
            let peer = Peer(name: one.name, address: one.address)
            peers = peers.filter { $0.name != peer.name }
            peers.insert(peer)
            for worker in one.workers {
                let known = locations[worker]
                found[worker] = known?.peer == peer ? known : Location(peer: peer)
            }
        }
        self.peers = peers
        // A worker of a peer that has another address now is not at the old one.
        locations = found.filter { peers.contains($0.value.peer) }
    }

    /// Says whom to ask for a rerank by `worker`. `ended` gives the place back.
    mutating func ask(for worker: WorkerID, at now: ContinuousClock.Instant) -> Asked {
        guard let peer = locations[worker]?.peer,
            locations[worker]?.breaker.isOpen(at: now) == false
        else { return .unreachable }
        guard underWay[peer, default: 0] < Self.peerCountMax else { return .busy }
        // Last: who is admitted after a cooldown has to ask, or nobody learns how it ends.
        guard locations[worker]?.breaker.admits(at: now) == true else { return .unreachable }
        underWay[peer, default: 0] += 1
        return .ask(peer)
    }

    /// Notes how asking `peer` ended; nil: nobody waited for it.
    mutating func ended(
        _ worker: WorkerID, at peer: Peer, _ answer: PeerAnswer?, at now: ContinuousClock.Instant
    ) {
        let count = underWay[peer, default: 0]
        precondition(count > 0, "a request to a peer ended that was not under way")
        underWay[peer] = count > 1 ? count - 1 : nil
        if answer == .lost { locations = locations.filter { $0.value.peer != peer } }
        // A worker that has moved since is not judged by where it was.
        guard let answer, locations[worker]?.peer == peer else { return }
        switch answer {
        case .answered(.unreachable): locations[worker] = nil
        // Whichever of the two saw first that time was up.
        case .silent, .answered(.late): locations[worker]?.breaker.failed(at: now)
        case .answered: locations[worker]?.breaker.succeeded(at: now)
        case .lost: break
        }
    }
}
