// Whoever asks much takes nothing from whoever asks little, and whoever is alone has all of it.
import Testing

@testable import Coordination

@Suite struct `Fair queue` {
    private typealias Queue = FairQueue<Int>

    @Test func `an owner alone has all of a second`() {
        var queue = Queue(windowCountMax: 5, byteCountMax: 100)
        #expect((0..<8).map { queue.add($0, of: "a", byteCount: 1) } == [0, 0, 0, 0, 0, 1, 1, 1])
        #expect(queue.take().elements.isEmpty, "its second is not over")
        queue.closeWindow()
        #expect(queue.take().elements == [0, 1, 2, 3, 4])
    }

    @Test func `an owner who comes late in a second has a part of it`() {
        var queue = Queue(windowCountMax: 5, byteCountMax: 100)
        for number in 0..<5 { _ = queue.add(number, of: "much", byteCount: 1) }
        #expect(queue.add(10, of: "little", byteCount: 1) == 1)
        #expect(queue.add(11, of: "little", byteCount: 1) == 1)
        // Two and three: another would only turn that round.
        #expect(queue.add(12, of: "little", byteCount: 1) == 1)
        queue.closeWindow()
        #expect(queue.take().elements == [0, 1, 2, 10, 11])
    }

    @Test func `large entries make room of their own`() {
        var queue = Queue(windowCountMax: 100, byteCountMax: 10)
        #expect(queue.add(0, of: "large", byteCount: 5) == 0)
        #expect(queue.add(1, of: "large", byteCount: 5) == 0)
        #expect(queue.add(2, of: "large", byteCount: 5) == 1)
        #expect(queue.add(3, of: "small", byteCount: 1) == 1, "one large one went for it")
        #expect(queue.add(4, of: "other", byteCount: 11) == 1, "it never fits")
        queue.closeWindow()
        #expect(queue.take().elements == [0, 3])
    }

    @Test func `a batch takes its room until it is written, and comes back in its place`() {
        var queue = Queue(windowCountMax: 10, byteCountMax: 10)
        _ = queue.add(0, of: "a", byteCount: 6)
        queue.closeWindow()
        let batch = queue.take()
        #expect(queue.byteCount == 6 && queue.count == 0)
        #expect(queue.add(1, of: "b", byteCount: 5) == 1)
        #expect(queue.add(2, of: "b", byteCount: 4) == 0)
        queue.written(batch, from: 0)
        queue.closeWindow()
        let again = queue.take()
        #expect(again.elements == [0, 2])
        queue.written(again, from: again.elements.count)
        #expect(queue.byteCount == 0)
    }

    @Test func `entries that were not written wait again, those taken out give their room back`() {
        var queue = Queue(windowCountMax: 10, byteCountMax: 30)
        for element in 0..<4 { _ = queue.add(element, of: "a", byteCount: 5) }
        queue.closeWindow()
        let batch = queue.take()
        queue.written(batch, from: 1)
        #expect(queue.byteCount == 15 && queue.count == 3)
        #expect(queue.add(4, of: "a", byteCount: 5) == 0)
        #expect(queue.remove { $0 == 2 || $0 == 4 } == 2)
        #expect(queue.byteCount == 10)
        queue.closeWindow()
        #expect(queue.take().elements == [1, 3])
    }

    @Test(arguments: 1...30) func `the queue keeps its bounds and each owner's part`(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let countMax = Int.random(in: 0...9, using: &random)
        var queue = FairQueue<(owner: String, byteCount: Int)>(
            windowCountMax: countMax, byteCountMax: 50)
        var addedCount = 0, droppedCount = 0, writtenCount = 0
        var asked: [String: Int] = [:]
        var isTight = false
        func finish() {
            queue.closeWindow()
            let batch = queue.take()
            // Where bytes were no trouble, nobody has more than one that was refused, plus one.
            if !isTight {
                let kept = Dictionary(grouping: batch.elements, by: \.owner).mapValues(\.count)
                for (owner, count) in asked where kept[owner, default: 0] < count {
                    #expect((kept.values.max() ?? 0) <= kept[owner, default: 0] + 1)
                }
            }
            writtenCount += batch.elements.count
            queue.written(batch, from: batch.elements.count)
            #expect(queue.byteCount == 0 && queue.count == 0)
            asked = [:]
            isTight = false
        }
        for _ in 0..<500 {
            let owner = ["a", "a", "a", "b", "b", "c"].randomElement(using: &random) ?? "a"
            let cost = Int.random(in: 0...(Bool.random(using: &random) ? 3 : 30), using: &random)
            if queue.byteCount + cost > 50 { isTight = true }
            addedCount += 1
            asked[owner, default: 0] += 1
            droppedCount += queue.add((owner, cost), of: owner, byteCount: cost)
            #expect(queue.byteCount <= 50 && queue.count <= countMax)
            if Int.random(in: 0..<20, using: &random) == 0 { finish() }
        }
        finish()
        #expect(addedCount == droppedCount + writtenCount)
    }
}
