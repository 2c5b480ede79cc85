// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

// Arithmetic is too slow to test without the optimiser.
let optimised: [SwiftSetting] = strict + [.unsafeFlags(["-O"])]

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let arguments: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "language-system",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // The shared words.
        .target(name: "LanguageSystem", swiftSettings: strict),
        .testTarget(
            name: "LanguageSystemTests", dependencies: ["LanguageSystem"], swiftSettings: strict),

        // The database.
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "PostgresAccess",
            dependencies: ["CLibPQ", "LanguageSystem", crypto, logging, lifecycle],
            swiftSettings: strict),
        .target(
            name: "CoordinationTesting",
            dependencies: ["LanguageSystem", "PostgresAccess", logging],
            swiftSettings: strict),
        .testTarget(
            name: "PostgresAccessTests",
            dependencies: [
                "CoordinationTesting", "LanguageSystem", "PostgresAccess", logging, lifecycle,
            ],
            swiftSettings: strict),
        .target(
            name: "LedgerSchema", path: "sql", exclude: ["tests"], sources: ["Schema.swift"],
            resources: [
                .embedInCode("migrations"), .embedInCode("functions"), .embedInCode("views"),
            ],
            swiftSettings: strict),
        .target(
            name: "Ledger",
            dependencies: ["LanguageSystem", "LedgerSchema", "PostgresAccess", crypto, logging],
            swiftSettings: strict),
        .testTarget(
            name: "LedgerTests",
            dependencies: [
                "CoordinationTesting", "LanguageSystem", "Ledger", "LedgerSchema", "PostgresAccess",
                crypto, logging,
            ],
            swiftSettings: strict),

        // Rankers.
        .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
        .target(
            name: "RankerMath", dependencies: ["CKernels", "COneDNN"], swiftSettings: optimised),
        .target(
            name: "Rankers", dependencies: ["LanguageSystem", "RankerMath", crypto],
            swiftSettings: optimised),
        .testTarget(
            name: "RankerMathTests", dependencies: ["RankerMath"], swiftSettings: strict),
        .testTarget(
            name: "RankersTests", dependencies: ["LanguageSystem", "RankerMath", "Rankers"],
            exclude: ["Fixtures", "Golden"], swiftSettings: strict),
        .executableTarget(
            name: "lsbench", dependencies: ["LanguageSystem", "RankerMath", "Rankers", arguments],
            swiftSettings: optimised),
    ]
)
