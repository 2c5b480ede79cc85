// The few scalar functions of the C library that losses and schedules need, in Double.
internal import Foundation

func logarithm(_ x: Double) -> Double { log(x) }
func logarithmOfOnePlus(_ x: Double) -> Double { log1p(x) }
func exponential(_ x: Double) -> Double { exp(x) }

/// Softplus, log(1 + exp(x)), without overflow.
func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }
func sigmoid(_ x: Double) -> Double { x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)) }

/// The learning rate of step t of T. (E13)
///
///     constant: rate      cosine: rate / 2 (1 + cos(pi t / T))
public func learningRate(_ rate: Double, cosine: Bool, step: Int, of stepCount: Int) -> Double {
    cosine ? rate * 0.5 * (1 + cos(Double.pi * Double(step) / Double(stepCount))) : rate
}
