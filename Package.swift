// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "language-system",
    targets: [
        .target(name: "LanguageSystem", swiftSettings: strict),
        .testTarget(
            name: "LanguageSystemTests", dependencies: ["LanguageSystem"], swiftSettings: strict),
    ]
)
