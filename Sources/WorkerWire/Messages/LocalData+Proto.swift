// LocalData and DataRefusal to and from their messages.
import LanguageSystem

extension LocalData {
    init(_ message: Languagesystem_V1_LocalData) throws(LanguageSystemError) {
        try WireLimits.check(
            "offer of local data", count: message.featureSets.count,
            max: WireLimits.localSetCountMax)
        var sets: [FeatureSetDescription] = []
        for set in message.featureSets { sets.append(try FeatureSetDescription(set)) }
        self.init(sets: sets, weights: try [Digest](wire: message.weightsDigests))
    }
}

extension FeatureSetDescription {
    init(_ message: Languagesystem_V1_LocalFeatureSet) throws(LanguageSystemError) {
        guard let split = Split(rawValue: message.split) else {
            throw .malformedOnTheWire(
                "local feature set",
                "found split '\(message.split.printable(40))', expected train or test")
        }
        guard (1...UInt64(WireLimits.featuresByteCountMax)).contains(message.byteCount),
            message.hiddenSize >= 1, message.queryCount >= 1,
            let hiddenSize = Int32(exactly: message.hiddenSize),
            let queryCount = Int32(exactly: message.queryCount),
            let responseCount = Int64(exactly: message.responseCount),
            responseCount >= Int64(message.queryCount)
        else {
            throw .malformedOnTheWire(
                "local feature set",
                """
                found \(message.byteCount) bytes, \(message.queryCount) queries and \
                \(message.responseCount) responses of \(message.hiddenSize) numbers
                """
            )
        }
        if message.hasLayerFraction, !(0...1).contains(message.layerFraction) {
            throw .malformedOnTheWire(
                "local feature set",
                "found layer fraction \(message.layerFraction), expected 0 to 1")
        }
        self.init(
            digest: try Digest(wire: message.digest), byteCount: Int64(message.byteCount),
            baseModel: WireLimits.line(message.baseModel),
            domain: try DomainName(message.domain), split: split,
            user: message.user.isEmpty ? nil : WireLimits.line(message.user),
            labelKind: WireLimits.line(message.labelKind), hiddenSize: Int(hiddenSize),
            queryCount: Int(queryCount), responseCount: responseCount,
            layer: message.hasLayer ? Int(message.layer) : nil,
            layerFraction: message.hasLayerFraction ? message.layerFraction : nil)
    }
}

extension [DataRefusal] {
    init(_ message: Languagesystem_V1_LocalDataReply) throws(LanguageSystemError) {
        try WireLimits.check(
            "answer to an offer", count: message.refusals.count, max: WireLimits.localSetCountMax)
        self = []
        for refusal in message.refusals {
            append(
                DataRefusal(
                    digest: try Digest(wire: refusal.digest),
                    message: WireLimits.line(refusal.message),
                    hint: refusal.hint.isEmpty ? nil : WireLimits.line(refusal.hint)))
        }
    }
}

extension Languagesystem_V1_LocalData {
    init(_ data: LocalData) {
        self.init()
        featureSets = data.sets.map(Languagesystem_V1_LocalFeatureSet.init)
        weightsDigests = data.weights.map(\.wire)
    }
}

extension Languagesystem_V1_LocalFeatureSet {
    init(_ set: FeatureSetDescription) {
        self.init()
        digest = set.digest.wire
        byteCount = UInt64(clamping: set.byteCount)
        baseModel = set.baseModel
        domain = set.domain.description
        split = set.split.rawValue
        user = set.user ?? ""
        labelKind = set.labelKind
        hiddenSize = UInt32(clamping: set.hiddenSize)
        queryCount = UInt32(clamping: set.queryCount)
        responseCount = UInt64(clamping: set.responseCount)
        if let found = set.layer { layer = Int32(clamping: found) }
        if let found = set.layerFraction { layerFraction = found }
    }
}

extension Languagesystem_V1_LocalDataReply {
    init(_ refusals: [DataRefusal]) {
        self.init()
        self.refusals = refusals.map {
            var message = Languagesystem_V1_LocalDataRefusal()
            message.digest = $0.digest.wire
            message.message = WireLimits.line($0.message)
            message.hint = WireLimits.line($0.hint ?? "")
            return message
        }
    }
}
