import LanguageSystem
import Testing

@Suite struct `Domain name` {
    @Test func `a domain's ancestors come nearest first`() throws {
        #expect(try DomainName("a/b/c").ancestors == [DomainName("a/b"), DomainName("a")])
        #expect(try DomainName("math").ancestors.isEmpty)
    }

    @Test func `a domain pattern means everything beneath, not the name itself`() throws {
        #expect(try DomainName("math/algebra").matches("math/*"))
        #expect(try !DomainName("math").matches("math/*"))
        #expect(try !DomainName("mathematics/x").matches("math/*"))
        #expect(try DomainName("math").matches("math"))
    }

    @Test(arguments: [
        "", "/", "math/", "/math", "math//x", "Math", "a b", "é", "-x",
        String(repeating: "a", count: 121),
    ])
    func `a malformed domain name is refused with a sentence`(name: String) {
        #expect(throws: LanguageSystemError.self) { try DomainName(name) }
    }
}

@Suite struct `Digest text` {
    @Test func `a digest comes back from its hexadecimal text`() throws {
        let digest = try #require(Digest(bytes: (0..<32).map { UInt8($0 * 8) }))
        #expect(Digest(hex: digest.description) == digest)
        #expect(Digest(hex: digest.description.uppercased()) == digest)
        #expect(digest.short.count == 12)
    }

    @Test(arguments: [
        "", "00", String(repeating: "g", count: 64), String(repeating: "0", count: 66),
    ])
    func `text that is no digest is refused`(text: String) {
        #expect(Digest(hex: text) == nil)
    }
}
