import Foundation
import Testing

/// What the compiler does not check about concurrency: values that are shared on our word, and
/// tasks that nobody waits for. Both are few, each is one that somebody thought about, and their
/// number only falls.
@Suite struct `Concurrency that the compiler does not check` {
    private static let files = `Traps in the sources`.files.map { file in
        (file.name, file.lines.map { String($0.text.prefix(while: { $0 != "\"" })) })
    }

    @Test func `what is unchecked says why a value may be shared`() {
        var count = 0
        for (name, lines) in Self.files {
            for (index, line) in lines.enumerated() where line.contains("@unchecked Sendable") {
                count += 1
                #expect(
                    Self.comment(above: index, in: lines).contains("Unchecked: "),
                    "\(name):\(index + 1): no comment above says `Unchecked: ` and the reason")
            }
        }
        // Fewer is better: lower the number. More wants a thought whether there is no other way.
        #expect(count <= 17)
    }

    /// How many tasks without a parent each file starts. A task group, or a service's `run()`, is
    /// the better place.
    private static let unstructured = [
        "Concurrency/FreshFlight.swift": 1,
        "Concurrency/SingleFlight.swift": 1,
        "CoordinatorServer/GRPC/GRPCPort.swift": 1,
        "CoordinatorServer/Peers/PeerLinks.swift": 1,
        "CoordinatorServer/Rerank/RerankShortcut.swift": 1,
        "CoordinatorServer/HTTP/RestService.swift": 1,
        "PostgresAccess/Pool/ConnectionPool.swift": 5,
        "lsbench/Interruption.swift": 1,
    ]

    @Test func `a task without a parent starts only where it is known`() {
        let task = /\bTask(?:\.(?:detached|immediate))?(?:\([^)]*\))? *\{/
        for (name, lines) in Self.files {
            let found = lines.indices.filter { index in
                !lines[index].drop { $0 == " " }.hasPrefix("//") && lines[index].contains("Task")
                    && lines[index].contains(task)
            }
            #expect(
                found.count == Self.unstructured[name] ?? 0,
                "\(name) starts tasks without a parent in lines \(found.map { $0 + 1 })")
        }
        #expect(Self.unstructured.keys.allSatisfy { name in Self.files.contains { $0.0 == name } })
    }

    private static func comment(above index: Int, in lines: [String]) -> String {
        lines[..<index].reversed().prefix { $0.drop { $0 == " " }.hasPrefix("//") }.joined()
    }
}
