// Machines that come back with old identities: one with a copy of a worker's, one whose name has
// joined elsewhere. Whichever is the older is told and stops for good; nothing goes back and forth,
// and no task pays for it.
import Foundation
import Testing

extension FaultRun {
    /// A second machine starts with a copy of a worker's identity, at the next lscoord.
    func copyIdentity(_ step: FaultStep) async throws {
        let index = step.pick(Array(site.workers.indices))
        let worker = site.workers[index]
        let coordinator = (worker.coordinator + 1) % site.coordinators.count
        let name = try site.copyIdentity(of: index, for: coordinator)
        let copy = try site.startMachine(name, at: coordinator)
        try await expectStopped(index, step, because: "another machine uses this identity")
        try await expectWork(by: worker.name, at: coordinator, step)
        // Started again, the worker is the newer of the two.
        try site.startWorker(index)
        try await eventually(within: 60, "the copy of \(worker.name) stops") {
            !copy.process.isRunning
        }
        #expect(copy.process.terminationStatus == 77, "\(copy.text.suffix(500)); seed \(seed)")
        try await expectWork(by: worker.name, at: worker.coordinator, step)
        #expect(site.isRunning(worker: index), "they evicted each other; seed \(seed)")
    }

    /// A worker's name joins again on another machine; the old one is shut out, and again when it
    /// comes back.
    func replaceIdentity(_ step: FaultStep) async throws {
        let index = step.pick(Array(site.workers.indices))
        let worker = site.workers[index]
        let coordinator = (worker.coordinator + 1) % site.coordinators.count
        let token = try await site.lscoord(["token", "create", "--name", worker.name, "--quiet"])
        try #require(token.status == 0, "\(token)")
        let name = "\(worker.name)-new-\(UUID().uuidString.prefix(4))"
        let machine = try site.startMachine(
            name, at: coordinator,
            token: token.output.trimmingCharacters(in: .whitespacesAndNewlines))
        try await expectStopped(index, step, because: "the name has joined again since")
        try site.startWorker(index)
        try await expectStopped(index, step, because: "the name has joined again since")
        try await expectWork(by: worker.name, at: coordinator, step)
        #expect(machine.process.isRunning, "\(machine.text.suffix(500)); seed \(seed)")
        machine.stop()
        try site.adopt(name, at: coordinator, asWorker: index)
        try site.startWorker(index)
    }

    private func expectStopped(_ index: Int, _ step: FaultStep, because reason: String)
        async throws
    {
        let name = site.workers[index].name
        try await eventually(within: 60, "\(name) stops by itself") {
            !site.isRunning(worker: index)
        }
        #expect(site.exitStatus(worker: index) == 77, "\(step), seed \(seed)")
        #expect(
            site.text(worker: index).suffix(1_500).contains(reason), "\(step), seed \(seed)")
    }

    /// Whoever has the name now completes a task.
    private func expectWork(by name: String, at coordinator: Int, _ step: FaultStep) async throws {
        let now = try await site.sql("select clock_timestamp()")
        try await eventually(within: 120, "the machine that is \(name) now completes a task") {
            try await keepBusy()
            return try await site.sql(
                """
                select count(*) > 0 from ls.attempt_history
                where worker = '\(name)' and state = 'succeeded' and leased_at > '\(now)'
                """) == "t"
        }
    }
}
