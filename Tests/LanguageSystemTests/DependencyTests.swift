// Package.swift says what each target stands on, and its sources what they import. An undeclared
// import builds only once something else has built that module; an unused dependency is built for
// nothing.
import Foundation
import Testing

@Suite struct `Dependencies in Package.swift` {
    struct Target: Sendable, CustomTestStringConvertible {
        let name: String
        let kind: String
        /// From the repository's root.
        let path: String
        let dependencies: Set<String>

        var testDescription: String { name }
    }

    /// What comes with Swift and the C library.
    static let toolchain: Set<String> = [
        "CoreFoundation", "Dispatch", "Foundation", "FoundationEssentials", "Glibc",
        "Synchronization", "Testing",
    ]

    static let root = `Imports between our targets`.sources.deletingLastPathComponent()
    static let targets = targets(
        of: (try? String(
            contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)) ?? "")

    @Test func `the dependencies in Package.swift are found`() { #expect(Self.targets.count > 30) }

    @Test(arguments: targets.filter { $0.kind != "systemLibrary" })
    func `the dependencies in Package.swift are those that the sources import`(target: Target)
        throws
    {
        let imports = try Self.imports(under: Self.root.appendingPathComponent(target.path))
        let undeclared = imports.subtracting(target.dependencies).subtracting(Self.toolchain)
            .subtracting([target.name])
        #expect(undeclared.isEmpty, "\(target.name) imports what Package.swift does not give it")
        // Tests start the programs that they name.
        let started = Self.targets.filter { $0.kind == "executableTarget" }.map(\.name)
        let unused = target.dependencies.subtracting(imports)
            .subtracting(target.kind == "testTarget" ? started : [])
        #expect(unused.isEmpty, "Package.swift gives \(target.name) what it does not import")
    }

    @Test func `dependencies are read as Package.swift writes them`() {
        let found = Self.targets(
            of: """
                let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
                    targets: [
                        .target(name: "A", swiftSettings: [.unsafeFlags(["-O"])]),
                        .testTarget(name: "B", dependencies: ["A", nioSSL], path: "b"),
                    ]
                """)
        #expect(found.map(\.name) == ["A", "B"])
        #expect(found.map(\.path) == ["Sources/A", "b"])
        #expect(found.map(\.dependencies) == [[], ["A", "NIOSSL"]])
        #expect(
            Self.imports(
                in:
                    """
                    public import A\n@testable import B\nimport struct C.D\nimport E.F\n// import G
                    """
            )
                == ["A", "B", "C", "E"])
    }

    private static func targets(of manifest: String) -> [Target] {
        let product = /let (\w+): Target\.Dependency = \.product\(\s*name: "(\w+)"/
        let products = Dictionary(
            manifest.matches(of: product).map { (String($0.1), String($0.2)) },
            uniquingKeysWith: { first, _ in first })
        guard let start = manifest.range(of: "    targets: [") else { return [] }
        let opening = /\.(target|testTarget|executableTarget|systemLibrary)\(/
        return manifest[start.upperBound...].matches(of: opening).compactMap { match in
            var depth = 1
            let body = manifest[match.range.upperBound...].prefix { character in
                depth += character == "(" ? 1 : character == ")" ? -1 : 0
                return depth > 0
            }
            guard let name = body.firstMatch(of: /name: "(\w+)"/)?.1 else { return nil }
            let folder = match.1 == "testTarget" ? "Tests" : "Sources"
            let list = body.firstMatch(of: /(?s)dependencies: \[(.*?)\]/)?.1 ?? ""
            let dependencies = list.matches(of: /"(\w+)"|(\w+)/).map { entry in
                entry.1.map(String.init) ?? entry.2.map { products[String($0)] ?? String($0) } ?? ""
            }
            return Target(
                name: String(name), kind: String(match.1),
                path: body.firstMatch(of: /path: "([^"]+)"/).map { String($0.1) }
                    ?? "\(folder)/\(name)",
                dependencies: Set(dependencies))
        }
    }

    private static func imports(under folder: URL) throws -> Set<String> {
        let names = try #require(FileManager.default.enumerator(atPath: folder.path))
            .compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }
        return try names.reduce(into: []) { found, name in
            found.formUnion(
                imports(
                    in: try String(
                        contentsOf: folder.appendingPathComponent(name), encoding: .utf8)))
        }
    }

    static func imports(in text: String) -> Set<String> {
        let pattern = /^(?:@?\w+ )*?import (?:(?:struct|class|enum|protocol|func|var|let) )?(\w+)/
        return Set(
            text.split(separator: "\n").filter { $0.contains("import ") }
                .compactMap { $0.firstMatch(of: pattern).map { String($0.1) } })
    }
}
