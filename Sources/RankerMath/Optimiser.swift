// Optimizers with PyTorch's semantics, on one flat run of parameters; weight decay on all of them.
internal import CKernels

/// The update rule, with its constants.
public enum OptimiserKind: Sendable, Hashable {
    /// SGD: m = momentum m + g; w -= rate m. (E11)
    case sgd(momentum: Double)
    /// AdamW with decoupled weight decay. (E12)
    case adamW(beta1: Double, beta2: Double, epsilon: Double)
}

/// The state of an update rule: one or two moments for each parameter.
public final class Optimiser {
    private let kind: OptimiserKind
    private let decay: Double
    private let first: Scratch
    private let m: UnsafeMutablePointer<Float>
    private let v: UnsafeMutablePointer<Float>
    private var beta1Power = 1.0
    private var beta2Power = 1.0
    private var stepCount = 0

    public init(_ kind: OptimiserKind, weightDecay: Double, parameterCount: Int) {
        self.kind = kind
        decay = weightDecay
        var needsV = false
        if case .adamW = kind { needsV = true }
        let count = Scratch.rounded(parameterCount)
        first = Scratch(count: needsV ? 2 * count : count)
        m = first.take(parameterCount)
        v = needsV ? first.take(parameterCount) : m
    }

    /// Makes one step on all parameters.
    public func step(
        _ w: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>, count: Int, rate: Double
    ) {
        begin()
        step(w, gradient, range: 0..<count, rate: rate)
    }

    /// Begins a step; call it once before the ranges of the step.
    public func begin() {
        stepCount += 1
        if case .adamW(let beta1, let beta2, _) = kind {
            beta1Power *= beta1
            beta2Power *= beta2
        }
    }

    /// Makes the part of a step for the parameters in `range`; ranges may run on different threads.
    public func step(
        _ w: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>, range: Range<Int>,
        rate: Double
    ) {
        let start = range.lowerBound
        switch kind {
        case .sgd(let momentum):
            ls_sgd(
                w + start, gradient + start, m + start, range.count, Float(rate), Float(momentum),
                Float(decay), stepCount == 1)
        case .adamW(let beta1, let beta2, let epsilon):
            ls_adamw(
                w + start, gradient + start, m + start, v + start, range.count, Float(rate),
                Float(beta1), Float(beta2), Float(epsilon), Float(decay), Float(1 - beta1Power),
                Float(1 - beta2Power))
        }
    }
}
