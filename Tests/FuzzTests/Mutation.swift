// Inputs nobody meant: valid ones, damaged in the ways that parsers trip over. From a seed, so that
// input number N of seed S is the same for ever.

struct Mutator {
    private var state: UInt64
    private let samples: [[UInt8]]
    private let byteCountMax: Int

    init(seed: UInt64, samples: [[UInt8]], byteCountMax: Int = 1 << 16) {
        precondition(!samples.isEmpty)
        state = seed
        self.samples = samples
        self.byteCountMax = byteCountMax
    }

    /// Of one input alone, whatever came before it.
    static func input(_ index: UInt64, seed: UInt64, samples: [[UInt8]]) -> [UInt8] {
        var mutator = Mutator(seed: seed &* 0x9e37_79b9_7f4a_7c15 &+ index, samples: samples)
        return mutator.next()
    }

    private mutating func next() -> [UInt8] {
        var bytes = samples[below(samples.count)]
        for _ in 0..<1 + below(6) { damage(&bytes) }
        return bytes.count > byteCountMax ? Array(bytes.prefix(byteCountMax)) : bytes
    }

    private mutating func damage(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else {
            bytes = (0..<below(64)).map { _ in UInt8(below(256)) }
            return
        }
        let place = below(bytes.count)
        switch below(9) {
        case 0: bytes[place] ^= 1 << below(8)
        case 1: bytes[place] = Self.bytes[below(Self.bytes.count)]
        case 2: bytes.insert(UInt8(below(256)), at: place)
        case 3: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(8)))
        case 4: bytes.removeLast(bytes.count - place)
        case 5:
            let end = min(bytes.count, place + 1 + below(64))
            bytes.insert(contentsOf: bytes[place..<end], at: below(bytes.count + 1))
        case 6:
            let other = samples[below(samples.count)]
            bytes = Array(bytes[..<place] + other.dropFirst(below(other.count + 1)))
        case 7:
            // A number where it may be a length, an offset or a shape.
            let width = 1 << below(4)
            let value = Self.numbers[below(Self.numbers.count)]
            for offset in 0..<width where place + offset < bytes.count {
                bytes[place + offset] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(offset)))
            }
        default:
            // A number in decimal, as JSON has it.
            let digits = Array("\(Self.numbers[below(Self.numbers.count)])".utf8)
            let end = bytes[place...].firstIndex { !Self.digits.contains($0) } ?? bytes.count
            bytes.replaceSubrange(place..<end, with: digits)
        }
    }

    private static let bytes: [UInt8] = [
        0, 1, 0x20, 0x22, 0x2D, 0x30, 0x5B, 0x7B, 0x7F, 0x80, 0xFF,
    ]
    private static let numbers: [UInt64] = [
        0, 1, 7, 8, 127, 128, 255, 256, 65_535, 65_536, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 53,
        1 << 62, 1 << 63, .max, .max - 7,
    ]
    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")

    /// SplitMix64.
    private mutating func below(_ count: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((z ^ (z >> 31)) % UInt64(count))
    }
}
