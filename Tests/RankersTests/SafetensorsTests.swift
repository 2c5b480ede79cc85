import LanguageSystem
import RankerMath
import Rankers
import Testing

@Suite struct `Safetensors` {
    /// A file of this header and `dataCount` zero bytes.
    func parse(_ header: String, dataCount: Int, length: UInt64? = nil) throws -> SafetensorsFile {
        var bytes = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) {
            Array($0)
        }
        bytes += Array(header.utf8) + Array(repeating: 0, count: dataCount)
        return try bytes.withUnsafeBytes {
            try SafetensorsFile(parsing: $0, name: "file", code: .invalidWeights)
        }
    }

    func tensor(_ begin: Int, _ end: Int, dtype: String = "F32", shape: String = "[2]") -> String {
        #"{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]}"#
    }

    /// Pads to a multiple of 8, as writers do.
    func padded(_ header: String) -> String {
        header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    }

    @Test func `a well formed safetensors file is read`() throws {
        let file = try parse(
            padded(
                #"{"__metadata__":{"a":"\u00e9\n"},"x":\#(tensor(0, 8)),"y":\#(tensor(8, 16))}"#),
            dataCount: 16)
        #expect(file.metadata == ["a": "é\n"])
        #expect(file.tensors["y"]?.shape == [2])
    }

    @Test(arguments: [
        ("overlaps", #"{"x":X0,"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, 12),
        (
            "hole of 8 bytes", #"{"x":X0,"y":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}"#,
            24
        ),
        ("cut short", #"{"x":X0}"#, 7), ("after the last tensor", #"{"x":X0}"#, 9),
        ("twice", #"{"x":X0,"x":X0}"#, 8),
        ("not supported", #"{"x":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#, 8),
        ("expected 8 bytes", #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4),
        (
            "too large to count",
            #"{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0
        ),
        ("unknown key", #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"z":1}}"#, 8),
        ("not a string", #"{"__metadata__":{"a":1}}"#, 0), ("no '{'", "[]", 0),
        ("not a value", #"{"x":-1}"#, 0), ("nested too deeply", #"{"x":[[[[[[1]]]]]]}"#, 0),
    ])
    func `each flaw of a safetensors file is refused`(
        sentence: String, header: String, dataCount: Int
    ) throws {
        let header = padded(header.replacing("X0", with: tensor(0, 8)))
        let error = #expect(throws: LanguageSystemError.self) {
            try parse(header, dataCount: dataCount)
        }
        #expect(error?.message.contains(sentence) == true, "\(String(describing: error))")
    }

    @Test(arguments: [0, 1, 100_000_001, UInt64.max])
    func `an impossible header length is refused`(length: UInt64) {
        #expect(throws: LanguageSystemError.self) { try parse("{}", dataCount: 0, length: length) }
    }

    @Test func `a tensor need not begin where its type would lie`() throws {
        let header = #"{"x":\#(tensor(0, 8))}"#
        for count in 0..<8 {
            let file = try parse(header + String(repeating: " ", count: count), dataCount: 8)
            #expect(file.tensors["x"]?.byteRange.lowerBound == 8 + header.utf8.count + count)
        }
    }

    @Test func `what is written is read back, byte for byte the same each time`() throws {
        var writer = SafetensorsWriter(metadata: ["k\"": "v\u{1}\\"])
        writer.add("b", .f16, [3], bytes: [1, 2, 3, 4, 5, 6])
        writer.add("a", .f32, [1, 2], [Float(1), 2])
        let bytes = writer.bytes()
        #expect(bytes == writer.bytes())
        let file = try bytes.withUnsafeBytes {
            try SafetensorsFile(parsing: $0, name: "file", code: .invalidWeights)
        }
        #expect(file.metadata == ["k\"": "v\u{1}\\"])
        #expect(Array(bytes[file.tensors["b"]!.byteRange]) == [1, 2, 3, 4, 5, 6])
    }

    @Test func `20,000 spoilt files are read or refused, never worse`() throws {
        var generator = Generator(seed: 11)
        let sound = FeatureBuilder(queries: 2, pool: 3).bytes()
        let headerCount = 8 + Int(sound[0]) + Int(sound[1]) << 8
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = sound
            for _ in 0...generator.below(4) {
                bytes[generator.below(headerCount)] = UInt8(generator.below(256))
            }
            if generator.below(4) == 0 { bytes.removeLast(generator.below(bytes.count)) }
            do {
                let set = try FeatureSet(safetensors: bytes)
                #expect(set.offsets.last == set.responseCount)
            } catch {
                refused += 1
                #expect(error.code == .invalidFeatures || error.code == .invalidArgument)
            }
        }
        #expect(refused > 15_000)
    }
}
