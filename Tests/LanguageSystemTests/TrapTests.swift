import Foundation
import Testing

/// What ends a program. Nothing that a stranger, a file or the database says may do that, so each
/// place where it could is one that somebody thought about: no `try!`, no `as!`, no `fatalError`,
/// and beside each `!` why it holds.
@Suite struct `Traps in the sources` {
    struct Line: CustomStringConvertible {
        let file: String
        let number: Int
        let text: String
        /// Without what stands in quotes or behind a comment.
        let code: String
        var description: String { "\(file):\(number): \(text)" }
    }

    /// Writing, as PEM and as DER, what the same library has parsed or just signed.
    static let kept = ["PKI/CertificateAuthority.swift": 2]

    static let files: [(name: String, lines: [Line])] = {
        let root = `Imports between our targets`.sources
        let names = (FileManager.default.enumerator(atPath: root.path)?.allObjects ?? [])
            .compactMap { $0 as? String }
            .filter { $0.hasSuffix(".swift") && !$0.contains("/Generated/") }.sorted()
        return names.map { name in
            let url = root.appendingPathComponent(name)
            let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
            return (name, lines(of: text, in: name))
        }
    }()

    static func lines(of text: String, in name: String) -> [Line] {
        var isText = false
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map {
            let line = String($1)
            let wasText = isText
            if line.contains("\"\"\""), line.components(separatedBy: "\"\"\"").count == 2 {
                isText.toggle()
            }
            // Most lines hold none of what is looked for.
            let isPlain =
                !line.utf8.contains(UInt8(ascii: "!")) && !line.contains("fatalError")
                && !line.contains("unsafelyUnwrapped")
            let code =
                wasText || isText || isPlain
                ? "" : line.replacing(/"(\\.|[^"\\])*"/, with: "").replacing(/\/\/.*/, with: "")
            return Line(file: name, number: $0 + 1, text: line, code: code)
        }
    }

    @Test func `no source ends the program by name`() throws {
        try #require(Self.files.count > 300)
        for (name, lines) in Self.files {
            let found = lines.filter {
                $0.code.contains(/\btry!|\bas!|\bfatalError\(|\bunsafelyUnwrapped\b/)
            }
            #expect(found.count == Self.kept[name] ?? 0, "\(found)")
            for line in found { #expect(Self.isExplained(line, in: lines), "\(line)") }
        }
    }

    @Test func `each value that is taken to be there has its reason beside it`() {
        var count = 0
        for (_, lines) in Self.files {
            for line in lines where line.code.contains(/[\w\)\]\}"]!(?![=])/) {
                count += 1
                #expect(Self.isExplained(line, in: lines), "no reason near \(line)")
            }
        }
        // Fewer is fine; more wants a thought whether there is no other way.
        #expect(count <= 45)
    }

    @Test(arguments: [
        ("let a = b!", 1), ("if a != b {", 0), ("let a = \"b!\"", 0), ("// b!", 0),
        ("let a = b![0]", 1), ("let a = b()!.c", 1), ("if !a {", 0), ("var a: Int!", 1),
    ])
    func `traps in the sources are found where they are`(text: String, count: Int) {
        let found = Self.lines(of: text, in: "x").filter { $0.code.contains(/[\w\)\]\}"]!(?![=])/) }
        #expect(found.count == count)
    }

    /// A comment stands in the line or in one of the three above it.
    private static func isExplained(_ line: Line, in lines: [Line]) -> Bool {
        lines[max(0, line.number - 4)..<line.number].contains { $0.text.contains("//") }
    }
}
