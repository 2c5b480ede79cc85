// The plan alone: nothing is started here.
import Testing

@Suite struct `Fault plan` {
    @Test(arguments: [1, 7, 8_462_187] as [UInt64])
    func `the same seed gives the same faults, another seed others`(seed: UInt64) {
        let steps = Array(FaultPlan(seed: seed, of: Fault.ofServers).prefix(40))
        #expect(steps == Array(FaultPlan(seed: seed, of: Fault.ofServers).prefix(40)))
        #expect(steps != Array(FaultPlan(seed: seed + 1, of: Fault.ofServers).prefix(40)))
        #expect(steps.map(\.number) == Array(1...40))
    }

    @Test(arguments: [Fault.ofServers, Fault.ofEmbedded])
    func `each round has each kind of fault once`(faults: [Fault]) {
        let steps = Array(FaultPlan(seed: 3, of: faults).prefix(faults.count * 3))
        for start in stride(from: 0, to: steps.count, by: faults.count) {
            #expect(Set(steps[start..<start + faults.count].map(\.fault)) == Set(faults))
        }
    }

    @Test func `every fault belongs to one of the two installations`() {
        #expect(Set(Fault.ofServers).isDisjoint(with: Fault.ofEmbedded))
        #expect(Fault.ofServers.count + Fault.ofEmbedded.count == Fault.allCases.count)
    }

    @Test func `the faults of seed 1 are the ones written here, on every machine`() {
        #expect(
            FaultPlan(seed: 1, of: Fault.ofEmbedded).prefix(4).map(\.fault) == [
                .embeddedBothKilled, .idleWorkerStalled, .embeddedCoordinatorKilled,
                .embeddedServerKilled,
            ])
    }
}
