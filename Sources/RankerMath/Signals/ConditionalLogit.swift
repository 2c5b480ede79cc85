// How much each term counts, learned from groups in which some candidates are right: a conditional
// logit whose winner may be any of the right ones. With more than one right candidate in a group
// the loss is no longer convex; the descent below never goes up, begins at zero, and there its
// first step is that of a convex problem.

/// Groups of candidates to fit on: the terms of each candidate, and whether it is right.
public struct LogitGroups: Sendable {
    /// The number of terms of a candidate.
    public let width: Int
    /// x, shape [rows, width], row-major.
    public private(set) var values: [Double] = []
    public private(set) var isRight: [Bool] = []
    /// The rows of group g are `starts[g] ..< starts[g + 1]`.
    public private(set) var starts = [0]

    public init(width: Int) { self.width = width }

    public var count: Int { starts.count - 1 }
    public var rowCount: Int { isRight.count }

    /// Adds a group, unless all of its candidates are right or none is: such a group says nothing
    /// of any term.
    ///
    /// - Parameter values: x, shape [candidates, width], row-major.
    /// - Returns: Whether it was added.
    @discardableResult
    public mutating func add(_ values: [Double], isRight: [Bool]) -> Bool {
        precondition(values.count == isRight.count * width, "each candidate has all terms")
        guard isRight.contains(true), isRight.contains(false) else { return false }
        self.values += values
        self.isRight += isRight
        starts.append(self.isRight.count)
        return true
    }

    public mutating func append(_ other: LogitGroups) {
        precondition(width == other.width, "groups of one table have the same terms")
        let first = rowCount
        values += other.values
        isRight += other.isRight
        starts += other.starts.dropFirst().map { $0 + first }
    }

    /// The values of one term, in the order of the rows.
    public func column(_ index: Int) -> [Double] {
        stride(from: index, to: values.count, by: width).map { values[$0] }
    }

    /// The same groups with some of the terms, each standardised.
    public func standardised(
        columns: [Int], by standards: [Standardisation]
    ) -> LogitGroups {
        precondition(columns.count == standards.count, "each term has its standardisation")
        var result = LogitGroups(width: columns.count)
        result.isRight = isRight
        result.starts = starts
        result.values.reserveCapacity(rowCount * columns.count)
        for row in 0..<rowCount {
            for (column, standard) in zip(columns, standards) {
                result.values.append(standard(values[row * width + column]))
            }
        }
        return result
    }
}

/// The coefficients of terms. (E20)
public struct ConditionalLogit: Sendable, Hashable {
    /// b, shape [width].
    public let coefficients: [Double]
    /// f(b), nats per group.
    public let loss: Double
    public let stepCount: Int

    static let stepCountMax = 200
    /// The gradient's largest element at which the descent ends.
    static let gradientTolerance = 1e-11

    /// Fits the coefficients. (E20)
    ///
    ///     c_k  = x_k . b
    ///     f(b) = mean over groups of -ln( sum_{k right} exp(c_k) / sum_k exp(c_k) )
    ///            + penalty / 2 |b|^2
    ///
    /// With p = softmax(c) over the group and q = softmax(c) over its right candidates, the
    /// gradient is mean(E_p x - E_q x) + penalty b and the Hessian mean(Cov_p x - Cov_q x) +
    /// penalty. Each step is Newton's while the Hessian is positive definite. Where it is not,
    /// Cov_q is left out: that is the step of the convex problem in which q stands still, of whose
    /// loss this one is a lower bound (expectation maximisation). Either points downhill, and is
    /// halved until the loss has fallen. The descent begins at b = 0, where q is uniform, so that
    /// the same groups always give the same coefficients; with one right candidate a group the loss
    /// is convex and they are the only optimum.
    ///
    /// Cost: rows x width^2 for each step, some ten steps.
    ///
    /// - Parameters:
    ///   - groups: Terms of about the same size: the penalty is the same for each.
    ///   - penalty: More than 0, so that separable groups have finite coefficients, too.
    public init(_ groups: LogitGroups, penalty: Double) {
        precondition(penalty > 0, "without a penalty there may be no optimum")
        let width = groups.width
        var b = [Double](repeating: 0, count: width)
        var derivatives = Derivatives(width: width)
        var steps = 0
        guard groups.count > 0, width > 0 else {
            (coefficients, loss, stepCount) = (b, 0, 0)
            return
        }
        var value = groups.loss(b, penalty: penalty, into: &derivatives)
        while steps < Self.stepCountMax {
            let size = derivatives.gradient.reduce(0) { max($0, abs($1)) }
            guard size > Self.gradientTolerance, let step = derivatives.step else { break }
            let slope = zip(derivatives.gradient, step).reduce(0) { $0 + $1.0 * $1.1 }
            var length = 1.0
            var next = b
            var nextValue = Double.infinity
            while length > 1e-10 {
                next = zip(b, step).map { $0 + length * $1 }
                nextValue = groups.loss(next, penalty: penalty)
                // What rounding adds does not count as going up.
                if nextValue <= value + 1e-4 * length * slope + 1e-15 * abs(value) { break }
                length /= 2
            }
            guard length > 1e-10 else { break }
            b = next
            value = groups.loss(b, penalty: penalty, into: &derivatives)
            steps += 1
        }
        (coefficients, loss, stepCount) = (b, value, steps)
    }
}

/// The derivatives of the loss at one point.
private struct Derivatives {
    var gradient: [Double]
    /// mean(Cov_p x) + penalty, and mean(Cov_q x): shape [width, width], row-major.
    var spread: [Double]
    var rightSpread: [Double]

