// Initial weights as the PyTorch peer writes them: the ranker's tensors by their names, without
// our description of the shape beside them. Adds the description and lets `RankerWeights` check
// the rest, so that such a file is judged exactly as one of ours.
package import LanguageSystem
package import Rankers

extension RankerWeights {
    /// Reads weights of `configuration` from a file with or without our metadata.
    ///
    /// - Throws: `invalidWeights` unless it holds exactly that ranker's tensors, float32 and
    ///   finite.
    package init(
        initialFrom path: String, for configuration: RankerConfiguration
    ) throws(LanguageSystemError) {
        let file = try BenchFile(path, code: .invalidWeights)
        if file.header.metadata["ranker"] == nil {
            try self.init(safetensors: file.described(as: configuration), name: path)
        } else {
            try self.init(safetensors: file.bytes, name: path)
        }
        guard self.configuration == configuration else {
            throw LanguageSystemError(
                .invalidWeights,
                "cannot start from \(path): found weights of \(self.configuration.json), "
                    + "expected \(configuration.json)")
        }
    }

    /// The names of its tensors, in alphabetical order.
    package var tensorNames: [String] {
        let bytes = safetensors()
        let header = bytes.withUnsafeBytes {
            try? SafetensorsFile(parsing: $0, name: "weights", code: .internal)
        }
        guard let header else { preconditionFailure("weights write a file that can be read") }
        return header.tensors.keys.sorted()
    }
}

extension BenchFile {
    /// The file with our metadata added to its tensors.
    fileprivate func described(as configuration: RankerConfiguration) -> [UInt8] {
        var writer = SafetensorsWriter(
            metadata: ["format": "ranker/1", "ranker": configuration.json])
        for (name, tensor) in header.tensors.sorted(by: { $0.key < $1.key }) {
            writer.add(name, tensor.dtype, tensor.shape, bytes: Array(bytes[tensor.byteRange]))
        }
        return writer.bytes()
    }
}
