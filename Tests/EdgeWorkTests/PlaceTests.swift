// Where a worker runs, as coordinators may know it.
import Foundation
import Testing

@testable import EdgeWork

@Suite struct `A state directory's place` {
    @Test func `is the same at each start, and another for a copy of the directory`() async throws {
        try await withDirectory { directory in
            let (state, copy) = (
                StateDirectory(directory + "/state"), StateDirectory(directory + "/copy")
            )
            try state.prepare()
            try FileManager.default.copyItem(atPath: state.path, toPath: copy.path)
            #expect(state.place == StateDirectory(state.path).place)
            #expect(state.place != copy.place)
            // The machine's own id is not for sending around.
            #expect(state.place.utf8.count == 32)
            let machine = (try? String(contentsOfFile: "/etc/machine-id", encoding: .utf8)) ?? "-"
            #expect(
                !state.place.contains(machine.trimmingCharacters(in: .whitespacesAndNewlines)))
        }
    }
}
