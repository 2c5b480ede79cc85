// One optimiser step over a batch of groups, shared among the threads of a team. Each distinct
// row of a batch is projected once and its gradients are summed before the one product; the
// features themselves get no gradient. Phases, with all threads waiting for each other between them:
// project (split by rows), blocks and loss (by groups), sum, projection's gradient (by columns),
// update (by parameters).
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
    /// z [U, d] and dz of each thread, U the distinct rows of a batch.
    private let z: UnsafeMutablePointer<Float>
    private let workers: [TrainerThread]
    private let candidateCount: Int
    private var slotOfToken: [Int32]
    private var distinct: [Int32] = []
    private var slots: [Int32] = []

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
        let rowCountMax = training.batchGroups * (training.candidateCount + 1)
        let (width, count) = (weights.configuration.width, layout.count)
        memory = Scratch(count: Scratch.rounded(count) + Scratch.rounded(rowCountMax * width))
        let parameters = memory.take(count)
        self.parameters = parameters
        weights.values.withUnsafeBufferPointer {
            parameters.update(from: $0.baseAddress!, count: count)
        }
        z = memory.take(rowCountMax * width)
        slotOfToken = Array(repeating: -1, count: table.queryCount + table.rowCount)
        workers = (0..<team.count).map { _ in
            TrainerThread(layout, candidateCount: training.candidateCount, rowCountMax: rowCountMax)
        }
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

    /// One step on groups `range`, in the order given.
    /// - Returns: the mean loss before the update.
    package func step(
        _ groups: CandidateGroups, order: ArraySlice<Int32>, rate: Double
    ) -> Double {
        let loss = computeGradient(groups, order: order)
        optimiser.begin()
        team.run { thread in
            let range = team.share(of: layout.count, for: thread, step: 16)
            optimiser.step(parameters, workers[0].gradient, range: range, rate: rate)
        }
        return loss
    }

    /// Mean loss of the groups; leaves its gradient in `gradient`.
    package func computeGradient(_ groups: CandidateGroups, order: ArraySlice<Int32>) -> Double {
        precondition(order.count <= training.batchGroups && !order.isEmpty, "a batch has groups")
        precondition(groups.candidateCount == candidateCount, "groups of another size")
        findDistinctRows(groups, order)
        let rowCount = distinct.count
        let width = layout.configuration.width
        team.run { thread in
            let range = team.share(of: rowCount, for: thread)
            workers[thread].projector.project(
                parameters, rowCount: range.count, into: z + range.lowerBound * width
            ) { row, target in
                table.widen(
                    token: Int(distinct[range.lowerBound + row]),
                    columns: 0..<layout.configuration.hiddenSize, into: target)
            }
        }
        team.run { thread in
            let range = team.share(of: order.count, for: thread)
            workers[thread].runGroups(
                range, batchCount: order.count, rowCount: rowCount, parameters: parameters, z: z,
                slots: slots, training: training
            ) { group, labels in
                let first = Int(order[order.startIndex + group]) * candidateCount
                for k in 0..<candidateCount {
                    labels[k] = table.labels[Int(groups.rows[first + k])]
                }
            }
        }
        team.run { sumThreads(thread: $0, rowCount: rowCount) }
        if layout.projection != nil {
            team.run { projectionGradient(thread: $0, rowCount: rowCount) }
        }
        var loss = 0.0
        for worker in workers { loss += worker.loss }
        return loss / Double(order.count)
    }

    /// Fills `distinct` with the batch's rows, each once, and `slots` [groups, K + 1] with where
    /// each token's row stands in it (-1: the learned instruction).
    private func findDistinctRows(_ groups: CandidateGroups, _ order: ArraySlice<Int32>) {
        for token in distinct { slotOfToken[Int(token)] = -1 }
        distinct.removeAll(keepingCapacity: true)
        slots.removeAll(keepingCapacity: true)
        for group in order {
            if layout.instruction == nil {
                slots.append(slot(of: Int(groups.queries[Int(group)])))
            } else {
                slots.append(-1)
            }
            for k in 0..<candidateCount {
                let row = Int(groups.rows[Int(group) * candidateCount + k])
                slots.append(slot(of: table.queryCount + row))
            }
        }
    }

    private func slot(of token: Int) -> Int32 {
        if slotOfToken[token] < 0 {
            slotOfToken[token] = Int32(distinct.count)
            distinct.append(Int32(token))
        }
        return slotOfToken[token]
    }

    /// Adds the other threads' gradients to thread 0's, each thread its share, in thread order.
    private func sumThreads(thread: Int, rowCount: Int) {
        let tailStart = layout.projection.map { $0.bias + $0.outputs } ?? 0
        let part = team.share(of: layout.count - tailStart, for: thread, step: 16)
        let rows = team.share(of: rowCount * layout.configuration.width, for: thread, step: 16)
        for other in workers.dropFirst() {
            add(
                other.gradient + tailStart + part.lowerBound,
                to: workers[0].gradient + tailStart + part.lowerBound, count: part.count)
            if layout.projection != nil {
                add(
                    other.dz + rows.lowerBound, to: workers[0].dz + rows.lowerBound,
                    count: rows.count)
            }
        }
    }

    /// dW [d, D] = dz' X for this thread's columns of X, db by thread 0.
    private func projectionGradient(thread: Int, rowCount: Int) {
        guard let projection = layout.projection else { return }
        let (d, size) = (projection.outputs, projection.inputs)
        let (dz, gradient) = (workers[0].dz, workers[0].gradient)
        let columns = team.share(of: size, for: thread, step: 16)
        let wide = workers[thread].columnBlock
        for start in stride(
            from: columns.lowerBound, to: columns.upperBound, by: TrainerThread.blockColumnCount)
        {
            let end = min(start + TrainerThread.blockColumnCount, columns.upperBound)
            for first in stride(from: 0, to: rowCount, by: TrainerThread.blockRowCount) {
                let rows = min(TrainerThread.blockRowCount, rowCount - first)
                for row in 0..<rows {
                    table.widen(
                        token: Int(distinct[first + row]), columns: start..<end,
                        into: wide + row * (end - start))
                }
                multiply(
                    dz + first * d, lda: d, transposeA: true, wide, ldb: end - start,
                    into: gradient + projection.weight + start, ldc: size, accumulate: first > 0,
                    m: d, n: end - start, k: rows)
            }
        }
        if thread == 0 {
            (gradient + projection.bias).update(repeating: 0, count: d)
            addColumnSums(of: dz, to: gradient + projection.bias, rows: rowCount, width: d)
        }
    }
}