    init(width: Int) {
        gradient = Array(repeating: 0, count: width)
        spread = Array(repeating: 0, count: width * width)
        rightSpread = spread
    }

    /// Newton's step, or the convex problem's where the loss is not convex; nil where neither can
    /// be computed.
    var step: [Double]? {
        let width = gradient.count
        let right = gradient.map { -$0 }
        let hessian = zip(spread, rightSpread).map { $0 - $1 }
        return solve(hessian, right, width) ?? solve(spread, right, width)
    }

    /// A^-1 y by Cholesky; nil unless A is positive definite, and clearly so.
    private func solve(_ matrix: [Double], _ y: [Double], _ width: Int) -> [Double]? {
        var l = matrix
        for column in 0..<width {
            var pivot = l[column * width + column]
            for k in 0..<column { pivot -= l[column * width + k] * l[column * width + k] }
            guard pivot > 1e-12, pivot.isFinite else { return nil }
            let root = pivot.squareRoot()
            l[column * width + column] = root
            for row in (column + 1)..<max(width, column + 1) {
                var value = l[row * width + column]
                for k in 0..<column { value -= l[row * width + k] * l[column * width + k] }
                l[row * width + column] = value / root
            }
        }
        var x = y
        for row in 0..<width {
            for k in 0..<row { x[row] -= l[row * width + k] * x[k] }
            x[row] /= l[row * width + row]
        }
        for row in (0..<width).reversed() {
            for k in (row + 1)..<max(width, row + 1) { x[row] -= l[k * width + row] * x[k] }
            x[row] /= l[row * width + row]
        }
        return x
    }
}

extension LogitGroups {
    /// f(b).
    fileprivate func loss(_ b: [Double], penalty: Double) -> Double {
        var total = 0.0
        var (p, q): ([Double], [Double]) = ([], [])
        for group in 0..<count {
            score(group, b, into: &p)
            total += probabilities(of: group, &p, &q)
        }
        return total / Double(count) + penalty / 2 * b.reduce(0) { $0 + $1 * $1 }
    }

    /// f(b), and its derivatives.
    fileprivate func loss(
        _ b: [Double], penalty: Double, into derivatives: inout Derivatives
    ) -> Double {
        derivatives = Derivatives(width: width)
        var total = 0.0
        var (p, q): ([Double], [Double]) = ([], [])
        var meanP = [Double](repeating: 0, count: width)
        var meanQ = meanP
        for group in 0..<count {
            score(group, b, into: &p)
            total += probabilities(of: group, &p, &q)
            for i in 0..<width { (meanP[i], meanQ[i]) = (0, 0) }
            values.withUnsafeBufferPointer { x in
                for (k, row) in (starts[group]..<starts[group + 1]).enumerated() {
                    for i in 0..<width {
                        let xi = x[row * width + i]
                        meanP[i] += p[k] * xi
                        meanQ[i] += q[k] * xi
                        for j in 0...i {
                            let product = xi * x[row * width + j]
                            derivatives.spread[i * width + j] += p[k] * product
                            derivatives.rightSpread[i * width + j] += q[k] * product
                        }
                    }
                }
            }
            for i in 0..<width {
                derivatives.gradient[i] += meanP[i] - meanQ[i]
                for j in 0...i {
                    derivatives.spread[i * width + j] -= meanP[i] * meanP[j]
                    derivatives.rightSpread[i * width + j] -= meanQ[i] * meanQ[j]
                }
            }
        }
        let groupCount = Double(count)
        for i in 0..<width {
            derivatives.gradient[i] = derivatives.gradient[i] / groupCount + penalty * b[i]
            for j in 0...i {
                let (lower, upper) = (i * width + j, j * width + i)
                derivatives.spread[lower] /= groupCount
                derivatives.rightSpread[lower] /= groupCount
                if i == j { derivatives.spread[lower] += penalty }
                derivatives.spread[upper] = derivatives.spread[lower]
                derivatives.rightSpread[upper] = derivatives.rightSpread[lower]
            }
        }
        return total / groupCount + penalty / 2 * b.reduce(0) { $0 + $1 * $1 }
    }

    /// c = x b of one group.
    private func score(_ group: Int, _ b: [Double], into scores: inout [Double]) {
        scores.removeAll(keepingCapacity: true)
        for row in starts[group]..<starts[group + 1] {
            var sum = 0.0
            for i in 0..<width { sum += values[row * width + i] * b[i] }
            scores.append(sum)
        }
    }

    /// Turns scores `p` into probabilities: p over the group, q over its right candidates.
    /// - Returns: The group's loss.
    private func probabilities(
        of group: Int, _ p: inout [Double], _ q: inout [Double]
    ) -> Double {
        let first = starts[group]
        var (greatest, greatestRight) = (-Double.infinity, -Double.infinity)
        for (k, score) in p.enumerated() {
            greatest = max(greatest, score)
            if isRight[first + k] { greatestRight = max(greatestRight, score) }
        }
        var (sum, rightSum) = (0.0, 0.0)
        q.removeAll(keepingCapacity: true)
        for k in p.indices {
            // Of their own greatest: right ones far below all others are not lost in rounding.
            q.append(isRight[first + k] ? exponential(p[k] - greatestRight) : 0)
            p[k] = exponential(p[k] - greatest)
            sum += p[k]
            rightSum += q[k]
        }
        for k in p.indices {
            p[k] /= sum
            q[k] /= rightSum
        }
        return greatest + logarithm(sum) - greatestRight - logarithm(rightSum)
    }
}
