// Where the time of a training run goes.

/// Seconds of wall time in each phase of all steps.
package struct TrainingPhases: Sendable {
    package var gather = 0.0
    package var project = 0.0
    package var blocks = 0.0
    package var sum = 0.0
    package var gradient = 0.0
    package var update = 0.0

    package var total: Double { gather + project + blocks + sum + gradient + update }

    /// The phases with their names for people.
    package var named: [(name: String, seconds: Double)] {
        [
            ("distinct rows of the batch", gather), ("projection", project),
            ("blocks and loss, both ways", blocks), ("sum over threads", sum),
            ("gradient of the projection", gradient), ("update", update),
        ]
    }

    mutating func measure<R>(_ phase: WritableKeyPath<Self, Double>, _ work: () -> R) -> R {
        let clock = ContinuousClock()
        let start = clock.now
        let result = work()
        let parts = (clock.now - start).components
        self[keyPath: phase] += Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
        return result
    }
}
