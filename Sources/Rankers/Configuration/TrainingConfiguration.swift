// How a ranker is trained, as one value with one JSON form. The presets are what a newcomer
// gets; the page Decisions says how they were measured.
public import LanguageSystem
public import RankerMath

/// The recipe of a training: everything that determines its result, except the features and the
/// ranker's shape.
public struct TrainingConfiguration: Codable, Sendable, Hashable {
    /// Where training starts.
    public enum Start: String, Codable, Sendable, Hashable, CaseIterable {
        /// The weights of whoever serves these requests now, when they are of the same
        /// configuration: `ls.start_from_incumbent` hands them to the training as its initial
        /// weights. Without them, fresh weights as the preset of the kind was measured with.
        case incumbent
        /// Uniform in +-1/sqrt(D), as in the reference.
        case uniform
        /// Uniform, then shifted and scaled as if the training responses had mean 0 and deviation
        /// 1. (E14)
        case standardised

        /// The same for fresh weights, as `ls.fresh_start` has it.
        public func fresh(for kind: RankerKind) -> Start {
            self == .incumbent ? .standardised : self
        }
    }

    public var loss: Loss
    public var start: Start
    /// tau, which multiplies the similarity in KL, BCE and the pairwise loss; the paper uses 1.
    public var temperature: Double
    public var optimizer: OptimizerConfiguration
    /// The number of groups in one step of the optimizer.
    public var batchGroups: Int
    /// N, the number of groups drawn for each query and epoch.
    public var groupsPerQuery: Int
    /// K, the number of candidates in a group.
    public var candidateCount: Int
    /// The number of passes over the groups.
    public var epochs: Int
    /// Early stopping; nil trains every epoch on every query, as the paper does.
    public var earlyStopping: EarlyStopping?
    /// The seed of the groups, their order and the initial weights.
    public var seed: UInt64
    /// The precision of all matrix products; float32 replaces bfloat16 where the processor lacks
    /// it.
    public var precision: Precision
    /// Whether a combiner is fitted after the weights, where the features have signals.
    public var combiner: Bool

    public init(
        loss: Loss, temperature: Double = 1, optimizer: OptimizerConfiguration,
        batchGroups: Int = 256, groupsPerQuery: Int = 100, candidateCount: Int = 10,
        epochs: Int = 1, seed: UInt64 = 1, start: Start = .uniform,
        precision: Precision = .float32, combiner: Bool = true
    ) throws(LanguageSystemError) {
        self.start = start
        self.loss = loss
        self.temperature = temperature
        self.optimizer = optimizer
        self.batchGroups = batchGroups
        self.groupsPerQuery = groupsPerQuery
        self.candidateCount = candidateCount
        self.epochs = epochs
        self.seed = seed
        self.precision = precision
        self.combiner = combiner
        try validate()
    }

    /// The default recipe, measured on seven subjects together and on each alone, from 21 queries
    /// on (the page Decisions has the figures). Its batches are small, so that few queries still
    /// give several steps.
    public static func preset(kind: RankerKind) -> Self {
        do {
            switch kind {
            case .listwise:
                return try Self(
                    loss: .listKL, temperature: 2,
                    optimizer: .sgd(rate: 0.25, momentum: 0, schedule: .cosine),
                    batchGroups: 64, start: .incumbent)
            case .pointwise:
                return try Self(
                    loss: .pointBCE, temperature: 2,
                    optimizer: .adamW(rate: 3e-3, schedule: .cosine), batchGroups: 32,
                    groupsPerQuery: 60, candidateCount: 8, start: .incumbent)
            }
        } catch {
            preconditionFailure("\(error)")
        }
    }

    func validate() throws(LanguageSystemError) {
        func require(_ holds: Bool, _ why: String) throws(LanguageSystemError) {
            guard holds else { throw .impossibleConfiguration(why) }
        }
        try require(
            temperature > 0 && temperature <= 1_000,
            "found temperature \(temperature), expected more than 0 and at most 1000")
        try require(
            (1...65_536).contains(batchGroups),
            "found batch_groups \(batchGroups), expected 1 to 65536")
        try require(
            (1...10_000).contains(groupsPerQuery),
            "found groups_per_query \(groupsPerQuery), expected 1 to 10000")
        try require(
            (2...Bounds.candidateCountMax).contains(candidateCount),
            "found candidate_count \(candidateCount), expected 2 to \(Bounds.candidateCountMax)")
        try require((1...1_000).contains(epochs), "found epochs \(epochs), expected 1 to 1000")
        try earlyStopping?.validate(epochs: epochs)
        try optimizer.validate()
    }
}

/// An optimizer with PyTorch's semantics, and its schedule. (E11 to E13)
public struct OptimizerConfiguration: Codable, Sendable, Hashable {
    /// The update rule.
    public enum Name: String, Codable, Sendable, Hashable, CaseIterable { case sgd, adamw }
    /// The learning rate over the steps. (E13)
    public enum Schedule: String, Codable, Sendable, Hashable, CaseIterable {
        case constant, cosine
    }

    public var name: Name
    /// The initial learning rate.
    public var rate: Double
    /// The momentum of SGD.
    public var momentum: Double
    /// beta1 and beta2 of AdamW.
    public var betas: [Double]
    /// The epsilon of AdamW.
    public var epsilon: Double
    /// The weight decay, which applies to every parameter.
    public var weightDecay: Double
    public var schedule: Schedule

