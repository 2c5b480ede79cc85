// y = x W' + b and its gradients: the layer of which everything here is made. (E2)
internal import CKernels

/// A linear layer: y = x W' + b. (E2)
public struct Dense: Sendable {
    /// Offset of W, shape [outputs, inputs], row-major, in the parameters.
    public let weight: Int
    /// Offset of b, shape [outputs], in the parameters.
    public let bias: Int
    public let inputs: Int
    public let outputs: Int

    public init(weight: Int, bias: Int, inputs: Int, outputs: Int) {
        self.weight = weight
        self.bias = bias
        self.inputs = inputs
        self.outputs = outputs
    }

    /// Computes y [rows, outputs] = x [rows, inputs] W' + b.
    func forward(
        _ parameters: Parameters, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
        _ pairs: PairMemory?, rows: Int
    ) {
        let bias = parameters.values + bias
        if let packed = parameters.packed, let pairs {
            ls_narrow(LS_STORED_F32, x, pairs.first, rows * inputs)
            ls_product_bf16(
                pairs.first, inputs / 2, 1, packed.forward + weight / 2, outputs, y, outputs, rows,
                outputs, inputs / 2, bias, 0)
        } else if let transposed = parameters.transposed {
            ls_product_f32(
                x, inputs, 1, transposed + weight, outputs, y, outputs, rows, outputs, inputs, bias,
                0)
        } else {
            ls_fill_rows(bias, y, rows, outputs)
            libraryMultiply(
                x, lda: inputs, parameters.values + weight, ldb: inputs, transposeB: true, into: y,
                ldc: outputs, accumulate: true, m: rows, n: outputs, k: inputs)
        }
    }

    /// Computes dW += dy' x, db += column sums of dy, and dx = dy W.
    func backward(
        _ parameters: Parameters, _ gradient: UnsafeMutablePointer<Float>,
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>,
        _ pairs: PairMemory?, rows: Int
    ) {
        ls_add_column_sums(dy, gradient + bias, rows, outputs)
        let dw = gradient + weight
        if let packed = parameters.packed, let pairs {
            ls_pair_rows(dy, pairs.first, rows, outputs)
            ls_pair_rows(x, pairs.second, rows, inputs)
            ls_product_bf16(
                pairs.first, 1, outputs, pairs.second, inputs, dw, inputs, outputs, inputs,
                (rows + 1) / 2, dw, inputs)
            ls_narrow(LS_STORED_F32, dy, pairs.first, rows * outputs)
            ls_product_bf16(
                pairs.first, outputs / 2, 1, packed.backward + weight / 2, inputs, dx, inputs, rows,
                inputs, outputs / 2, nil, 0)
        } else {
            multiply(
                dy, lda: outputs, transposeA: true, x, ldb: inputs, into: dw, ldc: inputs,
                accumulate: true, m: outputs, n: inputs, k: rows)
            multiply(
                dy, lda: outputs, parameters.values + weight, ldb: inputs, into: dx, ldc: inputs,
                accumulate: false, m: rows, n: inputs, k: outputs)
        }
    }
}

/// Memory for a layer's factors as pairs of bfloat16, each [(n + 1) / 2, widest layer].
struct PairMemory {
    let first: UnsafeMutablePointer<UInt32>
    let second: UnsafeMutablePointer<UInt32>
}
