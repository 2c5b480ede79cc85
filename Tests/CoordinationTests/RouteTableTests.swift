import Coordination
import LanguageSystem
import Testing

@Suite struct `Route table` {
    let start = ContinuousClock.now
    let key = RouteKey(model: "m", user: "ada", domain: nil)

    private enum Found: Equatable { case fresh(Int), aged(Int), outdated(Int), unknown }

    private func found(
        _ table: RouteTable<Int>, _ key: RouteKey, after: Duration = .zero
    ) -> Found {
        switch table.answer(to: key, at: start + after) {
        case .fresh(let answer): .fresh(answer)
        case .aged(let answer): .aged(answer)
        case .outdated(let answer): .outdated(answer)
        case .unknown: .unknown
        }
    }

    private func table(holding answer: Int = 7, naming rankers: [RankerID] = []) -> RouteTable<Int>
    {
        var table = RouteTable<Int>(timeToLive: .seconds(30))
        table.store(answer, for: key, naming: rankers, asOf: table.generation, at: start)
        return table
    }

    @Test func `an answer is fresh for its time to live, then aged, and still there`() {
        let table = table()
        #expect(found(table, key, after: .seconds(29)) == .fresh(7))
        #expect(found(table, key, after: .seconds(30)) == .aged(7))
        #expect(found(table, key, after: .seconds(3_000)) == .aged(7))
        #expect(found(table, RouteKey(model: "m", user: "ben", domain: nil)) == .unknown)
    }

    @Test func `an answer read before a change is outdated from the start`() {
        var table = RouteTable<Int>()
        let asked = table.generation
        table.outdateAll()
        table.store(7, for: key, naming: [], asOf: asked, at: start)
        #expect(found(table, key) == .outdated(7))
        table.store(8, for: key, naming: [], asOf: table.generation, at: start)
        #expect(found(table, key) == .fresh(8))
    }

    @Test func `an answer that was asked for before a user was forgotten is not stored`() {
        var table = table()
        let asked = table.generation
        table.forget(user: "ada") { _ in false }
        #expect(found(table, key) == .unknown)
        table.store(7, for: key, naming: [], asOf: asked, at: start)
        #expect(found(table, key) == .unknown)
        table.store(8, for: key, naming: [], asOf: table.generation, at: start)
        #expect(found(table, key) == .fresh(8))
    }

    @Test func `a user's ranker outdates that user's answers and those that name it, no others`() {
        var table = table()
        let ben = RouteKey(model: "m", user: "ben", domain: nil)
        let named = RouteKey(model: "r:champion", user: "eve", domain: nil)
        table.store(1, for: ben, naming: [RankerID(2)], asOf: table.generation, at: start)
        table.store(2, for: named, naming: [RankerID(1)], asOf: table.generation, at: start)
        table.outdate(RankerID(1), of: "ada")
        #expect(found(table, key) == .outdated(7))
        #expect(found(table, ben) == .fresh(1))
        #expect(found(table, named) == .outdated(2))
    }

    @Test func `a ranker of nobody's outdates everything`() {
        var table = table()
        table.outdate(RankerID(1), of: nil)
        #expect(found(table, key) == .outdated(7))
    }

    @Test func `changes of very many users are remembered as a change of all`() {
        var table = table()
        for number in 0..<10_001 { table.outdate(RankerID(Int64(number)), of: "user\(number)") }
        #expect(found(table, key) == .outdated(7))
    }

    @Test func `an answer to what is gone is forgotten`() {
        var table = table()
        table.forget(key)
        #expect(found(table, key) == .unknown)
    }

    @Test func `a route table never holds more than its bound`() {
        var table = RouteTable<Int>(entryCountMax: 10)
        for number in 0..<100 {
            table.store(
                number, for: RouteKey(model: "m", user: "\(number)", domain: nil), naming: [],
                asOf: table.generation, at: start)
            #expect(table.count <= 10)
        }
        #expect(found(table, RouteKey(model: "m", user: "99", domain: nil)) == .fresh(99))
    }

    @Test func `a name with a ranker's punctuation is one question, whoever asks`() {
        #expect(
            RouteKey(model: "r@1", user: "ada", domain: nil)
                == RouteKey(model: "r@1", user: nil, domain: try! DomainName("code")))
    }
}
