// One frozen set of weights and the shape it belongs to; a safetensors file with the names that
// the PyTorch reference uses, the configuration beside them. Equal weights give equal bytes, so the digest of
// the bytes can name them.
public import LanguageSystem

public struct RankerWeights: Sendable, Hashable {
    public let configuration: RankerConfiguration
    /// All tensors, one after the other, in the layout's order.
    let values: [Float]

    package init(configuration: RankerConfiguration, values: [Float]) {
        precondition(values.count == configuration.parameterCount, "weights do not fit the shape")
        self.configuration = configuration
        self.values = values
    }

    /// The weights that training starts from with this seed.
    public init(fresh configuration: RankerConfiguration, seed: UInt64) {
        self.init(
            configuration: configuration,
            values: RankerLayout(configuration).initialValues(seed: seed))
    }

    /// - Throws: `invalidWeights` unless the file holds exactly the tensors of its configuration,
    ///   float32, of the right shapes and finite.
    public init(
        safetensors bytes: [UInt8], name: String = "weights"
    ) throws(CoordinatorError) {
        let read = bytes.withUnsafeBytes { buffer in
            Result<RankerWeights, CoordinatorError> { () throws(CoordinatorError) in
                try RankerWeights(safetensors: buffer, name: name)
            }
        }
        self = try read.get()
    }

    /// From where the bytes lie; nothing keeps them.
    public init(
        safetensors bytes: UnsafeRawBufferPointer, name: String = "weights"
    ) throws(CoordinatorError) {
        let file = try SafetensorsFile(parsing: bytes, name: name, code: .invalidWeights)
        guard let json = file.metadata["ranker"] else {
            throw .invalidWeights(name, "found no metadata 'ranker'")
        }
        let configuration: RankerConfiguration
        do throws(CoordinatorError) {
            configuration = try RankerConfiguration(json: json)
        } catch {
            throw .invalidWeights(name, error.message)
        }
        self = try Self.read(file, bytes, configuration, prefix: "", name: name)
    }

    /// Reads tensors `prefix` + name, as in a file that holds other tensors, too.
    static func read(
        _ file: SafetensorsFile, _ bytes: UnsafeRawBufferPointer,
        _ configuration: RankerConfiguration, prefix: String, name: String
    ) throws(CoordinatorError) -> RankerWeights {
        let layout = RankerLayout(configuration)
        var values = [Float](repeating: 0, count: layout.count)
        for tensor in layout.tensors {
            guard let found = file.tensors[prefix + tensor.name] else {
                throw .invalidWeights(name, "found no tensor '\(tensor.name)'")
            }
            guard found.dtype == .f32, found.shape == tensor.shape else {
                throw .invalidWeights(
                    name,
                    "found '\(tensor.name)' of \(found.dtype.rawValue) \(found.shape), "
                        + "expected F32 \(tensor.shape)")
            }
            let source = UnsafeRawBufferPointer(rebasing: bytes[found.byteRange])
            values.withUnsafeMutableBytes { target in
                target.baseAddress!.advanced(by: 4 * tensor.offset)
                    .copyMemory(from: source.baseAddress!, byteCount: source.count)
            }
            let range = tensor.offset..<tensor.offset + tensor.count
            guard values[range].allSatisfy(\.isFinite) else {
                throw .invalidWeights(name, "found a number that is not finite in '\(tensor.name)'")
            }
        }
        if prefix.isEmpty, file.tensors.count != layout.tensors.count {
            let known = Set(layout.tensors.map(\.name))
            let extra = file.tensors.keys.sorted().first { !known.contains($0) } ?? ""
            throw .invalidWeights(
                name, "found the tensor '\(extra.printable())', which this ranker has not")
        }
        return RankerWeights(configuration: configuration, values: values)
    }

    /// The file: float32 tensors, `__metadata__` with `format` and `ranker`.
    public func safetensors() -> [UInt8] {
        var writer = SafetensorsWriter(
            metadata: ["format": "ranker/1", "ranker": configuration.json])
        for tensor in RankerLayout(configuration).tensors {
            writer.add(
                tensor.name, .f32, tensor.shape,
                Array(values[tensor.offset..<tensor.offset + tensor.count]))
        }
        return writer.bytes()
    }

    /// SHA-256 of `safetensors()`.
    public var digest: Digest {
        safetensors().withUnsafeBytes { Digest(sha256Of: $0) }
    }

    public var parameterCount: Int { values.count }

    /// A number beyond this is no result of training: it has diverged.
    public static let magnitudeMax: Float = 1e6

    /// The largest absolute value of any weight.
    public var largestMagnitude: Float { values.reduce(0) { max($0, abs($1)) } }

    package var allValues: [Float] { values }

    /// A tensor by its name in the file; nil where this ranker has none of that name.
    public subscript(name name: String) -> [Float]? {
        RankerLayout(configuration).tensors.first { $0.name == name }
            .map { Array(values[$0.offset..<$0.offset + $0.count]) }
    }
}

extension CoordinatorError {
    static func invalidWeights(_ name: String, _ why: String) -> Self {
        Self(.invalidWeights, "cannot read \(name): \(why)")
    }
}
