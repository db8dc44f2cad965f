// swift-tools-version: 6.2
import PackageDescription

/// One configuration serves the program and its tests: `-c release --build-tests`.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

/// Links the executable against the static Swift runtime. Compiling with `--static-swift-stdlib` would
/// hide Swift Testing (it has no static form) and cost a second build of everything for the tests; the
/// libraries that static Foundation needs are then not linked by themselves, hence the list.
let foundationStatic = [
    "-static-stdlib", "-lFoundation", "-lFoundationInternationalization", "-lFoundationEssentials",
    "-lCoreFoundation", "-l_FoundationCollections", "-l_FoundationCShims", "-l_FoundationICU",
    "-lstdc++", "-lm",
]

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(
    name: "AsyncHTTPClient", package: "async-http-client")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grpcCore = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
let grpcTransport = Target.Dependency.product(
    name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(
    name: "HummingbirdCore", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let serviceLifecycle = Target.Dependency.product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

func target(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies,
        swiftSettings: strict + [.unsafeFlags(["-Onone"])])
}

let package = Package(
    name: "sidelight",
    products: [.executable(name: "sidelight", targets: ["sidelight"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2.git", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport.git", from: "2.9.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // C libraries and shims.
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .target(
            name: "CRE2",
            linkerSettings: [.linkedLibrary("re2"), .linkedLibrary("stdc++")]),
        .target(name: "CSQLiteVFS", dependencies: ["CSQLite"]),
        .target(name: "CProcess"),

        // Vocabulary and bindings.
        target("Telemetry", []),
        target("Platform", [logging]),
        target("Compression", ["CZlib", "CZstd", "CSnappy"]),
        target("RegularExpressions", ["CRE2"]),
        target("ColumnEncoding", ["Telemetry", "Compression"]),
        target("WireFormats", ["Telemetry"]),
        target(
            "OTLPExport",
            [
                "WireFormats", "Compression", "Platform", "Telemetry", asyncHTTPClient, nioCore,
                nioHTTP1, logging,
            ]),

        // Storage.
        target("Store", ["Telemetry", "Platform"]),
        target("Journal", ["Telemetry", "Platform"]),
        target(
            "SQLiteStore",
            [
                "Store", "Journal", "ColumnEncoding", "RegularExpressions", "Telemetry", "Platform",
                "CSQLite", "CSQLiteVFS", grdb, logging,
            ]),

        // Query.
        target("QueryCore", ["Store", "Telemetry"]),
        target("PromQL", ["QueryCore", "RegularExpressions", "Store", "Telemetry"]),
        target("LogQL", ["QueryCore", "RegularExpressions", "Store", "Telemetry"]),
        target("TraceQL", ["QueryCore", "RegularExpressions", "Store", "Telemetry"]),

        // Behaviour.
        target(
            "Pipeline",
            ["Store", "Telemetry", "Platform", "RegularExpressions", logging, yams]),
        target(
            "Rules",
            [
                "PromQL", "LogQL", "TraceQL", "QueryCore", "RegularExpressions", "Store",
                "Telemetry",
                "Platform", yams, logging,
            ]),
        target(
            "Notifier",
            [
                "Rules", "RegularExpressions", "Store", "Telemetry", "Platform", asyncHTTPClient,
                nioCore, nioHTTP1, nioPosix, nioSSL, yams, logging,
            ]),
        target(
            "HTTPServer",
            [
                "Platform", "Compression", hummingbird, httpTypes, nioCore, nioHTTP1, nioPosix,
                nioWebSocket, logging, serviceLifecycle,
            ]),
        target(
            "Receivers",
            [
                "HTTPServer", "WireFormats", "Pipeline", "Compression", "Store", "Telemetry",
                "Platform", "RegularExpressions",
                grpcCore, grpcTransport, nioCore, nioHPACK, nioHTTP1, nioHTTP2, nioPosix, nioSSL,
                logging, serviceLifecycle, asyncHTTPClient, yams,
            ]),
        target(
            "QueryAPI",
            [
                "HTTPServer", "Store", "QueryCore", "PromQL", "LogQL", "TraceQL", "Rules",
                "Notifier", "WireFormats", "Compression",
                "Telemetry", "Platform", "RegularExpressions", grpcCore, logging,
            ]),
        .target(
            name: "WebUI", dependencies: ["HTTPServer"],
            resources: [.embedInCode("Pages")], swiftSettings: strict),
        target(
            "Proxy",
            [
                "Telemetry", "Platform", "OTLPExport", "WireFormats", nioCore, nioPosix, logging,
                yams,
                collections,
            ]),
        target(
            "FunctionWrapper",
            [
                "CProcess", "Telemetry", "Platform", "OTLPExport", "WireFormats", nioCore,
                nioHTTP1, nioPosix, logging, asyncHTTPClient,
            ]),
        target(
            "Demo",
            ["CProcess", "HTTPServer", "Platform", asyncHTTPClient, nioCore, nioHTTP1, logging]),
        .executableTarget(
            name: "sidelight",
            dependencies: [
                "CProcess", "Receivers", "QueryAPI", "WebUI", "SQLiteStore", "Proxy",
                "FunctionWrapper", "Demo", "OTLPExport",
                "Rules", "Notifier", "Pipeline", "HTTPServer", "Platform", "Telemetry", "Store",
                "PromQL", "TraceQL",
                "LogQL", "QueryCore", "WireFormats", "Compression",
                argumentParser, asyncHTTPClient, nioCore, nioHTTP1, nioPosix, nioWebSocket, logging,
                serviceLifecycle, yams,
            ],
            swiftSettings: strict,
            linkerSettings: [.unsafeFlags(foundationStatic)]),

        // Tests.
        tests("TelemetryTests", ["Telemetry"]),
        tests("PlatformTests", ["Platform", logging]),
        tests("CompressionTests", ["Compression"]),
        tests("RegularExpressionsTests", ["RegularExpressions"]),
        tests("ColumnEncodingTests", ["ColumnEncoding", "Telemetry", "Compression"]),
        tests("WireFormatsTests", ["WireFormats", "Telemetry", "Compression"]),
        tests(
            "OTLPExportTests",
            [
                "OTLPExport", "WireFormats", "Telemetry", "Platform", "Compression", nioCore,
                nioPosix, logging,
            ]),
        tests(
            "StoreTests",
            ["Store", "SQLiteStore", "RegularExpressions", "Telemetry", "Platform", logging]),
        tests("JournalTests", ["Journal", "Telemetry", "Platform"]),
        // Apart from the store's tests: GRDB brings SQLite's C declarations under a module name of its own.
        tests("CSQLiteVFSTests", ["CSQLite", "CSQLiteVFS"]),
        tests(
            "SQLiteStoreTests",
            [
                "SQLiteStore", "Store", "PromQL", "QueryCore", "Journal", "Telemetry", "Platform",
                "ColumnEncoding",
                "CSQLiteVFS", "CSQLite", grdb, logging,
            ]),
        tests("QueryCoreTests", ["QueryCore", "Store", "Telemetry", "Platform"]),
        tests("PromQLTests", ["PromQL", "QueryCore", "Store", "Telemetry"]),
        tests("LogQLTests", ["LogQL", "QueryCore", "RegularExpressions", "Store", "Telemetry"]),
        tests("TraceQLTests", ["TraceQL", "QueryCore", "Store", "Telemetry"]),
        tests(
            "RulesTests",
            ["Rules", "PromQL", "QueryCore", "Store", "Telemetry", "Platform", logging]),
        tests(
            "NotifierTests",
            [
                "Notifier", "Rules", "QueryCore", "SQLiteStore", "CSQLiteVFS", "Store", "Telemetry",
                "Platform", nioCore, nioHTTP1, nioPosix, nioSSL, logging,
            ]),
        tests(
            "HTTPServerTests",
            [
                "HTTPServer", "Platform", "Compression", nioCore, nioHTTP1, logging,
                asyncHTTPClient,
            ]),
        tests(
            "PipelineTests",
            ["Pipeline", "Store", "SQLiteStore", "WireFormats", "Telemetry", "Platform", logging]),
        tests(
            "ReceiversTests",
            [
                "Receivers", "QueryAPI", "QueryCore", "Pipeline", "HTTPServer", "Store",
                "WireFormats", "Telemetry",
                "Platform", "Compression", "RegularExpressions", grpcCore, grpcTransport, nioCore,
                nioHTTP1, nioPosix, nioSSL, logging, asyncHTTPClient,
            ]),
        tests(
            "QueryAPITests",
            [
                "QueryAPI", "HTTPServer", "Store", "QueryCore", "PromQL", "LogQL", "Rules",
                "Notifier", "WireFormats", "Compression", "Telemetry", "Platform", nioCore,
                nioHTTP1, logging, asyncHTTPClient,
            ]),
        tests(
            "WebUITests",
            [
                "WebUI", "HTTPServer", "Platform", "PromQL", "QueryCore", nioCore, nioHTTP1,
                logging,
                asyncHTTPClient,
            ]),
        tests(
            "ProxyTests",
            [
                "Proxy", "OTLPExport", "WireFormats", "Telemetry", "Platform", nioCore, nioPosix,
                nioEmbedded, logging,
            ]),
        tests(
            "FunctionWrapperTests",
            [
                "FunctionWrapper", "OTLPExport", "WireFormats", "Telemetry", "Platform", nioCore,
                nioHTTP1, nioPosix, logging, asyncHTTPClient,
            ]),
        tests("DemoTests", ["Demo", "HTTPServer", "Proxy", "Rules"]),
        tests(
            "IntegrationTests",
            [
                "Telemetry", "WireFormats", "Compression", "Platform", "CSQLite", asyncHTTPClient,
                nioCore, nioPosix, nioHTTP1, nioHPACK, nioHTTP2,
            ]),
        tests("TidyTests", []),
    ]
)
