import Foundation
import Testing

@testable import Benchmarking

@Suite struct `What processes use` {
    /// `stat` of a process with the given name, parent and times.
    static func line(_ id: Int, _ name: String, parent: Int, ticks: String = "1 2 3 4") -> String {
        "\(id) (\(name)) S \(parent) 1 1 0 -1 4194560 90 0 0 0 \(ticks) 20 0 1 0 100 9000 25 18"
    }

    static func usage(_ text: String) -> ProcessUsage? {
        ProcessUsage(stat: text, ticksPerSecond: 100, pageSize: 4_096)
    }

    @Test(arguments: ["postgres", "a b", "odd) (name", ")"])
    func `a process's use is read whatever the program is called`(name: String) throws {
        let usage = try #require(Self.usage(Self.line(7, name, parent: 3)))
        #expect(usage.processID == 7 && usage.parentID == 3)
        #expect(abs(usage.cpuSeconds - 0.1) < 1e-12, "own and children's, in ticks of 10 ms")
        #expect(usage.residentBytes == 25 * 4_096)
    }

    @Test(arguments: ["", "7", "7 (sh) S 3", "x (sh) S 1 2 3"])
    func `text that says nothing of a process is nil`(text: String) {
        #expect(Self.usage(text) == nil)
    }

    @Test func `children of children are found, and nobody else's`() throws {
        let all = try [(2, 1), (3, 2), (4, 3), (5, 1), (6, 5)].map { id, parent in
            try #require(Self.usage(Self.line(id, "p", parent: parent)))
        }
        let found = ProcessUsage.descendants(of: 2, among: all).map(\.processID).sorted()
        #expect(found == [3, 4])
    }

    @Test func `this very process is known`() throws {
        let usage = try #require(ProcessUsage.of(getpid()))
        #expect(usage.processID == getpid() && usage.parentID == getppid())
        #expect(usage.residentBytes > 1 << 20)
    }
}
