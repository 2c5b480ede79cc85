// How the paper trained on MBPP, as a configuration: what its times are compared at.
package import LanguageSystem
internal import RankerMath
package import Rankers

extension TrainingConfiguration {
    /// The paper's setting: SGD 0.5 with momentum 0.9 and weight decay 1e-4, batches of 256 groups,
    /// 100 groups of 10 a query, one epoch, temperature 1, uniform start (paper, Table 8 and
    /// Appendix D).
    package static func paperSetting(kind: RankerKind) -> Self {
        do {
            return try Self(
                loss: kind == .listwise ? .listKL : .pointBCE, temperature: 1,
                optimizer: .sgd(rate: 0.5, momentum: 0.9, weightDecay: 1e-4), batchGroups: 256,
                groupsPerQuery: 100, candidateCount: 10, epochs: 1, start: .uniform)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
