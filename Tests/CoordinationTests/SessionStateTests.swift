import Coordination
import Foundation
import LanguageSystem
import Ledger
import Testing

@Suite struct `Session state` {
    let start = ContinuousClock.now
    let a = LeaseToken(UUID().uuidString)!
    let b = LeaseToken(UUID().uuidString)!

    @Test func `a worker never gets more than the capacity it named`() {
        var state = SessionState(capacity: 2)
        #expect(state.freeSlotCount(at: start) == 2)
        state.push(a, until: start + .seconds(10))
        state.push(b, until: start + .seconds(10))
        #expect(state.freeSlotCount(at: start) == 0)
    }

    @Test func `a heartbeat already under way when a lease is pushed does not free its place`() {
        var state = SessionState(capacity: 1)
        state.push(a, until: start + .seconds(10))
        state.heartbeat(listing: [])
        #expect(state.freeSlotCount(at: start + .seconds(1)) == 0)
    }

    @Test func `a lease once reported and then no longer listed has ended`() {
        var state = SessionState(capacity: 1)
        state.push(a, until: start + .seconds(10))
        state.heartbeat(listing: [a])
        #expect(state.freeSlotCount(at: start + .seconds(60)) == 0)
        state.heartbeat(listing: [])
        #expect(state.freeSlotCount(at: start + .seconds(60)) == 1)
    }

    @Test func `a lease that was pushed but never reported stops counting when its time is over`() {
        var state = SessionState(capacity: 1)
        state.push(a, until: start + .seconds(10))
        state.heartbeat(listing: [])
        #expect(state.freeSlotCount(at: start + .seconds(9)) == 0)
        #expect(state.freeSlotCount(at: start + .seconds(10)) == 1)
    }

    @Test func `a worker that fell silent before it was given a task gets no second one`() {
        var state = SessionState(capacity: 1)
        state.heartbeat(listing: [])
        state.push(a, until: start + .seconds(10))
        #expect(state.freeSlotCount(at: start + .seconds(600)) == 0)
        state.heartbeat(listing: [])
        #expect(state.freeSlotCount(at: start + .seconds(601)) == 1)
    }

    @Test func `leases held from an earlier session count from the start`() {
        var state = SessionState(capacity: 2, heldLeases: [a, a])
        #expect(state.freeSlotCount(at: start) == 1)
        state.end(a)
        #expect(state.freeSlotCount(at: start) == 2)
    }

    @Test func `a draining worker gets nothing`() {
        var state = SessionState(capacity: 2)
        state.drain()
        #expect(state.freeSlotCount(at: start) == 0)
    }

    @Test(arguments: [(-3, 1), (0, 1), (1, 1), (64, 64), (65, 64), (Int.max, 64)])
    func `capacity is kept within 1 and 64`(asked: Int, kept: Int) {
        #expect(SessionState(capacity: asked).capacity == kept)
    }

    /// Laws over random histories: free places are within 0...capacity, and a lease the worker
    /// reported counts until it is ended or unlisted.
    @Test(arguments: 1...50) func `a session's state holds its laws over any history`(seed: Int) {
        var generator = SplitMix(state: UInt64(seed))
        var state = SessionState(capacity: Int.random(in: 1...4, using: &generator))
        let tokens = (0..<6).map { _ in LeaseToken(UUID().uuidString)! }
        var reported: Set<LeaseToken> = []
        var now = start
        for _ in 0..<200 {
            let token = tokens.randomElement(using: &generator)!
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: if !reported.contains(token) { state.push(token, until: now + .seconds(5)) }
            case 1:
                let listed = Set(tokens.filter { _ in Bool.random(using: &generator) })
                state.heartbeat(listing: listed)
                reported = listed
            case 2:
                state.end(token)
                reported.remove(token)
            default: now += .seconds(1)
            }
            let free = state.freeSlotCount(at: now)
            #expect((0...state.capacity).contains(free))
            #expect(free <= max(0, state.capacity - reported.count))
        }
    }
}

/// A fixed sequence, so that a failing history can be repeated.
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