    public static func sgd(
        rate: Double, momentum: Double = 0.9, weightDecay: Double = 1e-4,
        schedule: Schedule = .constant
    ) -> Self {
        Self(
            name: .sgd, rate: rate, momentum: momentum, betas: [0.9, 0.999], epsilon: 1e-8,
            weightDecay: weightDecay, schedule: schedule)
    }

    public static func adamW(
        rate: Double, weightDecay: Double = 1e-4, schedule: Schedule = .constant
    ) -> Self {
        Self(
            name: .adamw, rate: rate, momentum: 0, betas: [0.9, 0.999], epsilon: 1e-8,
            weightDecay: weightDecay, schedule: schedule)
    }

    func validate() throws(LanguageSystemError) {
        func require(_ holds: Bool, _ why: String) throws(LanguageSystemError) {
            guard holds else { throw .impossibleConfiguration(why) }
        }
        try require(rate > 0 && rate <= 100, "found lr \(rate), expected more than 0, at most 100")
        try require(
            momentum >= 0 && momentum < 1, "found momentum \(momentum), expected 0 to below 1")
        try require(
            betas.count == 2 && betas.allSatisfy { $0 >= 0 && $0 < 1 },
            "found betas \(betas), expected two numbers of 0 to below 1")
        try require(
            epsilon > 0 && epsilon <= 1, "found eps \(epsilon), expected more than 0, at most 1")
        try require(
            weightDecay >= 0 && weightDecay <= 1,
            "found weight_decay \(weightDecay), expected 0 to 1")
        try require(
            name == .sgd || momentum == 0, "'momentum' is an option of sgd; adamw has 'betas'")
    }
}

// MARK: JSON

extension TrainingConfiguration {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case loss, temperature, optimizer, epochs, seed, start, precision, combiner
        case batchGroups = "batch_groups"
        case groupsPerQuery = "groups_per_query"
        case candidateCount = "candidate_count"
        case earlyStopping = "early_stopping"
    }

    public init(json: String) throws(LanguageSystemError) {
        self = try StrictJSON.decode(Self.self, from: json, what: "training configuration")
    }

    /// The configuration as JSON on one line with sorted keys; equal configurations give equal
    /// bytes.
    public var json: String { StrictJSON.encode(self) }

    public init(from decoder: any Decoder) throws {
        try StrictJSON.refuseUnknownKeys(
            CodingKeys.self, in: decoder, what: "training configuration")
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func value<T: Decodable>(_ key: CodingKeys, _ standard: T) throws -> T {
            try container.decodeIfPresent(T.self, forKey: key) ?? standard
        }
        loss = try container.decode(Loss.self, forKey: .loss)
        optimizer = try container.decode(OptimizerConfiguration.self, forKey: .optimizer)
        temperature = try value(.temperature, 1)
        batchGroups = try value(.batchGroups, 256)
        groupsPerQuery = try value(.groupsPerQuery, 100)
        candidateCount = try value(.candidateCount, 10)
        epochs = try value(.epochs, 1)
        earlyStopping = try container.decodeIfPresent(
            EarlyStopping.self, forKey: .earlyStopping)
        seed = try value(.seed, 1)
        start = try value(.start, .uniform)
        precision = try value(.precision, .float32)
        combiner = try value(.combiner, true)
        try validate()
    }

    /// Leaves out absent keys and the defaults of `precision` and `combiner`, so that a worker that
    /// does not know these keys can read the rest.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(loss, forKey: .loss)
        try container.encode(temperature, forKey: .temperature)
        try container.encode(optimizer, forKey: .optimizer)
        try container.encode(batchGroups, forKey: .batchGroups)
        try container.encode(groupsPerQuery, forKey: .groupsPerQuery)
        try container.encode(candidateCount, forKey: .candidateCount)
        try container.encode(epochs, forKey: .epochs)
        try container.encodeIfPresent(earlyStopping, forKey: .earlyStopping)
        try container.encode(seed, forKey: .seed)
        try container.encode(start, forKey: .start)
        if precision != .float32 { try container.encode(precision, forKey: .precision) }
        if !combiner { try container.encode(combiner, forKey: .combiner) }
    }
}

extension OptimizerConfiguration {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case name, momentum, betas, schedule
        case rate = "lr"
        case epsilon = "eps"
        case weightDecay = "weight_decay"
    }

    public init(from decoder: any Decoder) throws {
        try StrictJSON.refuseUnknownKeys(CodingKeys.self, in: decoder, what: "optimizer")
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func value<T: Decodable>(_ key: CodingKeys, _ standard: T) throws -> T {
            try container.decodeIfPresent(T.self, forKey: key) ?? standard
        }
        name = try container.decode(Name.self, forKey: .name)
        rate = try container.decode(Double.self, forKey: .rate)
        momentum = try value(.momentum, 0)
        betas = try value(.betas, [0.9, 0.999])
        epsilon = try value(.epsilon, 1e-8)
        weightDecay = try value(.weightDecay, 1e-4)
        schedule = try value(.schedule, .constant)
        try validate()
    }
}
