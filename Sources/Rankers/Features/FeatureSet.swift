// Queries with their pools of responses, as features and labels: one immutable safetensors file.
// The bytes stay as stored (mapped, 16-bit); everything that could be wrong with them is checked
// once, here, so that training and evaluation need not ask again.
public import LanguageSystem
import RankerMath
internal import Foundation

/// The kind of labels, which decides the meaning of accuracy.
public enum LabelKind: String, Sendable, Codable, Hashable, CaseIterable {
    /// Each label is 0 or 1.
    case binary
    /// Each label is a number of absolute value `Bounds.magnitudeMax` or less.
    case score
}

/// The `__metadata__` of a feature file.
public struct FeatureMetadata: Sendable, Hashable, Codable {
    public var baseModel: String
    /// D, the number of values in one feature.
    public var hiddenSize: Int
    public var domain: DomainName
    public var split: Split
    public var labelKind: LabelKind
    /// The optional fields of the feature contract: `layer`, `layer_fraction`, `pooling`, and all
    /// others in the file, as they are written.
    public var contract: [String: String]

    /// The layer; nil when the file has none or it is not a number that the ledger can hold.
    public var layer: Int? { contract["layer"].flatMap { Int32($0) }.map(Int.init) }
    /// The user whose data these are; nil when the file names none.
    public var user: String? { contract["user"] }
    /// The layer as a fraction from the bottom; nil when the file has none or it is not a number.
    public var layerFraction: Double? { contract["layer_fraction"].flatMap(Double.init) }

    public init(
        baseModel: String, hiddenSize: Int, domain: DomainName, split: Split,
        labelKind: LabelKind = .binary, contract: [String: String] = [:]
    ) {
        self.baseModel = baseModel
        self.hiddenSize = hiddenSize
        self.domain = domain
        self.split = split
        self.labelKind = labelKind
        self.contract = contract
    }
}

/// An ordered, immutable list of queries of one base model, domain and split.
public struct FeatureSet: Sendable {
    public let metadata: FeatureMetadata
    /// The name in errors: the path, or the caller's name for it.
    public let name: String
    /// The rows of query q are `offsets[q] ..< offsets[q + 1]`.
    public let offsets: [Int]
    /// The label of each response, shape [responses].
    public let labels: [Float]
    /// The number of each response's answer: equal numbers mean equal answers, -1 an unknown one.
    /// Nil where the file has none.
    public let answers: [Int32]?
    /// The log-probability of each response, shape [responses]; nil where the file has none.
    public let logProbabilities: [Float]?
    /// The number of tokens of each response, shape [responses]; nil where the file has none.
    public let tokenCounts: [Int32]?
    /// Whether the model ended each response itself, shape [responses]; nil where the file does not
    /// say.
    public let finished: [Bool]?
    /// Further numbers of each response by their names, the tensors `scores.NAME`.
    public let numbers: [String: [Float]]
    private let storage: ByteStorage
    private let instruction: FeatureMatrix
    private let responses: FeatureMatrix

