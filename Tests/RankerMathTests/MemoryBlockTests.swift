import Testing

@testable import RankerMath

@Suite struct `Memory of weights` {
    /// Taken and given back by four tasks at once, in any order.
    @Test func `no two blocks overlap, and what is given back is taken again`() async {
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask {
                    var generator = SystemRandomNumberGenerator()
                    var held:
                        [(scratch: Scratch, words: UnsafeMutablePointer<UInt32>, mark: UInt32)] = []
                    let counts = [7, 50_048, 131_136, 131_136]
                    for step in 0..<400 {
                        if held.count < 40, Bool.random(using: &generator) || held.isEmpty {
                            let scratch = Scratch(count: counts[step % counts.count])
                            let words = scratch.takeWords(counts[step % counts.count])
                            #expect(words[0] == 0 && words[counts[step % counts.count] - 1] == 0)
                            let mark = UInt32(task << 16 | step + 1)
                            words[0] = mark
                            words[counts[step % counts.count] - 1] = mark
                            held.append((scratch, words, mark))
                        } else {
                            let place = Int.random(in: 0..<held.count, using: &generator)
                            let one = held.remove(at: place)
                            withExtendedLifetime(one.scratch) { #expect(one.words[0] == one.mark) }
                        }
                    }
                    for one in held {
                        withExtendedLifetime(one.scratch) { #expect(one.words[0] == one.mark) }
                    }
                }
            }
        }
    }

    @Test func `of one size at most one mapping stays when nobody has any`() {
        // A size that nothing else uses.
        let count = 77_777
        var held = (0..<100).map { _ in Scratch(count: count) }
        let byteCount = held[0].byteCount
        #expect(MemoryBlock.freeCount(byteCount: byteCount) == 12)
        held.shuffle()
        held.removeAll()
        #expect(MemoryBlock.freeCount(byteCount: byteCount) == 16)
    }
}
