// Which process a session is of, as it travels.
import GRPCCore
import Testing
import LanguageSystem
import WorkerWire

@Suite struct `Worker process` {
    @Test func `a worker's process travels as metadata, and a worker of before has none`() throws {
        let process = try #require(WorkerProcess(instance: "A-1", place: "0f_2"))
        #expect(WorkerProcess(process.metadata) == process)
        #expect(WorkerProcess([:]) == nil)
    }

    @Test(arguments: [
        "", " ", "a b", "ä", String(repeating: "a", count: 65), "a\n", "';--", "../x", "\u{0}",
    ])
    func `a process that is malformed is none, whatever is in it`(text: String) {
        #expect(WorkerProcess(instance: text, place: "m1") == nil)
        #expect(WorkerProcess(instance: "i1", place: text) == nil)
        var metadata: Metadata = [:]
        metadata.addString(text, forKey: "ls-instance")
        metadata.addString("m1", forKey: "ls-place")
        #expect(WorkerProcess(metadata) == nil)
    }
}
