import Foundation
import Testing

/// The arrows of STYLE: each target sees only what stands below it. Read from the sources, because
/// an undeclared import of a sibling builds once that sibling is built.
@Suite struct `Imports between our targets` {
    static let allowed: [String: Set<String>] = [
        "Concurrency": [],
        "LanguageSystem": [],
        "ProgramSupport": ["Concurrency", "LanguageSystem"],
        "RankerMath": ["CKernels", "COneDNN", "LanguageSystem"],
        "Rankers": ["Concurrency", "LanguageSystem", "RankerMath"],
        "PostgresAccess": ["CLibPQ", "Concurrency", "LanguageSystem"],
        "EmbeddedPostgres": ["CLibPQ", "Concurrency", "LanguageSystem", "PostgresAccess"],
        "Ledger": ["LanguageSystem", "LedgerSchema", "PostgresAccess"],
        "PKI": ["LanguageSystem"],
        "RerankWire": [],
        "WorkerWire": ["LanguageSystem"],
        "TLSDiagnosis": ["LanguageSystem", "PKI"],
        "EdgeWork": [
            "Concurrency", "LanguageSystem", "PKI", "RankerMath", "Rankers", "TLSDiagnosis",
            "WorkerWire",
        ],
        "Coordination": ["Concurrency", "LanguageSystem", "Ledger", "RankerMath", "Rankers"],
        "CoordinatorServer": [
            "Concurrency", "Coordination", "LanguageSystem", "Ledger", "PKI", "ProgramSupport",
            "RankerMath", "Rankers", "RerankWire", "WorkerWire",
        ],
        "lsworker": [
            "Concurrency", "EdgeWork", "LanguageSystem", "ProgramSupport", "PKI", "WorkerWire",
        ],
        "lscoord": [
            "CMalloc", "Coordination", "CoordinatorServer", "EmbeddedPostgres", "LanguageSystem",
            "Ledger", "LedgerSchema", "PKI",
            "PostgresAccess", "ProgramSupport", "RankerMath", "Rankers",
            "TLSDiagnosis",
        ],
        "Benchmarking": ["LanguageSystem", "RankerMath", "Rankers"],
        // The one program that plays both sides: it loads the ledger and drives workers against it.
        "lsbench": [
            "Benchmarking", "EdgeWork", "EmbeddedPostgres", "LanguageSystem", "Ledger", "PKI",
            "PostgresAccess", "ProgramSupport", "RankerMath", "Rankers", "WorkerWire",
        ],
    ]

    static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Sources")

    @Test(arguments: allowed.keys.sorted())
    func `imports between our targets point one way`(target: String) throws {
        let ours = Set(Self.allowed.keys).union([
            "CKernels", "CLibPQ", "CMalloc", "COneDNN", "LedgerSchema", "PostgresTesting",
        ])
        let folder = Self.sources.appendingPathComponent(target)
        let files = try #require(FileManager.default.enumerator(atPath: folder.path))
            .compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }
        try #require(!files.isEmpty, "\(target) has no sources")
        for file in files {
            let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
            for imported in `Dependencies in Package.swift`.imports(in: text).sorted()
            where ours.contains(imported) {
                #expect(
                    Self.allowed[target]!.contains(imported),
                    "\(target)/\(file) imports \(imported), which does not stand below it")
            }
        }
    }

    @Test func `every target is in the list of imports`() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path)
        // lsnode is Python.
        let known = Set(Self.allowed.keys).union([
            "CKernels", "CMalloc", "COneDNN", "CLibPQ", "lsnode",
        ])
        #expect(Set(folders).subtracting(known).isEmpty)
    }

    @Test func `every target has its line in CONTRIBUTING, Where things are`() throws {
        let page = try String(
            contentsOf: Self.sources.deletingLastPathComponent().appending(path: "CONTRIBUTING.md"),
            encoding: .utf8)
        for folder in try FileManager.default.contentsOfDirectory(atPath: Self.sources.path) {
            #expect(page.contains("`Sources/\(folder)/`"), "CONTRIBUTING.md names no \(folder)")
        }
    }
}
