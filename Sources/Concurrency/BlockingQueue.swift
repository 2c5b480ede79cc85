// What the threads of this project read their work from: they sleep while there is none, and end
// when the queue is stopped and empty.
import Foundation

/// A first-in, first-out queue whose readers block.
// Unchecked: the condition guards all of it.
final class BlockingQueue<Element: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    /// Nil where an element was taken: what it held is released at once.
    private var elements: [Element?] = []
    private var head = 0
    private var isStopped = false

    /// How many elements wait.
    var count: Int { condition.withLock { elements.count - head } }

    /// - Returns: False, and nothing was added, when `countMax` elements wait already.
    @discardableResult
    func append(_ element: Element, countMax: Int = .max) -> Bool {
        condition.withLock {
            guard elements.count - head < countMax else { return false }
            elements.append(element)
            condition.signal()
            return true
        }
    }

    /// The oldest element; waits until there is one.
    ///
    /// - Returns: Nil when the queue was stopped and nothing is left.
    func next() -> Element? {
        condition.withLock {
            while head == elements.count {
                if isStopped { return nil }
                condition.wait()
            }
            let element = elements[head]
            elements[head] = nil
            head += 1
            // Now and then, which makes it O(1) an element.
            if head == elements.count || head > max(256, elements.count / 2) {
                elements.removeFirst(head)
                head = 0
            }
            return element
        }
    }

    /// What waits is still read.
    func stop() {
        condition.withLock {
            isStopped = true
            condition.broadcast()
        }
    }
}
