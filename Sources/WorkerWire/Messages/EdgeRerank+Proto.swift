// EdgeRerankOrder and EdgeRerankReply to and from their messages.
import Foundation
public import LanguageSystem

extension EdgeRerankOrder {
    public init(_ message: Languagesystem_V1_RerankWork) throws(LanguageSystemError) {
        guard message.hasWeights else {
            throw .malformedOnTheWire("rerank", "it names no weights")
        }
        guard let dtype = FeatureType(longName: message.dtype) else {
            throw .malformedOnTheWire(
                "rerank",
                """
                found features of type '\(message.dtype.printable(40))', expected \
                \(FeatureType.allCases.map(\.longName).joined(separator: ", "))
                """
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
                """
                found \(candidateCount) candidates of width \(hiddenSize), expected 1 to \
                \(WireLimits.candidateCountMax) of 1 to \(WireLimits.hiddenSizeMax)
                """
            )
        }
        try WireLimits.check(
            "rerank", count: message.features.count, max: WireLimits.rerankFeaturesByteCountMax)
        let byteCount = (candidateCount + 1) * hiddenSize * dtype.byteCount
        guard message.features.count == byteCount else {
            throw .malformedOnTheWire(
                "rerank",
                """
                found \(message.features.count) bytes of features, expected \(byteCount) for \
                \(candidateCount) candidates and the instruction, \(hiddenSize) \(dtype.longName) \
                each
                """
            )
        }
        self.init(
            number: message.requestNumber,
            EdgeRerank(
                rankerName: WireLimits.line(message.rankerName),
                weights: try BlobReference(
                    message.weights, byteCountMax: WireLimits.weightsByteCountMax),
                features: Array(message.features), dtype: dtype, candidateCount: candidateCount,
                hiddenSize: hiddenSize,
                signals: message.hasSignals
                    ? try RerankSignals(message.signals, candidateCount: candidateCount) : nil,
                traceParent: message.traceParent.isEmpty
                    ? nil : WireLimits.line(message.traceParent)),
            deadline: min(
                .milliseconds(message.deadlineMilliseconds), WireLimits.rerankDeadlineMax))
    }
}

// What ended without scores travels as a code; what only a coordinator can say has one, too.
extension EdgeRerankReply {
    /// Takes the scores as they are; the caller knows how many to expect.
    public init(_ message: Languagesystem_V1_RerankScores) throws(LanguageSystemError) {
        let number = message.requestNumber
        guard message.code.isEmpty else {
            // A newer worker may know codes that we do not.
            self.init(
                number: number,
                LanguageSystemError(
                    ErrorCode(rawValue: message.code) ?? .internal,
                    WireLimits.line(message.message)))
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
            number: number,
            .scored(
                scores, combined: try Self.combined(message),
                compute: .microseconds(message.computeMicroseconds)))
    }

    private static func combined(
        _ message: Languagesystem_V1_RerankScores
    ) throws(LanguageSystemError) -> CombinedScores? {
        guard !message.combined.isEmpty else { return nil }
        let size = MemoryLayout<Double>.size
        guard message.combined.count.isMultiple(of: size) else {
            throw .malformedOnTheWire(
                "answer to a rerank",
                "found \(message.combined.count) bytes of combined scores, of \(size) each")
        }
        let count = message.combined.count / size
        try WireLimits.check(
            "answer to a rerank", count: count, max: WireLimits.candidateCountMax)
        try WireLimits.check(
            "answer to a rerank", count: message.signals.count, max: WireLimits.signalCountMax)
        let values = message.combined.withUnsafeBytes { bytes in
            (0..<count).map {
                Double(
                    bitPattern: UInt64(
                        littleEndian: bytes.loadUnaligned(
                            fromByteOffset: size * $0, as: UInt64.self)))
            }
        }
        return CombinedScores(values, signals: message.signals.map(WireLimits.line))
    }
}

extension Languagesystem_V1_RerankWork {
    public init(_ order: EdgeRerankOrder) {
        self.init()
        let rerank = order.rerank
        requestNumber = order.number
        rankerName = WireLimits.line(rerank.rankerName)
        weights = Languagesystem_V1_BlobReference(rerank.weights)
        features = Data(rerank.features)
        dtype = rerank.dtype.longName
        candidateCount = UInt32(clamping: rerank.candidateCount)
        hiddenSize = UInt32(clamping: rerank.hiddenSize)
        deadlineMilliseconds = order.deadline.wireMilliseconds
        traceParent = WireLimits.line(rerank.traceParent ?? "")
        if let signals = rerank.signals { self.signals = .init(signals) }
    }
}

extension Languagesystem_V1_RerankScores {
    public init(_ reply: EdgeRerankReply) {
        self.init()
        requestNumber = reply.number
        guard case .scored(let numbers, let combination, let compute) = reply.result else {
            code = (reply.result.refusal?.code ?? .internal).rawValue
            message = WireLimits.line(reply.result.refusal?.message ?? "")
            return
        }
        scores.reserveCapacity(numbers.count * MemoryLayout<Float>.size)
        for number in numbers {
            withUnsafeBytes(of: number.bitPattern.littleEndian) { scores.append(contentsOf: $0) }
        }
        computeMicroseconds = UInt32(clamping: Int64(compute / .microseconds(1)))
        guard let combination else { return }
        signals = combination.signals
        for value in combination.values {
            withUnsafeBytes(of: value.bitPattern.littleEndian) { combined.append(contentsOf: $0) }
        }
    }
}
