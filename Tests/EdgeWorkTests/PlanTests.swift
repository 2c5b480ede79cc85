// What a worker decides of its line and its certificate, as values: no clock but the one given.
import Foundation
import LanguageSystem
import RankerMath
import Testing
import WorkerWire

@testable import EdgeWork

@Suite struct `Heartbeat plan` {
    private static let start = ContinuousClock.now

    private static func plan(every interval: Duration) -> HeartbeatPlan {
        var plan = HeartbeatPlan(at: start)
        plan.welcomed(every: interval)
        return plan
    }

    @Test func `a worker with leases speaks every interval, one without every fourth`() {
        var plan = Self.plan(every: .seconds(1))
        for second in 1...8 {
            plan.heard(at: Self.start + .seconds(second))
            #expect(plan.beat(at: Self.start + .seconds(second), holdsLeases: true) == .send)
        }
        let idle = (1...8).map { second in
            plan.heard(at: Self.start + .seconds(second))
            return plan.beat(at: Self.start + .seconds(second), holdsLeases: false)
        }
        #expect(idle == [.skip, .skip, .skip, .send, .skip, .skip, .skip, .send])
    }

    @Test func `a lease that comes while a worker is silent is spoken of at once`() {
        var plan = Self.plan(every: .seconds(1))
        #expect(plan.beat(at: Self.start, holdsLeases: false) == .skip)
        #expect(plan.beat(at: Self.start, holdsLeases: true) == .send)
    }

    @Test(arguments: [
        // A quick interval has ten seconds all the same, and idle workers four times that.
        (Duration.milliseconds(100), true, Duration.seconds(10)),
        (.milliseconds(100), false, .seconds(40)), (.seconds(5), true, .seconds(20)),
        (.seconds(5), false, .seconds(80)),
    ])
    func `a line is dead after so much silence`(
        interval: Duration, holdsLeases: Bool, patience: Duration
    ) {
        var plan = Self.plan(every: interval)
        let last = Self.start + patience
        #expect(plan.beat(at: last, holdsLeases: holdsLeases) != .giveUp(silence: patience))
        let silence = patience + .milliseconds(1)
        #expect(
            plan.beat(at: Self.start + silence, holdsLeases: holdsLeases)
                == .giveUp(silence: silence))
        plan.heard(at: last)
        #expect(plan.beat(at: Self.start + silence, holdsLeases: true) == .send)
    }

    @Test func `a new connection is not blamed for the silence before it`() {
        var plan = Self.plan(every: .seconds(1))
        let later = Self.start + .seconds(3_600)
        plan.connecting(at: later)
        #expect(plan.beat(at: later + .seconds(1), holdsLeases: true) == .send)
    }
}

@Suite struct `Renewal plan` {
    private static let start = ContinuousClock.now
    private static let day = Date(timeIntervalSince1970: 1_700_000_000)

    /// Renewed after half a day, run out after one.
    private static func plan() -> RenewalPlan {
        RenewalPlan(expiry: day + 86_400, renewal: day + 43_200)
    }

    @Test(arguments: [
        (TimeInterval(0), false), (43_199, false), (43_200, true), (86_400, true), (-86_400, false),
    ])
    func `asks for another certificate from half-life on`(seconds: TimeInterval, isDue: Bool) {
        #expect(Self.plan().isDue(at: Self.day + seconds, Self.start) == isDue)
    }

    @Test func `after a failure it waits for time that only passes, ever longer`() {
        var plan = Self.plan()
        let due = Self.day + 50_000
        var now = Self.start
        for pause in [5, 10, 20, 40, 80, 160, 300, 300] {
            plan.renewalFailed(at: now, chance: 1)
            // Whatever the wall clock does meanwhile.
            #expect(!plan.isDue(at: due + 3_000, now + .seconds(pause) - .milliseconds(1)))
            now += .seconds(pause)
            #expect(plan.isDue(at: due, now))
        }
        plan.renewed(expiry: due + 86_400, renewal: due + 43_200)
        #expect(!plan.isDue(at: due, now))
        #expect(plan.isDue(at: due + 43_200, now))
        plan.renewalFailed(at: now, chance: 1)
        #expect(plan.isDue(at: due + 43_200, now + .seconds(5)))
    }

