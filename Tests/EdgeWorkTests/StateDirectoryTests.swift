// Where a worker runs, as coordinators may know it.
import Foundation
import Testing

@testable import EdgeWork

@Suite struct `State directory` {
    @Test
    func `its fingerprint is the same at each start, and another for a copy of the directory`()
        async throws
    {
        try await withDirectory { directory in
            let (state, copy) = (
                StateDirectory(directory + "/state"), StateDirectory(directory + "/copy")
            )
            try state.prepare()
            try FileManager.default.copyItem(atPath: state.path, toPath: copy.path)
            #expect(state.fingerprint == StateDirectory(state.path).fingerprint)
            #expect(state.fingerprint != copy.fingerprint)
            // The machine's own id is not for sending around.
            #expect(state.fingerprint.utf8.count == 32)
            let machine = (try? String(contentsOfFile: "/etc/machine-id", encoding: .utf8)) ?? "-"
            #expect(
                !state.fingerprint.contains(machine.trimmingCharacters(in: .whitespacesAndNewlines))
            )
        }
    }
}
