// The tensors of a ranker's file, checked and found, not copied: what only wants them in another
// order copies them once. A coordinator that serves a ranker for the first time is waited for.
internal import LanguageSystem
internal import RankerMath

/// Weights in the bytes of a file. They are valid as long as the bytes stay where they are.
struct WeightsInPlace {
    let layout: RankerLayout
    /// The address of each tensor, in the layout's order; it may be unaligned.
    let starts: [UnsafeRawPointer]
    let combiner: Combiner?

    /// - Throws: `invalidWeights` unless the file holds exactly the tensors of its configuration,
    ///   float32, of the right shapes and finite.
    init(safetensors bytes: UnsafeRawBufferPointer, name: String) throws(LanguageSystemError) {
        let file = try SafetensorsFile(parsing: bytes, name: name, code: .invalidWeights)
        guard let json = file.metadata["ranker"] else {
            throw .invalidWeights(name, "found no metadata 'ranker'")
        }
        let configuration: RankerConfiguration
        do throws(LanguageSystemError) {
            configuration = try RankerConfiguration(json: json)
            combiner = try file.metadata["combiner"].map { json throws(LanguageSystemError) in
                try Combiner(json: json)
            }
        } catch {
            throw .invalidWeights(name, error.message)
        }
        layout = RankerLayout(configuration)
        var starts: [UnsafeRawPointer] = []
        for tensor in layout.tensors {
            guard let found = file.tensors[tensor.name] else {
                throw .invalidWeights(name, "found no tensor '\(tensor.name)'")
            }
            guard found.dtype == .f32, found.shape == tensor.shape else {
                throw .invalidWeights(
                    name,
                    "found '\(tensor.name)' of \(found.dtype.rawValue) \(found.shape), "
                        + "expected F32 \(tensor.shape)")
            }
            // It has an address: a header was read there.
            let start = bytes.baseAddress! + found.byteRange.lowerBound
            guard FeatureType.float32.isFinite(start, count: tensor.count) else {
                throw .invalidWeights(name, "found a number that is not finite in '\(tensor.name)'")
            }
            starts.append(start)
        }
        if file.tensors.count != layout.tensors.count {
            let known = Set(layout.tensors.map(\.name))
            let extra = file.tensors.keys.sorted().first { !known.contains($0) } ?? ""
            throw .invalidWeights(
                name, "found the tensor '\(extra.printable())', which this ranker has not")
        }
        self.starts = starts
    }

    /// Whether every tensor is aligned, so that it can be read as float32 in place.
    var isAligned: Bool { starts.allSatisfy { UInt(bitPattern: $0) % 4 == 0 } }
}

extension LanguageSystemError {
    static func invalidWeights(_ name: String, _ why: String) -> Self {
        Self(.invalidWeights, "cannot read \(name): \(why)")
    }
}
