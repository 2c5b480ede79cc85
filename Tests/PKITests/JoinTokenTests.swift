// Join tokens: one text for one token, everything else refused without repeating the secret.
import LanguageSystem
import Testing

@testable import PKI

@Suite struct `Join token` {
    static let pin = String(repeating: "ab", count: 32)
    static let text = "LS1\(pin)::0a1b2c3d4e5f.\(String(repeating: "7f", count: 32))"

    @Test func `a join token is read and written as the same text`() throws {
        let token = try JoinToken(Self.text)
        #expect(token.authorityPin.description == Self.pin)
        #expect(token.id == "0a1b2c3d4e5f")
        #expect(token.text == Self.text)
    }

    @Test func `a join token prints without its secret`() throws {
        let token = try JoinToken(Self.text)
        #expect(!"\(token)".contains(token.secret))
        #expect("\(token)".contains("<redacted>"))
    }

    @Test(arguments: [
        "", "LS1", "LS2\(pin)::id.\(pin)", "ls1\(pin)::id.\(pin)",
        "LS1\(pin.dropLast())::id.\(pin)",
        "LS1\(pin.uppercased())::id.\(pin)", "LS1\(pin):id.\(pin)", "LS1\(pin)::id",
        "LS1\(pin)::.\(pin)",
        "LS1\(pin)::id.", "LS1\(pin)::id.short", "LS1\(pin)::id.\(pin).more",
        "LS1\(pin)::i d.\(pin)",
        " LS1\(pin)::id.\(pin)", "LS1\(pin)::id.\(pin)\n", "LS1\(pin)::id.\(pin)é",
        "LS1\(pin)::id.\(String(repeating: "a", count: 600))", "LS1é\(pin)::id.\(pin)",
    ])
    func `a malformed join token is refused`(text: String) {
        let error = #expect(throws: LanguageSystemError.self) { try JoinToken(text) }
        #expect(error?.code == .tokenRefused)
    }

    @Test func `of 20,000 damaged join tokens, what is accepted prints as what was read`() {
        var generator = SeededGenerator(seed: 1)
        var acceptedCount = 0
        for _ in 0..<20_000 {
            var bytes = Array(Self.text.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(UInt8.random(in: 0x20...0x7e, using: &generator), at: index)
                default: bytes.removeLast(Int.random(in: 1...8, using: &generator))
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let token = try? JoinToken(text) else { continue }
            acceptedCount += 1
            #expect(token.text == text)
        }
        // A changed letter of the secret is still a token; a changed separator is not.
        #expect((1_000..<15_000).contains(acceptedCount))
    }
}
