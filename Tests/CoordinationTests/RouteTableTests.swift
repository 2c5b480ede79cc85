import Coordination
import LanguageSystem
import Testing

@Suite struct `Route table` {
    let start = ContinuousClock.now
    let key = RouteKey(model: "m", user: "ada", domain: nil)

    @Test func `remembers an answer for its time to live`() {
        var table = RouteTable<Int>(timeToLive: .seconds(30))
        table.store(7, for: key, asOf: table.generation, at: start)
        #expect(table.answer(to: key, at: start + .seconds(29)) == 7)
        #expect(table.answer(to: key, at: start + .seconds(30)) == nil)
    }

    @Test func `an answer read before an alias moved is not kept after`() {
        var table = RouteTable<Int>()
        let asked = table.generation
        table.forgetAll()
        table.store(7, for: key, asOf: asked, at: start)
        #expect(table.answer(to: key, at: start) == nil)
    }

    @Test func `never holds more than its bound`() {
        var table = RouteTable<Int>(entryCountMax: 10)
        for number in 0..<100 {
            table.store(
                number, for: RouteKey(model: "m", user: "\(number)", domain: nil),
                asOf: table.generation,
                at: start)
            #expect(table.count <= 10)
        }
        #expect(
            table.answer(to: RouteKey(model: "m", user: "99", domain: nil), at: start) == 99)
    }
}