/// What one thread of a training team owns.
final class TrainerThread {
    static let blockRowCount = 256
    static let blockColumnCount = 512
    let projector: Projector
    let gradient: UnsafeMutablePointer<Float>
    let dz: UnsafeMutablePointer<Float>
    let columnBlock: UnsafeMutablePointer<Float>
    private(set) var loss = 0.0
    private let layout: RankerLayout
    private let tail: Tail
    private let memory: Scratch
    private let scores, dscores, labels: UnsafeMutablePointer<Float>
    private let groupCountMax: Int
    private let candidateCount: Int

    init(_ layout: RankerLayout, candidateCount: Int, rowCountMax: Int) {
        self.layout = layout
        self.candidateCount = candidateCount
        groupCountMax = max(1, 352 / (candidateCount + 1))
        projector = Projector(layout)
        tail = Tail(
            shape: layout.tail, groupCountMax: groupCountMax, tokenCountMax: candidateCount + 1)
        let hasProjection = layout.projection != nil
        let dzCount = hasProjection ? rowCountMax * layout.configuration.width : 0
        let block = hasProjection ? Self.blockRowCount * Self.blockColumnCount : 0
        let scoreCount = groupCountMax * candidateCount
        memory = Scratch(
            count: [layout.count, dzCount, block, scoreCount, scoreCount, candidateCount]
                .map(Scratch.rounded).reduce(0, +))
        gradient = memory.take(layout.count)
        dz = memory.take(dzCount)
        columnBlock = memory.take(block)
        scores = memory.take(scoreCount)
        dscores = memory.take(scoreCount)
        labels = memory.take(candidateCount)
    }

    /// Forward, loss and backward of groups `range` of the batch; into `gradient`, `dz`, `loss`.
    func runGroups(
        _ range: Range<Int>, batchCount: Int, rowCount: Int, parameters: UnsafePointer<Float>,
        z: UnsafePointer<Float>, slots: [Int32], training: TrainingConfiguration,
        fillLabels: (Int, UnsafeMutablePointer<Float>) -> Void
    ) {
        let (d, tokens, k) = (layout.configuration.width, candidateCount + 1, candidateCount)
        loss = 0
        let tailStart = layout.projection.map { $0.bias + $0.outputs } ?? 0
        (gradient + tailStart).update(repeating: 0, count: layout.count - tailStart)
        if layout.projection != nil { dz.update(repeating: 0, count: rowCount * d) }
        for first in stride(from: range.lowerBound, to: range.upperBound, by: groupCountMax) {
            let groups = min(groupCountMax, range.upperBound - first)
            for token in 0..<groups * tokens {
                let slot = Int(slots[first * tokens + token])
                let source = slot < 0 ? parameters + layout.instruction! : z + slot * d
                (tail.input + token * d).update(from: source, count: d)
            }
            tail.forward(parameters, groups: groups, tokens: tokens, scores: scores)
            for group in 0..<groups {
                fillLabels(first + group, labels)
                loss += training.loss.evaluate(
                    scores: scores + group * k, labels: labels, count: k,
                    temperature: training.temperature, weight: 1 / Double(batchCount),
                    gradient: dscores + group * k)
            }
            let dx = tail.backward(
                parameters, gradient, dscores: dscores, groups: groups, tokens: tokens)
            for token in 0..<groups * tokens {
                let slot = Int(slots[first * tokens + token])
                if slot < 0 {
                    add(dx + token * d, to: gradient + layout.instruction!, count: d)
                } else if layout.projection != nil {
                    add(dx + token * d, to: dz + slot * d, count: d)
                }
            }
        }
    }
}
