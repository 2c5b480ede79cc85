import Benchmarking
import Foundation
import LanguageSystem
import Rankers
import Testing

@Suite struct `Initial weights` {
    let files = try! TemporaryFiles()

    /// The file the PyTorch peer writes: tensors by name, metadata without our description.
    func writePeerFile(of weights: RankerWeights, without: String? = nil) throws -> String {
        var writer = SafetensorsWriter(
            metadata: ["format": "ranker/1", "kind": weights.configuration.kind.rawValue])
        let bytes = weights.safetensors()
        let file = try bytes.withUnsafeBytes {
            try SafetensorsFile(parsing: $0, name: "w", code: .invalidWeights)
        }
        for (name, tensor) in file.tensors where name != without {
            writer.add(name, tensor.dtype, tensor.shape, bytes: Array(bytes[tensor.byteRange]))
        }
        try write(writer.bytes(), to: files.path("peer"))
        return files.path("peer")
    }

    @Test(arguments: RankerKind.allCases)
    func `the peer's file gives the weights it was written from`(kind: RankerKind) throws {
        let configuration = RankerConfiguration.preset(kind: kind, hiddenSize: 32)
        let weights = RankerWeights(fresh: configuration, seed: 5)
        let path = try writePeerFile(of: weights)
        let read = try RankerWeights(initialFrom: path, for: configuration)
        #expect(read.digest == weights.digest)
    }

    @Test func `our own file gives the weights, too, under the names the peer looks for`() throws {
        let configuration = RankerConfiguration.preset(kind: .pointwise, hiddenSize: 32)
        let weights = RankerWeights(fresh: configuration, seed: 5)
        try write(weights.safetensors(), to: files.path("ours"))
        let read = try RankerWeights(initialFrom: files.path("ours"), for: configuration)
        #expect(read.digest == weights.digest)
        #expect(
            read.tensorNames == [
                "block.0.mlp.fc1.bias", "block.0.mlp.fc1.weight", "block.0.mlp.fc2.bias",
                "block.0.mlp.fc2.weight", "projection.bias", "projection.weight",
            ])
    }

    @Test func `weights of another shape are refused with a sentence`() throws {
        let configuration = RankerConfiguration.preset(kind: .pointwise, hiddenSize: 32)
        let wide = RankerConfiguration.preset(kind: .pointwise, hiddenSize: 48)
        let peer = try writePeerFile(of: RankerWeights(fresh: wide, seed: 5))
        #expect(
            refusal { _ = try RankerWeights(initialFrom: peer, for: configuration) }
                == "cannot read \(peer): found 'projection.weight' of F32 [64, 48], expected F32 "
                + "[64, 32]")
        let ours = files.path("ours")
        try write(RankerWeights(fresh: wide, seed: 5).safetensors(), to: ours)
        #expect(
            refusal { _ = try RankerWeights(initialFrom: ours, for: configuration) }
                == "cannot start from \(ours): found weights of \(wide.json), expected "
                + configuration.json)
        let cut = try writePeerFile(
            of: RankerWeights(fresh: configuration, seed: 5), without: "projection.bias")
        #expect(
            refusal { _ = try RankerWeights(initialFrom: cut, for: configuration) }
                == "cannot read \(cut): found no tensor 'projection.bias'")
    }
}
