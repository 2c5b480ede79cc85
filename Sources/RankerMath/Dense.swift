// y = x W' + b and its gradients: the layer of which everything here is made. (E2)
internal import CKernels

public struct Dense: Sendable {
    /// W, shape [outputs, inputs], row-major; b, shape [outputs]; both as offsets into the
    /// parameters.
    public let weight: Int
    public let bias: Int
    public let inputs: Int
    public let outputs: Int

    public init(weight: Int, bias: Int, inputs: Int, outputs: Int) {
        self.weight = weight
        self.bias = bias
        self.inputs = inputs
        self.outputs = outputs
    }

    /// y [rows, outputs] = x [rows, inputs] W' + b
    public func forward(
        _ parameters: UnsafePointer<Float>, _ x: UnsafePointer<Float>,
        _ y: UnsafeMutablePointer<Float>, rows: Int
    ) {
        ls_fill_rows(parameters + bias, y, rows, outputs)
        multiply(
            x, lda: inputs, parameters + weight, ldb: inputs, transposeB: true, into: y,
            ldc: outputs, accumulate: true, m: rows, n: outputs, k: inputs)
    }

    /// dW += dy' x, db += column sums of dy; dx = dy W where `dx` is given.
    public func backward(
        _ parameters: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>,
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
        _ dx: UnsafeMutablePointer<Float>?, rows: Int
    ) {
        multiply(
            dy, lda: outputs, transposeA: true, x, ldb: inputs, into: gradient + weight,
            ldc: inputs, accumulate: true, m: outputs, n: inputs, k: rows)
        ls_add_column_sums(dy, gradient + bias, rows, outputs)
        guard let dx else { return }
        multiply(
            dy, lda: outputs, parameters + weight, ldb: inputs, into: dx, ldc: inputs,
            accumulate: false, m: rows, n: inputs, k: outputs)
    }
}
