// One frozen set of weights and the shape it belongs to; a safetensors file with the names that
// the PyTorch reference uses, the configuration beside them. Equal weights give equal bytes, so the
// digest of the bytes can name them.
public import LanguageSystem

/// The weights of a ranker, with its configuration.
public struct RankerWeights: Sendable, Hashable {
    public let configuration: RankerConfiguration
    /// The numbers of all tensors, in the layout's order.
    let values: [Float]
    /// How scores and signals become one number; nil: scores stand alone.
    public let combiner: Combiner?

    package init(
        configuration: RankerConfiguration, values: [Float], combiner: Combiner? = nil
    ) {
        precondition(values.count == configuration.parameterCount, "weights do not fit the shape")
        self.configuration = configuration
        self.values = values
        self.combiner = combiner
    }

    /// The same weights with another combiner, or with none.
    public func with(_ combiner: Combiner?) -> RankerWeights {
        RankerWeights(configuration: configuration, values: values, combiner: combiner)
    }

    /// Makes the weights that training with this seed starts from.
    public init(fresh configuration: RankerConfiguration, seed: UInt64) {
        self.init(
            configuration: configuration,
            values: RankerLayout(configuration).initialValues(seed: seed))
    }

    /// - Throws: `invalidWeights` unless the file holds exactly the tensors of its configuration,
    ///   float32, of the right shapes and finite.
    public init(
        safetensors bytes: [UInt8], name: String = "weights"
    ) throws(LanguageSystemError) {
        let read = bytes.withUnsafeBytes { buffer in
            Result<RankerWeights, LanguageSystemError> { () throws(LanguageSystemError) in
                try RankerWeights(safetensors: buffer, name: name)
            }
        }
        self = try read.get()
    }

    /// Reads the bytes in place and keeps no reference to them.
    public init(
        safetensors bytes: UnsafeRawBufferPointer, name: String = "weights"
    ) throws(LanguageSystemError) {
        self.init(try WeightsInPlace(safetensors: bytes, name: name))
    }

    init(_ weights: WeightsInPlace) {
        let layout = weights.layout
        let values = [Float](unsafeUninitializedCapacity: layout.count) { values, count in
            for (tensor, start) in zip(layout.tensors, weights.starts) {
                // It has an address: no ranker is without weights.
                UnsafeMutableRawPointer(values.baseAddress! + tensor.offset)
                    .copyMemory(from: start, byteCount: 4 * tensor.count)
            }
            count = layout.count
        }
        self.init(
            configuration: layout.configuration, values: values, combiner: weights.combiner)
    }

    /// The weights as a safetensors file: float32 tensors, and `__metadata__` with `format`,
    /// `ranker` and, where there is one, `combiner`.
    public func safetensors() -> [UInt8] {
        var writer = SafetensorsWriter(
            metadata: ["format": "ranker/1", "ranker": configuration.json])
        writer.metadata["combiner"] = combiner?.json
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

    /// The largest absolute value of a weight; training that exceeds it has diverged.
    public static let magnitudeMax: Float = 1e6

    /// The largest absolute value of any weight.
    public var largestMagnitude: Float { values.reduce(0) { max($0, abs($1)) } }

    /// Whether no weight exceeds `magnitudeMax`.
    var areOfSensibleSize: Bool { values.allSatisfy { abs($0) <= Self.magnitudeMax } }

    package var allValues: [Float] { values }

    /// The numbers of a tensor, by its name in the file; nil when the ranker has none of that name.
    public subscript(name name: String) -> [Float]? {
        RankerLayout(configuration).tensors.first { $0.name == name }
            .map { Array(values[$0.offset..<$0.offset + $0.count]) }
    }
}
