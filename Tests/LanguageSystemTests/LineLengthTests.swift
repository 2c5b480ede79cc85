import Foundation
import Testing

/// `swift format` breaks code at 100 columns and leaves comments, strings and names of tests as
/// they are.
@Suite struct `Lines` {
    static let columnCountMax = 100

    @Test(arguments: ["Sources", "Tests", "Package.swift"])
    func `lines are at most 100 columns long`(place: String) throws {
        let files = try Self.files(in: place)
        try #require(!files.isEmpty)
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated() where Self.isTooLong(line)
            {
                let name = file.path.dropFirst(`Dependencies in Package.swift`.root.path.count + 1)
                Issue.record("\(name):\(index + 1) has \(line.count) columns")
            }
        }
    }

    @Test(arguments: [
        (String(repeating: "x", count: 100), false), (String(repeating: "x", count: 101), true),
        (String(repeating: "é", count: 100), false), (String(repeating: "é", count: 101), true),
        ("/// see https://example.org/" + String(repeating: "x", count: 100), false),
        ("    /// | column |" + String(repeating: "x", count: 100), false),
        ("    // " + String(repeating: "x ", count: 60), true),
    ])
    func `lines are too long unless they hold an address or a table`(line: String, isTooLong: Bool)
    {
        #expect(Self.isTooLong(line[...]) == isTooLong)
    }

    /// An address cannot be broken, nor can a row of a table.
    private static func isTooLong(_ line: Substring) -> Bool {
        // Most lines are short however they are counted.
        guard line.utf8.count > columnCountMax, line.count > columnCountMax else { return false }
        return !line.contains("https://") && !line.contains("http://")
            && !line.drop { $0 == " " || $0 == "/" }.hasPrefix("|")
    }

    private static func files(in place: String) throws -> [URL] {
        let url = `Dependencies in Package.swift`.root.appendingPathComponent(place)
        if url.pathExtension == "swift" { return [url] }
        let names = try #require(FileManager.default.enumerator(atPath: url.path))
            .compactMap { $0 as? String }
        return names.filter { name in
            [".swift", ".c", ".h"].contains { name.hasSuffix($0) } && !name.contains("Generated/")
        }.sorted().map(url.appendingPathComponent)
    }
}
