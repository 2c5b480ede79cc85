// The losses of eq. 5 to 10 on one group of candidates, and their gradients. Sums are in Double;
// the mean over the groups of a batch is the caller's `weight`.

/// The loss that training minimizes; training configurations use the raw value.
public enum Loss: String, Sendable, CaseIterable, Codable, Hashable {
    case listKL = "list_kl"
    case listMSE = "list_mse"
    case pointBCE = "point_bce"
    case pointMSE = "point_mse"
    case pairPreference = "pair_preference"

    /// Loss of one group, and its gradient to the scores. (E7 to E10, and the pairwise one)
    ///
    ///     list_kl          sum_k p_k (log p_k - log softmax(tau s)_k)     p = y / sum y
    ///     list_mse         mean_k (s_k - y_k)^2
    ///     point_bce        mean_k softplus(tau s_k) - y_k tau s_k
    ///     point_mse        mean_k (s_k - y_k)^2
    ///     pair_preference  mean over y_i > y_j of softplus(tau (s_j - s_i))
    ///
    /// - Parameters:
    ///   - scores: `s`, shape [K].
    ///   - labels: `y`, shape [K]; for `list_kl` each >= 0 with a positive sum.
    ///   - temperature: `tau`, multiplies the scores in `list_kl`, `point_bce`, `pair_preference`.
    ///   - weight: multiplies the gradient, 1 / groups for a mean over a batch.
    ///   - gradient: shape [K]; overwritten.
    /// - Returns: the loss of this group, unweighted.
    public func evaluate(
        scores: UnsafePointer<Float>, labels: UnsafePointer<Float>, count: Int,
        temperature: Double, weight: Double, gradient: UnsafeMutablePointer<Float>
    ) -> Double {
        precondition(count >= 1, "a group has candidates")
        switch self {
        case .listKL:
            return kullbackLeibler(scores, labels, count, temperature, weight, gradient)
        case .listMSE, .pointMSE:
            return squares(scores, labels, count, weight, gradient)
        case .pointBCE:
            return crossEntropy(scores, labels, count, temperature, weight, gradient)
        case .pairPreference:
            return preference(scores, labels, count, temperature, weight, gradient)
        }
    }

    private func kullbackLeibler(
        _ s: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int, _ tau: Double,
        _ weight: Double, _ gradient: UnsafeMutablePointer<Float>
    ) -> Double {
        var greatest = -Double.infinity
        var total = 0.0
        for k in 0..<count {
            greatest = max(greatest, tau * Double(s[k]))
            total += Double(y[k])
        }
        precondition(total > 0, "a group without a positive has no KL loss")
        var sum = 0.0
        for k in 0..<count { sum += exponential(tau * Double(s[k]) - greatest) }
        let logSum = greatest + logarithm(sum)
        var loss = 0.0
        for k in 0..<count {
            let logQ = tau * Double(s[k]) - logSum
            let p = Double(y[k]) / total
            if p > 0 { loss += p * (logarithm(p) - logQ) }
            gradient[k] = Float(weight * tau * (exponential(logQ) - p))
        }
        return loss
    }

    private func squares(
        _ s: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int, _ weight: Double,
        _ gradient: UnsafeMutablePointer<Float>
    ) -> Double {
        var loss = 0.0
        for k in 0..<count {
            let difference = Double(s[k]) - Double(y[k])
            loss += difference * difference
            gradient[k] = Float(weight * 2 * difference / Double(count))
        }
        return loss / Double(count)
    }

    private func crossEntropy(
        _ s: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int, _ tau: Double,
        _ weight: Double, _ gradient: UnsafeMutablePointer<Float>
    ) -> Double {
        var loss = 0.0
        for k in 0..<count {
            let logit = tau * Double(s[k])
            loss += softplus(logit) - Double(y[k]) * logit
            gradient[k] = Float(weight * tau * (sigmoid(logit) - Double(y[k])) / Double(count))
        }
        return loss / Double(count)
    }

    private func preference(
        _ s: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int, _ tau: Double,
        _ weight: Double, _ gradient: UnsafeMutablePointer<Float>
    ) -> Double {
        var pairs = 0
        for i in 0..<count { for j in 0..<count where y[i] > y[j] { pairs += 1 } }
        for k in 0..<count { gradient[k] = 0 }
        guard pairs > 0 else { return 0 }
        var loss = 0.0
        for i in 0..<count {
            for j in 0..<count where y[i] > y[j] {
                let margin = tau * (Double(s[i]) - Double(s[j]))
                loss += softplus(-margin)
                let slope = Float(weight * tau * sigmoid(-margin) / Double(pairs))
                gradient[i] -= slope
                gradient[j] += slope
            }
        }
        return loss / Double(pairs)
    }
}
