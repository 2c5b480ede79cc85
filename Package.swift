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
let certificates: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let grpc: Target.Dependency = .product(name: "GRPCCore", package: "grpc-swift-2")
let grpcTransport: Target.Dependency = .product(
    name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport")
let arguments: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let configuration: Target.Dependency = .product(
    name: "Configuration", package: "swift-configuration")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")

let histogram: Target.Dependency = .product(
    name: "Histogram", package: "hdrhistogram-swift")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let grpcProtobuf: Target.Dependency = .product(
    name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(
    name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTLS: Target.Dependency = .product(name: "HummingbirdTLS", package: "hummingbird")
let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioFoundation: Target.Dependency = .product(name: "NIOFoundationCompat", package: "swift-nio")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioReloading: Target.Dependency = .product(
    name: "NIOCertificateReloading", package: "swift-nio-extras")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "language-system",
    dependencies: [
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift.git", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf.git", from: "1.39.0", traits: []),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.1"),
        .package(url: "https://github.com/grpc/grpc-swift-2.git", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport.git", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", from: "2.4.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // The shared words.
        .target(name: "LanguageSystem", swiftSettings: strict),
        .target(
            name: "RecordedTexts", path: "Tests/RecordedTexts", swiftSettings: strict),
        .testTarget(
            name: "LanguageSystemTests", dependencies: ["LanguageSystem"], swiftSettings: strict),

        // Each once: locks, deadlines, single flights, circuit breakers, threads.
        .target(name: "Concurrency", swiftSettings: strict),
        .testTarget(
            name: "ConcurrencyTests", dependencies: ["Concurrency"], swiftSettings: strict),

        // The database.
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "PostgresAccess",
            dependencies: ["CLibPQ", "Concurrency", "LanguageSystem", crypto, logging, lifecycle],
            swiftSettings: strict),
        .target(
            name: "EmbeddedPostgres",
            dependencies: [
                "CLibPQ", "Concurrency", "LanguageSystem", "PostgresAccess", lifecycle, logging,
            ],
            swiftSettings: strict),
        .target(
            name: "PostgresTesting", dependencies: ["EmbeddedPostgres", "PostgresAccess", logging],
            path: "Tests/PostgresTesting", swiftSettings: strict),
        .testTarget(
            name: "PostgresAccessTests",
            dependencies: [
                "CLibPQ", "Concurrency", "LanguageSystem", "PostgresAccess", "PostgresTesting",
                logging, lifecycle,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "EmbeddedPostgresTests",
            dependencies: [
                "EmbeddedPostgres", "LanguageSystem", "PostgresAccess", lifecycle, logging,
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
                "EmbeddedPostgres", "LanguageSystem", "Ledger", "LedgerSchema", "PostgresAccess",
                "PostgresTesting", "RecordedTexts", crypto, logging,
            ],
            swiftSettings: strict),

        // Rankers.
        .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
        .target(
            name: "RankerMath", dependencies: ["CKernels", "COneDNN", "LanguageSystem"],
            swiftSettings: optimised),
        .target(
            name: "Rankers", dependencies: ["LanguageSystem", "RankerMath", crypto],
            swiftSettings: optimised),
        .testTarget(
            name: "RankerMathTests", dependencies: ["CKernels", "LanguageSystem", "RankerMath"],
            exclude: ["Golden"], swiftSettings: strict),
        .target(name: "CountedAllocations", path: "Tests/CountedAllocations"),
        .testTarget(
            name: "RankersTests",
            dependencies: ["CountedAllocations", "LanguageSystem", "RankerMath", "Rankers"],
            exclude: ["Fixtures", "Golden", "Recorded"], swiftSettings: strict),
        .target(
            name: "Benchmarking",
            dependencies: ["LanguageSystem", "RankerMath", "Rankers", histogram],
            swiftSettings: optimised),
        .testTarget(
            name: "BenchmarkingTests",
            dependencies: [
                "Benchmarking", "LanguageSystem", "RankerMath", "Rankers", histogram,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "lsbench",
            dependencies: [
                "Benchmarking", "EdgeWork", "EmbeddedPostgres", "LanguageSystem", "Ledger", "PKI",
                "PostgresAccess", "ProgramSupport", "RankerMath", "Rankers", "WorkerWire",
                arguments, crypto, grpc, grpcTransport, histogram, httpClient, logging, nio,
                nioFoundation, nioHTTP, nioPosix, nioSSL, signals,
            ],
            swiftSettings: optimised),

        // Identities and the wire.
        .target(
            name: "PKI",
            dependencies: [
                "LanguageSystem", asn1, certificates, crypto,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PKITests", dependencies: ["LanguageSystem", "PKI", asn1, certificates, crypto],
            swiftSettings: strict),
        .target(
            name: "TLSDiagnosis",
            dependencies: ["LanguageSystem", "PKI", nio, nioPosix, nioSSL, nioTLS],
            swiftSettings: strict),
        .target(
            name: "ProgramSupport",
            dependencies: [
                "LanguageSystem", arguments, configuration, coreMetrics, logging, signals, system,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ProgramSupportTests",
            dependencies: ["LanguageSystem", "ProgramSupport", coreMetrics],
            swiftSettings: strict),
        .target(
            name: "RerankWire", dependencies: [grpc, grpcProtobuf, protobuf],
            exclude: ["rerank.proto"], swiftSettings: strict),
        .target(
            name: "WorkerWire",
            dependencies: ["LanguageSystem", grpc, grpcProtobuf, protobuf],
            exclude: ["worker.proto"],
            swiftSettings: strict),
        .testTarget(
            name: "WorkerWireTests",
            dependencies: ["LanguageSystem", "RerankWire", "WorkerWire", grpc, protobuf],
            exclude: ["Recorded"], swiftSettings: strict),

        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "Benchmarking", "LanguageSystem", "PKI", "RankerMath", "Rankers", "WorkerWire",
                protobuf,
            ],
            exclude: ["Corpus"], swiftSettings: strict),

        // The worker.
        .target(
            name: "EdgeWork",
            dependencies: [
                "Concurrency", "LanguageSystem", "PKI", "RankerMath", "Rankers", "TLSDiagnosis",
                "WorkerWire",
                crypto, grpc, grpcTransport, httpClient, logging, nio, nioHTTP, nioSSL, nioTLS,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "EdgeWorkTests",
            dependencies: [
                "EdgeWork", "LanguageSystem", "PKI", "RankerMath", "Rankers", "WorkerWire",
                crypto, grpc, grpcTransport, hummingbird, hummingbirdTLS, logging, nio,
                nioPosix, nioSSL, protobuf,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "lsworker",
            dependencies: [
                "Concurrency", "EdgeWork", "LanguageSystem", "PKI", "ProgramSupport", arguments,
                logging,
            ],
            swiftSettings: strict),

        // The coordinator.
        .systemLibrary(name: "CMalloc"),
        .target(
            name: "Coordination",
            dependencies: [
                "LanguageSystem", "Ledger", "RankerMath", "Rankers", coreMetrics, crypto, lifecycle,
                logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CoordinationTests",
            dependencies: [
                "Coordination", "LanguageSystem", "Ledger", "PostgresAccess", "PostgresTesting",
                "RankerMath", "Rankers", crypto, logging,
            ],
            swiftSettings: strict),
        .target(
            name: "CoordinatorServer",
            dependencies: [
                "Concurrency", "Coordination", "LanguageSystem", "Ledger", "PKI", "ProgramSupport",
                "RankerMath", "Rankers", "RerankWire", "WorkerWire", certificates, coreMetrics,
                crypto, grpc, grpcTransport, httpTypes, hummingbird, hummingbirdCore,
                hummingbirdTLS, lifecycle, logging, nio, nioFoundation, nioHTTP, nioPosix,
                nioReloading, nioSSL, nioTLS, protobuf,
            ],
            resources: [.embedInCode("HTTP/openapi.json")],
            swiftSettings: strict),
        .executableTarget(
            name: "lscoord",
            dependencies: [
                "CMalloc", "Coordination", "CoordinatorServer", "EmbeddedPostgres",
                "LanguageSystem", "Ledger", "PKI", "PostgresAccess", "ProgramSupport",
                "RankerMath", "Rankers", "TLSDiagnosis", arguments, coreMetrics, httpClient,
                lifecycle, logging, nio, nioFoundation, nioHTTP, nioSSL, signals,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CoordinatorServerTests",
            dependencies: [
                "Concurrency", "Coordination", "CoordinatorServer", "EdgeWork", "LanguageSystem",
                "Ledger", "PKI", "PostgresAccess", "PostgresTesting", "ProgramSupport",
                "RankerMath", "Rankers", "RerankWire", "WorkerWire", crypto, grpc, grpcTransport,
                httpTypes, hummingbird, hummingbirdCore, logging, nio, nioEmbedded, nioHTTP,
                nioSSL, protobuf,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "lscoordTests",
            dependencies: [
                "Coordination", "LanguageSystem", "PKI", "ProgramSupport", "RankerMath", "lscoord",
                arguments, logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "lsworkerTests",
            dependencies: [
                "EdgeWork", "LanguageSystem", "ProgramSupport", "lsworker", arguments, logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "EdgeWork", "LanguageSystem", "Ledger", "PKI", "PostgresTesting", "RankerMath",
                "Rankers", "RecordedTexts", "RerankWire", "WorkerWire", "lsbench", "lscoord",
                "lsworker", asn1,
                certificates, crypto, grpc, grpcTransport, logging, nio, nioHTTP, nioPosix,
                nioSSL, nioTLS, protobuf,
            ],
            exclude: ["Clients"],
            swiftSettings: strict),
    ]
)
