// One optimizer step over a batch of groups, shared among the threads of a team. Each distinct
// row of a batch is projected once and its gradients are summed before the one product; the
// features themselves get no gradient. Phases, with all threads waiting for each other between
// them: project (split by rows), blocks and loss (by groups), sum, projection's gradient (by
// columns), update (by columns, the rest by thread 0).
internal import LanguageSystem
package import RankerMath

package final class Trainer {
    private let layout: RankerLayout
    private let table: FeatureTable
    private let training: TrainingConfiguration
    private let team: ThreadTeam
    private let optimiser: Optimiser
    private let memory: Scratch
    private let parameters: UnsafeMutablePointer<Float>
    /// The trunk's weights transposed for multiplying; nil where they are multiplied as they are.
    private let transposed: UnsafeMutablePointer<Float>?
    private let packed: PackedWeights?
    private let projection: ProjectionWeights?
    /// z [U, d], U the distinct rows of a batch.
    private let z: UnsafeMutablePointer<Float>
    /// The sum of the threads' dz as pairs of rows.
    private let pairs: UnsafeMutablePointer<UInt32>
    private let workers: [TrainerThread]
    private let candidateCount: Int
    private let batch: DistinctRows
    /// Time spent in each phase since the start.
    package private(set) var phases = TrainingPhases()

    package init(
        _ weights: RankerWeights, _ training: TrainingConfiguration, on table: FeatureTable,
        team: ThreadTeam
    ) {
        let layout = RankerLayout(weights.configuration)
        self.layout = layout
        self.training = training
        self.table = table
        self.team = team
        candidateCount = training.candidateCount
        let optimizer = training.optimizer
        let kind: OptimiserKind =
            optimizer.name == .sgd
            ? .sgd(momentum: optimizer.momentum)
            : .adamW(
                beta1: optimizer.betas[0], beta2: optimizer.betas[1], epsilon: optimizer.epsilon)
        optimiser = Optimiser(
            kind, weightDecay: optimizer.weightDecay, parameterCount: layout.count)
        let rowCountMax = min(
            training.batchGroups * (training.candidateCount + 1), table.queryCount + table.rowCount)
        let (width, count) = (weights.configuration.width, layout.count)
        let zCount = rowCountMax * width
        let isPacked = layout.trunk.isPacked(training.precision)
        let transposedCount = layout.trunk.isTransposed ? count : 0
        let zPairCount = (rowCountMax + 1) / 2 * width
        let pairCount = isPacked ? count / 2 : 0
        memory = Scratch(
            count: [count, zCount, zPairCount, transposedCount, pairCount, pairCount]
                .map(Scratch.rounded).reduce(0, +))
        let parameters = memory.take(count)
        self.parameters = parameters
        weights.values.withUnsafeBufferPointer {
            // It has an address: no ranker is without weights.
            parameters.update(from: $0.baseAddress!, count: count)
        }
        z = memory.take(zCount)
        pairs = memory.takeWords(zPairCount)
        transposed = layout.trunk.isTransposed && !isPacked ? memory.take(count) : nil
        packed =
            isPacked
            ? PackedWeights(
                forward: memory.takeWords(pairCount), backward: memory.takeWords(pairCount)) : nil
        projection = layout.projection.map {
            ProjectionWeights($0, precision: training.precision)
        }
        projection?.fill(from: parameters)
        batch = DistinctRows(
            table, groupCountMax: training.batchGroups, candidateCount: candidateCount,
            hasLearnedInstruction: layout.instruction != nil)
        workers = (0..<team.count).map { _ in
            TrainerThread(
                layout, candidateCount: training.candidateCount, rowCountMax: rowCountMax,
                isPacked: isPacked)
        }
        followUpdate()
    }

    /// Updates the transposed copies and pairs of the tail's parameters.
    private func followUpdate() {
        projection?.fillBias(from: parameters)
        if let transposed {
            layout.trunk.transpose({ UnsafePointer(parameters) + $0 }, into: transposed)
        }
        if let packed { layout.trunk.pack(parameters, into: packed) }
    }

    package var weights: RankerWeights {
        RankerWeights(
            configuration: layout.configuration,
            values: Array(UnsafeBufferPointer(start: parameters, count: layout.count)))
    }

    /// dL/dparameters of the last batch, in the layout's order.
    package var gradient: [Float] {
        Array(UnsafeBufferPointer(start: workers[0].gradient, count: layout.count))
    }

    /// The first token of the last batch whose norm or score was not finite, for people; nil when
    /// all were finite.
    private(set) var notFinite: String?

    /// Makes one step on the groups `order`.
    /// - Returns: The mean loss before the update.
    package func step(
        _ groups: CandidateGroups, order: ArraySlice<Int32>, rate: Double
    ) -> Double {
        let loss = computeGradient(groups, order: order)
        optimiser.begin()
        phases.measure(\.update) {
            team.run { update(thread: $0, rate: rate) }
            followUpdate()
        }
        return loss
    }

    /// Computes the mean loss of the groups, and its gradient in `gradient`.
    package func computeGradient(_ groups: CandidateGroups, order: ArraySlice<Int32>) -> Double {
        precondition(order.count <= training.batchGroups && !order.isEmpty, "a batch has groups")
        precondition(groups.candidateCount == candidateCount, "groups of another size")
        phases.measure(\.gather) { batch.find(groups, order) }
        phases.measure(\.project) { project(batch.rows) }
        phases.measure(\.blocks) {
            team.run { runGroups(groups, order, thread: $0) }
        }
        phases.measure(\.sum) { team.run { sumThreads(thread: $0) } }
        if projection != nil {
            phases.measure(\.gradient) { projectionGradient(batch.rows) }
        }
        notFinite = words(
            of: workers.compactMap(\.notFinite).min { $0.group < $1.group }, groups, order)
        var loss = 0.0
        for worker in workers { loss += worker.loss }
        return loss / Double(order.count)
    }

    /// The token for people: `the norm of candidate 3 of query 7 of PATH`. The numbers are those of
    /// the feature set, not of the drawn group.
    private func words(
        of found: NotFinite?, _ groups: CandidateGroups, _ order: ArraySlice<Int32>
    ) -> String? {
        guard let found else { return nil }
        let group = Int(order[order.startIndex + found.group])
        let query = Int(groups.queries[group])
        let candidate = found.candidate.map {
            Int(groups.rows[group * candidateCount + $0]) - table.pool(of: query).lowerBound
        }
        let place = table.place(of: query)
        let token = NotFinite(group: group, candidate: candidate, quantity: found.quantity)
        return "\(token.words) of query \(place.query) of \(table.sets[place.set].name)"
    }

    private func project(_ rows: UnsafeBufferPointer<StoredRow>) {
        let (width, size) = (layout.configuration.width, layout.configuration.hiddenSize)
        team.run { thread in
            let range = team.share(of: rows.count, for: thread)
            let target = z + range.lowerBound * width
            let part = UnsafeBufferPointer(rebasing: rows[range])
            if let projection {
                projection.forward(part, workers[thread].projectionScratch, into: target)
            } else {
                for (index, row) in part.enumerated() {
                    row.widen(0..<size, into: target + index * size)
                }
            }
        }
    }

    private func runGroups(
        _ groups: CandidateGroups, _ order: ArraySlice<Int32>, thread: Int
    ) {
        workers[thread].runGroups(
            team.share(of: order.count, for: thread), batchCount: order.count,
            rowCount: batch.rows.count,
            parameters: Parameters(values: parameters, transposed: transposed, packed: packed),
            z: z,
            slots: batch.slots, training: training
        ) { group, labels in
            let first = Int(order[order.startIndex + group]) * candidateCount
            for k in 0..<candidateCount {
                labels[k] = table.labels[Int(groups.rows[first + k])]
            }
        }
    }

    /// Adds the other threads' gradients to thread 0's. Each thread adds its share, in thread
    /// order.
    private func sumThreads(thread: Int) {
        let (trunkStart, width) = (layout.trunkStart, layout.configuration.width)
        let part = team.share(of: layout.count - trunkStart, for: thread, step: 16)
        let range = team.share(of: batch.rows.count, for: thread, step: 2)
        for other in workers.dropFirst() {
            add(
                other.gradient + trunkStart + part.lowerBound,
                to: workers[0].gradient + trunkStart + part.lowerBound, count: part.count)
            if projection != nil {
                add(
                    other.dz + range.lowerBound * width,
                    to: workers[0].dz + range.lowerBound * width, count: range.count * width)
            }
        }
        if projection?.precision == .bfloat16 {
            pairRows(
                workers[0].dz + range.lowerBound * width,
                into: pairs + range.lowerBound / 2 * width, rows: range.count, width: width)
        }
    }

    private func projectionGradient(_ rows: UnsafeBufferPointer<StoredRow>) {
        guard let projection else { return }
        let (dz, gradient) = (workers[0].dz, workers[0].gradient)
        team.run { thread in
            projection.gradient(
                rows, columns: columns(of: thread), dz: dz, pairs: pairs,
                workers[thread].projectionScratch, into: gradient)
            guard thread == 0 else { return }
            let (bias, d) = (gradient + projection.layer.bias, projection.layer.outputs)
            bias.update(repeating: 0, count: d)
            addColumnSums(of: dz, to: bias, rows: rows.count, width: d)
        }
    }

    /// This thread's columns of the projection.
    private func columns(of thread: Int) -> Range<Int> {
        team.share(
            of: layout.configuration.hiddenSize, for: thread, step: ProjectionWeights.columnStep)
    }

    private func update(thread: Int, rate: Double) {
        func step(_ range: Range<Int>) {
            optimiser.step(parameters, workers[0].gradient, range: range, rate: rate)
        }
        guard let projection else {
            step(team.share(of: layout.count, for: thread, step: 16))
            return
        }
        if thread == 0 { step(projection.layer.bias..<layout.count) }
        let columns = columns(of: thread)
        for output in 0..<projection.layer.outputs {
            let row = projection.layer.weight + output * projection.layer.inputs
            step(row + columns.lowerBound..<row + columns.upperBound)
        }
        projection.fill(from: parameters, columns: columns)
    }
}