    @Test func `what has run out is never shown`() {
        var plan = Self.plan()
        #expect(plan.stepBeforeConnecting(at: Self.day + 86_399) == .connect)
        for _ in 0..<3 { #expect(plan.stepBeforeConnecting(at: Self.day + 86_400) == .recover) }
        plan.renewed(expiry: Self.day + 2 * 86_400, renewal: Self.day + 1.5 * 86_400)
        #expect(plan.stepBeforeConnecting(at: Self.day + 86_400) == .connect)
    }

    @Test func `a coordinator that takes it for expired is asked for another once`() {
        var plan = Self.plan()
        let refused = LanguageSystemError(
            .unavailable, "x", cause: "handshakeFailed(SSLV3_ALERT_CERTIFICATE_EXPIRED)")
        plan.connectionFailed(refused)
        #expect(plan.stepBeforeConnecting(at: Self.day) == .recoverEarly)
        #expect(plan.stepBeforeConnecting(at: Self.day) == .connect)
        // The newest connection counts.
        plan.connectionFailed(refused)
        plan.connectionFailed(LanguageSystemError(.unavailable, "x", cause: "refused"))
        #expect(plan.stepBeforeConnecting(at: Self.day) == .connect)
    }
}

@Suite struct `Session outbox` {
    /// What was said on `line` until it ended.
    private static func said(on line: SessionLine) async -> [WorkerEvent] {
        line.send(.draining)
        var events: [WorkerEvent] = []
        for await event in line.events {
            if event == .draining { break }
            events.append(event)
        }
        return events
    }

    @Test func `says nothing while nobody listens, and all of it once somebody does`() async {
        let outbox = SessionOutbox()
        outbox.send(.inventory([]))
        let line = SessionLine()
        outbox.open(line)
        outbox.send(.heartbeat([]))
        #expect(!outbox.sendIfOpen(.availability(takesTasks: false)), "there was no welcome yet")
        outbox.welcomed(at: Date())
        #expect(outbox.sendIfOpen(.availability(takesTasks: true)))
        #expect(outbox.close())
        outbox.send(.heartbeat([]))
        #expect(await Self.said(on: line) == [.heartbeat([]), .availability(takesTasks: true)])
    }

    @Test func `the outbox is open from the welcome to the end`() {
        let outbox = SessionOutbox()
        let date = Date()
        outbox.welcomed(at: date)
        #expect(!outbox.isOpen, "nobody was said hello to")
        outbox.open(SessionLine())
        #expect(!outbox.isOpen)
        outbox.welcomed(at: date)
        #expect(outbox.openSince == date)
        #expect(outbox.close())
        #expect(!outbox.close() && !outbox.isOpen)
    }

    @Test func `ends the session that is open when asked to reconnect`() async {
        let outbox = SessionOutbox()
        outbox.reconnect()
        let line = SessionLine()
        outbox.open(line)
        outbox.reconnect()
        for await _ in line.closing {}
    }
}

@Suite struct `Recent errors` {
    private static let start = Date(timeIntervalSince1970: 0)

    @Test func `keep the newest five, the newest first`() {
        var errors = RecentErrors()
        for number in 1...7 {
            errors.note(
                LanguageSystemError(.internal, "e\(number)"), at: Self.start + Double(number))
        }
        #expect(errors.lines.map(\.message) == ["e7", "e6", "e5", "e4", "e3"])
    }

    @Test func `name the same error once, with its newest time`() {
        var errors = RecentErrors()
        for (second, message) in ["a", "b", "a"].enumerated() {
            errors.note(LanguageSystemError(.internal, message), at: Self.start + Double(second))
        }
        #expect(errors.lines.map(\.message) == ["a", "b"])
        #expect(errors.lines[0].at == Self.start + 2)
    }
}
