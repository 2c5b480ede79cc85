// What waits to be written, bounded in number a second and in bytes, and shared evenly among those
// it is of: when it is full, whoever has most gives up its newest for one of somebody who has less.
// So nobody crowds out anybody, and whoever is alone has all of it.

struct FairQueue<Element: Sendable>: Sendable {
    fileprivate struct Entry: Sendable {
        let owner: String
        let byteCount: Int
        /// Whether its second is not over.
        var isOfWindow: Bool
        let element: Element
    }

    /// How many may be added between two calls of `closeWindow`.
    let windowCountMax: Int
    /// The bytes of all that waits or is being written.
    let byteCountMax: Int
    private(set) var byteCount = 0
    /// What waits, the oldest first.
    private var entries: [Entry] = []
    private var countsInWindow: [String: Int] = [:]
    private var byteCounts: [String: Int] = [:]
    private var windowCount = 0

    init(windowCountMax: Int, byteCountMax: Int) {
        self.windowCountMax = windowCountMax
        self.byteCountMax = byteCountMax
    }

    var count: Int { entries.count }

    /// - Returns: How many were dropped for it, itself included.
    mutating func add(_ element: Element, of owner: String, byteCount cost: Int) -> Int {
        guard windowCountMax > 0, cost <= byteCountMax else { return 1 }
        var droppedCount = 0
        if windowCount == windowCountMax {
            guard let most = Self.most(countsInWindow),
                countsInWindow[owner, default: 0] + 1 < most.value
            else { return 1 }
            drop { $0.owner == most.key && $0.isOfWindow }
            droppedCount += 1
        }
        while byteCount + cost > byteCountMax {
            guard let most = Self.most(byteCounts),
                byteCounts[owner, default: 0] + cost < most.value
            else { return droppedCount + 1 }
            drop { $0.owner == most.key }
            droppedCount += 1
        }
        entries.append(
            Entry(owner: owner, byteCount: cost, isOfWindow: true, element: element))
        windowCount += 1
        countsInWindow[owner, default: 0] += 1
        byteCount += cost
        byteCounts[owner, default: 0] += cost
        return droppedCount
    }

    /// Ends a second: what came in it stays, and as many more may come.
    mutating func closeWindow() {
        windowCount = 0
        countsInWindow = [:]
        for index in entries.indices.reversed() {
            guard entries[index].isOfWindow else { break }
            entries[index].isOfWindow = false
        }
    }

    /// Takes what came in seconds that are over; it keeps its room until it is `written`.
    mutating func take() -> Batch {
        let count = entries.firstIndex(where: \.isOfWindow) ?? entries.count
        let batch = Batch(entries: Array(entries[..<count]))
        entries.removeFirst(count)
        for entry in batch.entries { account(entry, isAway: true) }
        return batch
    }

    /// - Parameter place: From this one on the batch was not written, and waits again.
    mutating func written(_ batch: Batch, from place: Int) {
        byteCount -= batch.entries[..<place].reduce(0) { $0 + $1.byteCount }
        let rest = batch.entries[place...]
        for entry in rest { account(entry, isAway: false) }
        entries.insert(contentsOf: rest, at: 0)
    }

    struct Batch: Sendable {
        fileprivate let entries: [Entry]

        var elements: [Element] { entries.map(\.element) }
    }

    private mutating func account(_ entry: Entry, isAway: Bool) {
        byteCounts[entry.owner, default: 0] += isAway ? -entry.byteCount : entry.byteCount
        if byteCounts[entry.owner] == 0 { byteCounts[entry.owner] = nil }
    }

    /// - Returns: How many of those that wait were meant.
    mutating func remove(where isMeant: (Element) -> Bool) -> Int {
        let indices = entries.indices.filter { isMeant(entries[$0].element) }
        for index in indices.reversed() { remove(at: index) }
        return indices.count
    }

    private mutating func drop(_ isMeant: (Entry) -> Bool) {
        guard let index = entries.lastIndex(where: isMeant) else { return }
        remove(at: index)
    }

    private mutating func remove(at index: Int) {
        let entry = entries.remove(at: index)
        byteCount -= entry.byteCount
        account(entry, isAway: true)
        guard entry.isOfWindow else { return }
        windowCount -= 1
        countsInWindow[entry.owner, default: 1] -= 1
    }

    /// The owner of most; of several, the same one each time.
    private static func most(_ counts: [String: Int]) -> (key: String, value: Int)? {
        counts.max { ($0.value, $1.key) < ($1.value, $0.key) }
    }
}
