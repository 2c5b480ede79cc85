// Where golden vectors are read from. An environment variable names another folder, so that vectors
// nobody tuned to are tried without a build: LS_GOLDEN names that of rankers.
import Foundation
import Testing

struct GoldenFolder {
    let url: URL
    /// The one of the repository, about which more is known.
    let isOurs: Bool

    /// - Parameter variable: unset or empty: the folder beside this file.
    init(
        _ variable: String, or folder: String,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        let named = environment[variable] ?? ""
        isOurs = named.isEmpty
        url =
            isOurs
            ? URL(filePath: #filePath).deletingLastPathComponent().appending(path: folder)
            : URL(filePath: named)
    }

    static let rankers = GoldenFolder("LS_GOLDEN", or: "Golden")
}

struct GoldenFolderError: Error, CustomStringConvertible {
    let description: String

    init(_ folder: GoldenFolder, cause: any Error) {
        description =
            "cannot read the golden vectors: expected a manifest.json in \(folder.url.path): "
            + ((cause as? DecodingError).map { "\($0)" } ?? cause.localizedDescription)
    }
}

@Suite struct `Golden folder` {
    @Test(arguments: [[:], ["LS_GOLDEN": ""], ["LS_GOLDEN_LEARNING": "/elsewhere"]])
    func `the golden folder is the repository's unless another is named`(
        environment: [String: String]
    ) {
        let folder = GoldenFolder("LS_GOLDEN", or: "Golden", environment: environment)
        #expect(folder.isOurs)
        #expect(folder.url.path.hasSuffix("/Tests/RankersTests/Golden"))
    }

    @Test func `the golden folder is the one that the environment names`() {
        let folder = GoldenFolder(
            "LS_GOLDEN", or: "Golden", environment: ["LS_GOLDEN": "/elsewhere/golden"])
        #expect(!folder.isOurs)
        #expect(folder.url.path == "/elsewhere/golden")
    }

    /// A folder that was named and cannot be read is no reason to test nothing.
    @Test func `the golden folder holds what can be read`() throws {
        #expect(!(try GoldenManifest.read.get()).cases.isEmpty)
    }
}
