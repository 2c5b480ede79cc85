// One group of candidates on its way to the worker that holds their ranker, and its scores on their way back.
import Foundation
public import LanguageSystem

/// How features are stored, by the names that requests use.
public enum WireFeatureType: String, Sendable, Hashable, CaseIterable {
    case float16
    case bfloat16
    case float32

    public var byteCount: Int { self == .float32 ? 4 : 2 }
}

/// A rerank request in the worker's hands.
public struct RerankWork: Hashable, Sendable {
    /// Of this session's coordinator; the answer carries it.
    public let number: UInt64
    public let rankerName: String
    public let weights: NamedBlob
    /// [candidateCount + 1, hiddenSize] numbers of `dtype`, little-endian, row 0 the instruction.
    public let features: [UInt8]
    public let dtype: WireFeatureType
    public let candidateCount: Int
    public let hiddenSize: Int
    /// From when it was received; later nobody waits for the answer.
    public let deadline: Duration
    /// W3C trace context of the request, if it had one.
    public let traceParent: String?

    public init(
        number: UInt64, rankerName: String, weights: NamedBlob, features: [UInt8],
        dtype: WireFeatureType, candidateCount: Int, hiddenSize: Int, deadline: Duration,
        traceParent: String? = nil
    ) {
        self.number = number
        self.rankerName = rankerName
        self.weights = weights
        self.features = features
        self.dtype = dtype
        self.candidateCount = candidateCount
        self.hiddenSize = hiddenSize
        self.deadline = deadline
        self.traceParent = traceParent
    }
}

/// The answer to one `RerankWork`.
public struct RerankScores: Hashable, Sendable {
    public enum Outcome: Sendable {
        /// One for each candidate, in their order; as they came: whoever asked knows how many they should be.
        case scored([Float], compute: Duration)
        case refused(ErrorCode, message: String)
    }

    public let number: UInt64
    public let outcome: Outcome

    public init(number: UInt64, _ outcome: Outcome) {
        self.number = number
        self.outcome = outcome
    }

    public init(number: UInt64, _ refusal: CoordinatorError) {
        self.init(number: number, .refused(refusal.code, message: refusal.message))
    }
}

/// Scores are the same when their bits are: one that is not a number must equal itself.
extension RerankScores.Outcome: Hashable {
    public static func == (one: Self, other: Self) -> Bool {
        switch (one, other) {
        case (.scored(let one, let time), .scored(let other, let otherTime)):
            time == otherTime && one.map(\.bitPattern) == other.map(\.bitPattern)
        case (.refused(let one, let message), .refused(let other, let otherMessage)):
            one == other && message == otherMessage
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .scored(let scores, let compute):
            hasher.combine(scores.map(\.bitPattern))
            hasher.combine(compute)
        case .refused(let code, let message):
            hasher.combine(code)
            hasher.combine(message)
        }
    }
}

extension RerankWork {
    public init(_ message: Languagesystem_V1_RerankWork) throws(CoordinatorError) {
        guard message.hasWeights else {
            throw .malformedOnTheWire("rerank", "it names no weights")
        }
        guard let dtype = WireFeatureType(rawValue: message.dtype) else {
            throw .malformedOnTheWire(
                "rerank",
                "found features of type '\(message.dtype.printable(40))', expected \(WireFeatureType.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        let (candidateCount, hiddenSize) = (
            Int(clamping: message.candidateCount), Int(clamping: message.hiddenSize)
        )
        guard (1...WireLimits.candidateCountMax).contains(candidateCount),
            (1...WireLimits.hiddenSizeMax).contains(hiddenSize)
        else {
            throw .malformedOnTheWire(
                "rerank",
                "found \(candidateCount) candidates of width \(hiddenSize), expected 1 to \(WireLimits.candidateCountMax) of 1 to \(WireLimits.hiddenSizeMax)"
            )
        }
        try WireLimits.check(
            "rerank", count: message.features.count, max: WireLimits.rerankFeaturesByteCountMax)
        let byteCount = (candidateCount + 1) * hiddenSize * dtype.byteCount
        guard message.features.count == byteCount else {
            throw .malformedOnTheWire(
                "rerank",
                "found \(message.features.count) bytes of features, expected \(byteCount) for \(candidateCount) candidates and the instruction, \(hiddenSize) \(dtype.rawValue) each"
            )
        }
        self.init(
            number: message.requestNumber, rankerName: WireLimits.line(message.rankerName),
            weights: try NamedBlob(message.weights, byteCountMax: WireLimits.weightsByteCountMax),
            features: Array(message.features), dtype: dtype, candidateCount: candidateCount,
            hiddenSize: hiddenSize,
            deadline: min(
                .milliseconds(message.deadlineMilliseconds), WireLimits.rerankDeadlineMax),
            traceParent: message.traceParent.isEmpty ? nil : WireLimits.line(message.traceParent))
    }
}

extension RerankScores {
    public init(_ message: Languagesystem_V1_RerankScores) throws(CoordinatorError) {
        guard message.code.isEmpty else {
            // A newer worker may know codes that we do not.
            self.init(
                number: message.requestNumber,
                .refused(
                    ErrorCode(rawValue: message.code) ?? .internal,
                    message: WireLimits.line(message.message)))
            return
        }
        guard message.scores.count.isMultiple(of: MemoryLayout<Float>.size) else {
            throw .malformedOnTheWire(
                "answer to a rerank", "found \(message.scores.count) bytes of scores, of 4 each")
        }
        let count = message.scores.count / MemoryLayout<Float>.size
        try WireLimits.check(
            "answer to a rerank", count: count, max: WireLimits.candidateCountMax)
        let scores = message.scores.withUnsafeBytes { bytes in
            (0..<count).map {
                Float(
                    bitPattern: UInt32(
                        littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
        self.init(
            number: message.requestNumber,
            .scored(scores, compute: .microseconds(message.computeMicroseconds)))
    }
}

extension Languagesystem_V1_RerankWork {
    public init(_ work: RerankWork) {
        self.init()
        requestNumber = work.number
        rankerName = WireLimits.line(work.rankerName)
        weights = Languagesystem_V1_BlobReference(work.weights)
        features = Data(work.features)
        dtype = work.dtype.rawValue
        candidateCount = UInt32(clamping: work.candidateCount)
        hiddenSize = UInt32(clamping: work.hiddenSize)
        deadlineMilliseconds = work.deadline.wireMilliseconds
        traceParent = WireLimits.line(work.traceParent ?? "")
    }
}

extension Languagesystem_V1_RerankScores {
    public init(_ answer: RerankScores) {
        self.init()
        requestNumber = answer.number
        switch answer.outcome {
        case .scored(let numbers, let compute):
            scores.reserveCapacity(numbers.count * MemoryLayout<Float>.size)
            for number in numbers {
                withUnsafeBytes(of: number.bitPattern.littleEndian) {
                    scores.append(contentsOf: $0)
                }
            }
            computeMicroseconds = UInt32(clamping: Int64(compute / .microseconds(1)))
        case .refused(let code, let text):
            self.code = code.rawValue
            message = WireLimits.line(text)
        }
    }
}
