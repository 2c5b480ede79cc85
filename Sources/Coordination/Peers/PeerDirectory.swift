// Where workers are that have no session here, and whom it is worth asking: a value that reads only
// the time it is given. What it knows comes from the database every few seconds and may be wrong by
// then. So a coordinator that says it does not have the worker, or cannot be reached, is not asked
// again before the next reading; and a worker whose answers do not come is left alone for a while,
// or each request would wait its deadline for it.
public import LanguageSystem
import Ledger

/// Another coordinator.
public struct Peer: Sendable, Hashable {
    public let name: String
    /// `host:port`.
    public let address: String

    public init(name: String, address: String) {
        self.name = name
        self.address = address
    }
}

/// How asking a peer ended.
public enum PeerAnswer: Sendable, Equatable {
    /// What it said.
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

    private struct Contact {
        let peer: Peer
        /// Requests in a row without an answer in time.
        var silentCount = 0
        var leftAloneUntil: ContinuousClock.Instant?
    }

    /// Under way to one peer at once; as many as its port takes of a connection.
    static let peerCountMax = 64
    /// So many silences in a row, and the worker is left alone.
    static let silentCountMax = 3
    static let pause: Duration = .seconds(1)

    private var contacts: [WorkerID: Contact] = [:]
    private var underWay: [Peer: Int] = [:]
    private(set) var peers: Set<Peer> = []

    /// What the database says now.
    ///
    /// - Parameter keepsMissing: What it no longer lists stays: it was away, and whoever is not
    ///   back yet is not gone.
    mutating func learn(_ running: [RunningCoordinator], keepsMissing: Bool) {
        var found: [WorkerID: Contact] = keepsMissing ? contacts : [:]
        var peers: Set<Peer> = keepsMissing ? self.peers : []
        for one in running {
            let peer = Peer(name: one.name, address: one.address)
            peers = peers.filter { $0.name != peer.name }
            peers.insert(peer)
            for worker in one.workers {
                if let known = contacts[worker], known.peer == peer {
                    found[worker] = known
                } else {
                    found[worker] = Contact(peer: peer)
                }
            }
        }
        self.peers = peers
        // Of a peer that has another address now, too.
        contacts = found.filter { peers.contains($0.value.peer) }
    }

    /// Whom to ask for a rerank by `worker`. `ended` gives the place back.
    mutating func ask(for worker: WorkerID, at now: ContinuousClock.Instant) -> Asked {
        guard var contact = contacts[worker] else { return .unreachable }
        if let until = contact.leftAloneUntil {
            guard now >= until else { return .unreachable }
            // This one tries; the others wait for how it ends.
            contact.leftAloneUntil = now + Self.pause
            contacts[worker] = contact
        }
        guard underWay[contact.peer, default: 0] < Self.peerCountMax else { return .busy }
        underWay[contact.peer, default: 0] += 1
        return .ask(contact.peer)
    }

    /// How asking `peer` ended; nil: nobody waited for it.
    mutating func ended(
        _ worker: WorkerID, at peer: Peer, _ answer: PeerAnswer?, at now: ContinuousClock.Instant
    ) {
        let count = underWay[peer, default: 0]
        precondition(count > 0, "a request to a peer ended that was not under way")
        underWay[peer] = count > 1 ? count - 1 : nil
        switch answer {
        case .answered(.unreachable):
            if contacts[worker]?.peer == peer { contacts[worker] = nil }
        // Whichever of the two saw first that time was up.
        case .silent, .answered(.late):
            guard var contact = contacts[worker], contact.peer == peer else { return }
            contact.silentCount += 1
            if contact.silentCount >= Self.silentCountMax {
                contact.leftAloneUntil = now + Self.pause
            }
            contacts[worker] = contact
        case .answered:
            guard contacts[worker]?.peer == peer else { return }
            contacts[worker]?.silentCount = 0
            contacts[worker]?.leftAloneUntil = nil
        case .lost: contacts = contacts.filter { $0.value.peer != peer }
        case nil: break
        }
    }
}
