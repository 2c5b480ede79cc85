import LanguageSystem
import Testing

@Suite struct `Somebody else's text in a sentence` {
    @Test(arguments: [
        ("a\nb\u{0}c\u{1B}[31md", "a?b?c?[31md"),
        ("\u{85}\u{2028}\u{2029}\u{202E}\u{200B}", "?????"),
        ("élan 線 🙂", "élan 線 🙂"), ("", ""),
    ])
    func `somebody else's text ends no line, hides nothing and speaks to no terminal`(
        text: String, shown: String
    ) {
        #expect(text.printable() == shown)
    }

    @Test func `somebody else's text is cut with three dots`() {
        #expect(String(repeating: "x", count: 40).printable() == String(repeating: "x", count: 40))
        #expect("abcdef".printable(3) == "abc...")
    }

    @Test func `somebody else's text ends no line in the refusal of a domain's name`() {
        let error = #expect(throws: LanguageSystemError.self) {
            try DomainName("math\u{7}/al\ngebra")
        }
        #expect(error?.message.contains("'math?/al?gebra'") == true)
    }
}
