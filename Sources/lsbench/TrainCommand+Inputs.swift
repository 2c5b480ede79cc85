// From the flags of `lsbench train` to what is trained: shapes, plan, groups, first weights.
import Benchmarking
import LanguageSystem
import RankerMath
import Rankers

extension TrainCommand {
    /// Whether groups come from a file or are drawn as the peer draws them; otherwise training
    /// draws its own.
    var timesGivenGroups: Bool { paper || groups != nil || writeGroups != nil }

    func configuration(for sets: [FeatureSet]) throws -> RankerConfiguration {
        let configuration =
            try ranker.map { try RankerConfiguration(json: $0) }
            ?? .preset(kind: kind, hiddenSize: sets[0].hiddenSize)
        for set in sets where set.hiddenSize != configuration.hiddenSize {
            throw LanguageSystemError(
                .contractMismatch,
                "cannot use \(set.name): found features of width \(set.hiddenSize), "
                    + "the ranker takes \(configuration.hiddenSize)")
        }
        return configuration
    }

    func plan(seed: UInt64) throws -> TrainingConfiguration {
        var plan =
            try training.map { try TrainingConfiguration(json: $0) }
            ?? (paper ? .paperSetting(kind: kind) : .preset(kind: kind))
        if let epochs { plan.epochs = epochs }
        if precision != .float32 { plan.precision = precision }
        plan.seed = seed
        // Reading its own text checks it once more, the flags' values included.
        return try TrainingConfiguration(json: plan.json)
    }

    /// The weights to start from; nil starts from the seed.
    func initialWeights(
        _ configuration: RankerConfiguration, seed: UInt64
    ) throws -> RankerWeights? {
        if let initial { return try RankerWeights(initialFrom: initial, for: configuration) }
        guard let writeInit else { return nil }
        let fresh = RankerWeights(fresh: configuration, seed: seed)
        try write(fresh.safetensors(), to: writeInit)
        return fresh
    }

    func orderedGroups(
        _ sets: [FeatureSet], _ plan: TrainingConfiguration
    ) throws -> OrderedGroups {
        guard plan.start.fresh(for: kind) == .uniform || initial != nil else {
            throw LanguageSystemError(
                .invalidArgument,
                "cannot time steps over given groups from a standardised start: it is training's "
                    + "own",
                hint: "give --paper, --init, or a --training whose start is uniform")
        }
        guard plan.earlyStopping == nil else {
            throw LanguageSystemError(
                .invalidArgument,
                "cannot time steps over given groups with early_stopping: they are all trained on")
        }
        if let groups { return try OrderedGroups(contentsOf: groups, for: sets) }
        let drawn = OrderedGroups(
            drawnFrom: sets, perQuery: plan.groupsPerQuery, candidateCount: plan.candidateCount,
            seed: plan.seed)
        guard drawn.groups.count > 0 else {
            throw LanguageSystemError(
                .invalidFeatures,
                "cannot train: found no group of \(plan.candidateCount) candidates with different "
                    + "labels")
        }
        if let writeGroups { try write(drawn.safetensors, to: writeGroups) }
        return drawn
    }
}
