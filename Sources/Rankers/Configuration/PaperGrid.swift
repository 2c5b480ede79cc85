// The paper's hyperparameter grid as a list of plain training configurations. Who trains them, and
// on what, is the caller's; the projection to 64 is the ranker preset's.
public import LanguageSystem
internal import RankerMath

extension TrainingConfiguration {
    /// The 40 settings of Table 8, with Appendix D's 100 groups of 10 a query and temperature 1.
    ///
    ///     batch      256, 1024 groups; one epoch
    ///     optimizer  SGD 0.05 0.1 0.5 1.0 with momentum 0, 0.9; AdamW 1e-5 1e-4
    ///     schedule   constant, cosine; weight decay 1e-4
    ///
    /// Ordered as nested loops, in the order of the lines above: batch outermost, schedule
    /// innermost. No two are equal, nor are their JSON forms. All start from seed 1.
    ///
    /// - Parameter kind: Decides the loss: list KL (eq. 5-6) or point BCE (eq. 8-9).
    public static func paperGrid(kind: RankerKind) -> [TrainingConfiguration] {
        [256, 1_024].flatMap { batchGroups in
            paperOptimizers.map { optimizer in
                do {
                    return try Self(
                        loss: kind == .listwise ? .listKL : .pointBCE, optimizer: optimizer,
                        batchGroups: batchGroups)
                } catch {
                    preconditionFailure("\(error)")
                }
            }
        }
    }

    private static var paperOptimizers: [OptimizerConfiguration] {
        let schedules = OptimizerConfiguration.Schedule.allCases
        let sgd = [0.05, 0.1, 0.5, 1].flatMap { rate in
            [0, 0.9].flatMap { momentum in
                schedules.map { schedule in
                    OptimizerConfiguration.sgd(
                        rate: rate, momentum: momentum, schedule: schedule)
                }
            }
        }
        let adamW = [1e-5, 1e-4].flatMap { rate in
            schedules.map { OptimizerConfiguration.adamW(rate: rate, schedule: $0) }
        }
        return sgd + adamW
    }
}