    public var instructionType: FeatureType { instruction.stored.type }
    public var responseType: FeatureType { responses.stored.type }
    public var queryCount: Int { offsets.count - 1 }
    public var responseCount: Int { labels.count }
    public var byteCount: Int { storage.bytes.count }
    public var hiddenSize: Int { metadata.hiddenSize }
    /// SHA-256 of the file's bytes, computed at the first use.
    public var digest: Digest { storage.digest }
    /// Passes the bytes of the whole file to `body`.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try body(storage.bytes)
    }

    /// Maps the file. It must not change while this value exists.
    ///
    /// - Parameter name: The name in errors; nil for the path.
    public init(contentsOf path: String, name: String? = nil) throws(LanguageSystemError) {
        let name = name ?? path
        try self.init(storage: try ByteStorage(mapping: path, name: name), name: name)
    }

    public init(
        safetensors bytes: [UInt8], name: String = "feature set"
    ) throws(LanguageSystemError) {
        try self.init(
            storage: bytes.withUnsafeBytes { ByteStorage(copying: $0) }, name: name)
    }

    private init(storage: ByteStorage, name: String) throws(LanguageSystemError) {
        let reader = try FeatureFileReader(bytes: storage.bytes, name: name)
        metadata = try reader.metadata()
        let size = metadata.hiddenSize
        let instruction = try reader.matrix("instruction", width: size)
        let responses = try reader.matrix("responses", width: size)
        offsets = try reader.offsets(
            queryCount: instruction.rowCount, responseCount: responses.rowCount)
        labels = try reader.labels(count: responses.rowCount, kind: metadata.labelKind)
        answers = try reader.answers(count: responses.rowCount)
        logProbabilities = try reader.logProbabilities(count: responses.rowCount)
        tokenCounts = try reader.tokenCounts(count: responses.rowCount)
        finished = try reader.finished(count: responses.rowCount)
        numbers = try reader.numbers(count: responses.rowCount)
        self.instruction = instruction
        self.responses = responses
        self.storage = storage
        self.name = name
    }

    /// What is known of the responses beside their features.
    public var signals: Set<Signal> {
        var signals = Set(numbers.keys.map(Signal.number))
        if logProbabilities != nil, tokenCounts != nil { signals.insert(.logProbabilities) }
        if answers != nil { signals.insert(.answers) }
        if finished != nil { signals.insert(.finished) }
        return signals
    }

    func instructionRow(_ query: Int) -> StoredRow { instructionMatrix.row(query) }

    func responseRow(_ index: Int) -> StoredRow { responseMatrix.row(index) }

    /// The matrices of instructions and responses, valid as long as the set.
    var instructionMatrix: StoredMatrix { instruction.stored }
    var responseMatrix: StoredMatrix { responses.stored }
}

/// A matrix of a feature file; valid as long as the file's bytes.
struct FeatureMatrix: Sendable {
    let stored: StoredMatrix
    let rowCount: Int
    /// The aligned copy of the numbers; nil when they are read in the file.
    private let copy: ByteStorage?

    /// - Parameter bytes: `rowCount` rows of `rowByteCount` bytes.
    init(_ bytes: UnsafeRawBufferPointer, type: FeatureType, rowCount: Int, rowByteCount: Int) {
        let isAligned = UInt(bitPattern: bytes.baseAddress) % UInt(type.byteCount) == 0
        copy = isAligned ? nil : ByteStorage(copying: bytes)
        self.rowCount = rowCount
        stored = StoredMatrix(
            // Both have an address: a header was read from the one, the other was allocated.
            start: (copy?.bytes ?? bytes).baseAddress!, type: type, rowByteCount: rowByteCount)
    }
}

/// Rows one after the other.
/// Unchecked: it points into bytes that do not change.
struct StoredMatrix: @unchecked Sendable {
    let start: UnsafeRawPointer
    let type: FeatureType
    let rowByteCount: Int

    func row(_ index: Int) -> StoredRow {
        StoredRow(start: start + index * rowByteCount, type: type)
    }
}

/// Immutable bytes, mapped from a file or owned, with their digest once somebody asks.
/// Unchecked: the bytes do not change, and the digest is behind the lock.
final class ByteStorage: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer
    private let isMapped: Bool
    private let lock = NSLock()
    private var known: Digest?

    init(copying source: UnsafeRawBufferPointer) {
        let copy = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(source.count, 1), alignment: 64)
        copy.copyMemory(from: source)
        bytes = UnsafeRawBufferPointer(start: copy.baseAddress, count: source.count)
        isMapped = false
    }

    init(mapping path: String, name: String) throws(LanguageSystemError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .unreadableFile(name, errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .unreadableFile(name, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw LanguageSystemError(.invalidFeatures, "cannot read \(name): it is not a file")
        }
        guard status.st_size > 0 else {
            throw LanguageSystemError(.invalidFeatures, "cannot read \(name): found an empty file")
        }
        guard let start = mmap(nil, status.st_size, PROT_READ, MAP_PRIVATE, file, 0),
            start != MAP_FAILED
        else { throw .unreadableFile(name, errno) }
        bytes = UnsafeRawBufferPointer(start: start, count: status.st_size)
        isMapped = true
    }

    deinit {
        if isMapped {
            // What is mapped has an address.
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count)
        } else {
            bytes.deallocate()
        }
    }

    var digest: Digest {
        lock.withLock {
            if let known { return known }
            let digest = Digest(sha256Of: bytes)
            known = digest
            return digest
        }
    }
}

extension LanguageSystemError {
    static func unreadableFile(_ path: String, _ number: Int32) -> Self {
        Self(.invalidFeatures, "cannot read \(path): \(String(cString: strerror(number)))")
    }
}
