// Where a fresh projection starts: as if the features had mean 0 and deviation 1. Hidden states
// share a large common part; without this a pointwise ranker with few queries spends all its steps
// on removing its effect. Only initial weights change: equations and tensors are the paper's.
internal import RankerMath

extension RankerWeights {
    /// W = W0 / sigma, b = b0 - W mu, with the mean mu [D] of the responses, and sigma the root of
    /// the mean variance over the D columns (one number: small columns are not blown up). (E14)
    ///
    /// - Returns: The unchanged weights when the standardized ones would exceed
    ///   `RankerWeights.magnitudeMax`.
    func standardised(for table: FeatureTable) -> RankerWeights {
        guard let projection = RankerLayout(configuration).projection else { return self }
        let size = projection.inputs
        let (mean, deviation) = table.responseMoments()
        guard deviation > 0 else { return self }
        var values = values
        for output in 0..<projection.outputs {
            let row = projection.weight + output * size
            var shift = 0.0
            for column in 0..<size {
                values[row + column] /= Float(deviation)
                shift += Double(values[row + column]) * mean[column]
            }
            values[projection.bias + output] -= Float(shift)
        }
        let standardised = RankerWeights(configuration: configuration, values: values)
        return standardised.areOfSensibleSize ? standardised : self
    }
}

extension FeatureTable {
    /// The mean of each column of all responses, and the root of the mean variance over the
    /// columns.
    func responseMoments() -> (mean: [Double], deviation: Double) {
        guard let size = sets.first?.hiddenSize, rowCount > 0 else { return ([], 0) }
        var sums = [Double](repeating: 0, count: size)
        var squares = 0.0
        let scratch = Scratch(count: size)
        let row = scratch.take(size)
        for index in 0..<rowCount {
            self.row(ofToken: queryCount + index).widen(0..<size, into: row)
            for column in 0..<size {
                let value = Double(row[column])
                sums[column] += value
                squares += value * value
            }
        }
        withExtendedLifetime(scratch) {}
        let mean = sums.map { $0 / Double(rowCount) }
        let meanSquares = mean.reduce(0) { $0 + $1 * $1 }
        let variance = (squares / Double(rowCount) - meanSquares) / Double(size)
        return (mean, max(0, variance).squareRoot())
    }
}
