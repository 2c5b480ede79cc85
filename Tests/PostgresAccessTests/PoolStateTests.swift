import Testing

@testable import PostgresAccess

private typealias Link = PoolState.ConnectionID
private typealias Waiter = PoolState.WaiterID

@Suite struct `Pool state` {
    private func state(connections: Int = 2, waiters: Int = 3) -> PoolState {
        PoolState(connectionCountMax: connections, waiterCountMax: waiters)
    }

    @Test func `the pool connects for the first caller, then lends to it`() {
        var state = state()
        let first = Link(number: 0)
        #expect(state.handle(.wanted(Waiter(number: 1), atFront: false)) == [.connect(first)])
        #expect(state.handle(.connected(first)) == [.lend(first, Waiter(number: 1))])
        #expect(state.handle(.released(first, isReusable: true)) == [])
        #expect(
            state.handle(.wanted(Waiter(number: 2), atFront: false))
                == [.lend(first, Waiter(number: 2))])
    }

    @Test func `a broken connection is closed and replaced for the next waiter`() {
        var state = state(connections: 1)
        let old = Link(number: 0), new = Link(number: 1)
        _ = state.handle(.wanted(Waiter(number: 1), atFront: false))
        _ = state.handle(.connected(old))
        #expect(state.handle(.wanted(Waiter(number: 2), atFront: false)) == [])
        #expect(
            state.handle(.released(old, isReusable: false)) == [.close(old), .connect(new)])
    }

    @Test func `whoever had a dead connection comes before those who waited`() {
        var state = state(connections: 1)
        let old = Link(number: 0), new = Link(number: 1)
        _ = state.handle(.wanted(Waiter(number: 1), atFront: false))
        _ = state.handle(.connected(old))
        _ = state.handle(.wanted(Waiter(number: 2), atFront: false))
        _ = state.handle(.released(old, isReusable: false))
        _ = state.handle(.wanted(Waiter(number: 3), atFront: true))
        #expect(state.handle(.connected(new)) == [.lend(new, Waiter(number: 3))])
    }

    @Test func `a failed attempt fails nobody: after a pause there is one more`() {
        var state = state()
        _ = state.handle(.wanted(Waiter(number: 1), atFront: false))
        _ = state.handle(.wanted(Waiter(number: 2), atFront: false))
        #expect(
            state.handle(.connectFailed(Link(number: 0))) == [.pause(failureCount: 1)])
        #expect(state.handle(.connectFailed(Link(number: 1))) == [])
        #expect(state.handle(.pauseOver) == [.connect(Link(number: 2))])
        #expect(
            state.handle(.connectFailed(Link(number: 2))) == [.pause(failureCount: 3)])
        #expect(state.waiterCount == 2)
    }

    @Test func `a refusal fails all that wait, unless a connection is left to serve them`() {
        var state = state(connections: 2)
        for number in 1...2 {
            _ = state.handle(.wanted(Waiter(number: number), atFront: false))
        }
        #expect(
            state.handle(.connectRefused(Link(number: 0))) == [.pause(failureCount: 1)])
        #expect(
            state.handle(.connectRefused(Link(number: 1)))
                == [1, 2].map { .refuse(Waiter(number: $0), .refused) })
        #expect(state.waiterCount == 0)
        #expect(state.handle(.wanted(Waiter(number: 3), atFront: false)) == [])
        #expect(state.handle(.pauseOver) == [.connect(Link(number: 2))])
    }

    @Test func `the pool refuses the caller that is one too many`() {
        var state = state(connections: 1, waiters: 1)
        _ = state.handle(.wanted(Waiter(number: 1), atFront: false))
        #expect(
            state.handle(.wanted(Waiter(number: 2), atFront: false))
                == [.refuse(Waiter(number: 2), .busy)])
    }

    @Test func `a waiter that left is refused once and never served`() {
        var state = state(connections: 1)
        _ = state.handle(.wanted(Waiter(number: 1), atFront: false))
        #expect(
            state.handle(.waiterGone(Waiter(number: 1), .late))
                == [.refuse(Waiter(number: 1), .late)])
        #expect(state.handle(.waiterGone(Waiter(number: 1), .late)) == [])
        #expect(state.handle(.connected(Link(number: 0))) == [])
        #expect(state.idleCount == 1)
    }

    @Test func `a closing pool refuses the waiting, closes the idle, waits for the lent`() {
        var state = state(connections: 1)
        let lent = Link(number: 0)
        _ = state.handle(.wanted(Waiter(number: 1), atFront: false))
        _ = state.handle(.connected(lent))
        _ = state.handle(.wanted(Waiter(number: 2), atFront: false))
        #expect(state.handle(.closeAsked) == [.refuse(Waiter(number: 2), .closed)])
        #expect(
            state.handle(.released(lent, isReusable: true)) == [.close(lent), .closed])
        #expect(
            state.handle(.wanted(Waiter(number: 3), atFront: false))
                == [.refuse(Waiter(number: 3), .closed)])
    }

    @Test func `listings that came first leave connections to who comes after`() {
        var state = state(connections: 8, waiters: 100)
        var lent: [Waiter] = []
        func handle(_ event: PoolState.Event) {
            for action in state.handle(event) {
                switch action {
                case .connect(let link): handle(.connected(link))
                case .lend(_, let waiter): lent.append(waiter)
                default: Issue.record("\(action)")
                }
            }
        }
        for number in 0..<24 {
            handle(.wanted(Waiter(number: number), atFront: false, purpose: .listing))
        }
        #expect(lent == [Waiter(number: 0), Waiter(number: 1)])
        for number in 24..<30 { handle(.wanted(Waiter(number: number), atFront: false)) }
        #expect(lent.count == 8 && lent.last == Waiter(number: 29))
        // One that is done makes room for the next listing, not for more.
        handle(.released(Link(number: 0), isReusable: true))
        #expect(lent.last == Waiter(number: 2))
        handle(.released(Link(number: 7), isReusable: true))
        #expect(lent.count == 9 && state.idleCount == 1)
    }

    /// A model of the shell drives random events; the laws hold after each of them.
    @Test(arguments: 0..<40)
    func `the pool keeps its laws under any order of events`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let connectionCountMax = Int.random(in: 1...9, using: &random)
        var state = PoolState(connectionCountMax: connectionCountMax, waiterCountMax: 5)
        var connecting: Set<Link> = [], lent: Set<Link> = []
        var open: Set<Link> = []
        var waiting: [Waiter] = []
        var listing: Set<Waiter> = [], lentToListings: Set<Link> = []
        var isPausing = false, isClosing = false
        var closedCount = 0, waiterNumber = 0

        for step in 0..<400 {
            var event: PoolState.Event?
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<35:
                waiterNumber += 1
                let atFront = Int.random(in: 0..<8, using: &random) == 0
                if atFront {
                    waiting.insert(Waiter(number: waiterNumber), at: 0)
                } else {
                    waiting.append(Waiter(number: waiterNumber))
                }
                let isListing = Int.random(in: 0..<3, using: &random) == 0
                if isListing { listing.insert(Waiter(number: waiterNumber)) }
                event = .wanted(
                    Waiter(number: waiterNumber), atFront: atFront,
                    purpose: isListing ? .listing : .service)
            case 35..<45:
                event = waiting.randomElement(using: &random).map { .waiterGone($0, .cancelled) }
            case 45..<60:
                event = connecting.sorted().randomElement(using: &random).map {
                    connecting.remove($0)
                    open.insert($0)
                    return .connected($0)
                }
            case 60..<68:
                event = connecting.sorted().randomElement(using: &random).map {
                    connecting.remove($0)
                    return Bool.random(using: &random)
                        ? .connectFailed($0) : .connectRefused($0)
                }
            case 68..<73:
                if isPausing { event = .pauseOver }
                isPausing = false
            case 73..<99:
                event = lent.sorted().randomElement(using: &random).map {
                    lent.remove($0)
                    lentToListings.remove($0)
                    return .released($0, isReusable: Bool.random(using: &random))
                }
            default:
                if step > 300 {
                    isClosing = true
                    event = .closeAsked
                }
            }
            guard let event else { continue }
            for action in state.handle(event) {
                switch action {
                case .connect(let connection):
                    #expect(!isClosing && !isPausing)
                    #expect(connecting.insert(connection).inserted)
                case .lend(let connection, let waiter):
                    // First come, first served, but for listings that have their part already;
                    // never two callers at once.
                    let mayList = lentToListings.count < state.listingCountMax
                    #expect(
                        waiting.first { !listing.contains($0) || mayList } == waiter)
                    if listing.contains(waiter) { lentToListings.insert(connection) }
                    waiting.removeAll { $0 == waiter }
                    #expect(open.contains(connection))
                    #expect(lent.insert(connection).inserted)
                case .close(let connection):
                    #expect(open.remove(connection) != nil)
                    #expect(!lent.contains(connection))
                case .refuse(let waiter, _):
                    let index = waiting.firstIndex(of: waiter)
                    #expect(index != nil)
                    waiting.removeAll { $0 == waiter }
                case .pause: isPausing = true
                case .closed:
                    closedCount += 1
                    #expect(isClosing && open.isEmpty && connecting.isEmpty)
                }
            }
            #expect(open.count + connecting.count <= connectionCountMax)
            #expect(open.count + connecting.count == state.connectionCount)
            #expect(waiting.count == state.waiterCount)
            #expect(lentToListings.count <= max(1, connectionCountMax / 4))
            // Nobody waits while a connection is idle, or could be made.
            let mayList = lentToListings.count < state.listingCountMax
            if waiting.contains(where: { !listing.contains($0) || mayList }) {
                #expect(state.idleCount == 0)
                #expect(!connecting.isEmpty || !lent.isEmpty || isPausing)
            }
            if isClosing { #expect(waiting.isEmpty && state.idleCount == 0) }
        }
        #expect(closedCount <= 1)
    }
}

extension PoolState.ConnectionID: Comparable {
    static func < (a: Self, b: Self) -> Bool { a.number < b.number }
}

/// Vigna's SplitMix64: a seed in, the same numbers each time.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
