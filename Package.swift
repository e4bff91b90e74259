// swift-tools-version: 6.2
import PackageDescription

/// Every target is compiled alike: Swift 6, memory safety spelled out, `package` access between
/// modules, explicit existentials and imports, and no warning let through.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// The supervisor has one thread, and tests run it with all checks: its releases need neither checks of exclusive access at run
/// time nor atomic counts of references (docs/decisions/one-thread.md).
let supervising =
    strict
    + [.unsafeFlags(["-enforce-exclusivity=unchecked", "-assume-single-threaded"], .when(configuration: .release))]

/// Tests talk to the kernel without wrappers; they keep all rules but the spelling of `unsafe`.
let testing: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

let warnings: [CSetting] = [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "baton",
    products: [
        .executable(name: "batond", targets: ["batond"]),
        .executable(name: "baton", targets: ["baton"]),
        .library(name: "BatonHandler", targets: ["BatonHandler"]),
        .library(name: "BatonNIO", targets: ["BatonNIO"]),
        .library(name: "BatonServiceLifecycle", targets: ["BatonServiceLifecycle"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Of the adapters only.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        // The kernel and the borrowed parser.
        .target(name: "CLinux", cSettings: warnings),
        .systemLibrary(name: "CLibYAML", providers: [.apt(["libyaml-dev"])]),
        .target(name: "LinuxSystem", dependencies: ["CLinux", system], swiftSettings: strict),

        // Values: the table, and the two protocols.
        .target(
            name: "ServiceTable", dependencies: ["CLibYAML", "LinuxSystem", system], swiftSettings: strict,
            linkerSettings: [.linkedLibrary(":libyaml.a")]),
        .target(name: "Importers", dependencies: ["ServiceTable", "LinuxSystem", system], swiftSettings: strict),
        .target(name: "HandoffProtocol", swiftSettings: strict),
        .target(name: "ControlProtocol", swiftSettings: strict),

        // Plays the supervisor to a handler under test.
        .target(
            name: "HandlerConformance", dependencies: ["HandoffProtocol", "LinuxSystem", system], swiftSettings: strict),

        // The programs.
        .target(
            name: "Supervisor",
            dependencies: [
                "ServiceTable", "HandoffProtocol", "ControlProtocol", "LinuxSystem", system, deque, heap,
            ],
            swiftSettings: supervising),
        .target(name: "Launcher", dependencies: ["LinuxSystem", system], swiftSettings: strict),
        .target(
            name: "MetricsEndpoint", dependencies: ["ControlProtocol", "LinuxSystem", system], swiftSettings: strict),
        .executableTarget(
            name: "batond", dependencies: ["Supervisor", "Launcher", "MetricsEndpoint", "ServiceTable", "LinuxSystem"],
            swiftSettings: strict),
        .executableTarget(
            name: "baton",
            dependencies: [
                "ServiceTable", "Importers", "ControlProtocol", "HandoffProtocol", "HandlerConformance", "LinuxSystem",
                system, arguments,
            ],
            swiftSettings: strict),

        // What people build handlers with.
        .target(
            name: "BatonHandler", dependencies: ["HandoffProtocol", "LinuxSystem", system], swiftSettings: strict),

        .target(
            name: "BatonNIO", dependencies: ["BatonHandler", nioCore, nioPosix], swiftSettings: strict),
        .target(
            name: "BatonServiceLifecycle", dependencies: ["BatonHandler", lifecycle], swiftSettings: strict),

        .executableTarget(
            name: "baton-nio-handler", dependencies: ["BatonHandler", "BatonNIO", nioCore, nioPosix, nioHTTP1, system],
            path: "examples/persistent-handlers/nio", swiftSettings: strict),
        .executableTarget(
            name: "baton-example-handler", dependencies: ["BatonHandler", system],
            path: "examples/persistent-handlers/swift", swiftSettings: strict),

        // Tests: a target a module, and the real programs from outside.
        .target(
            name: "TestSupport", dependencies: ["LinuxSystem", "SystemCallFaults", system], path: "Tests/TestSupport",
            swiftSettings: testing),
        .target(name: "SystemCallFaults", path: "Tests/SystemCallFaults", cSettings: warnings),
        .executableTarget(
            name: "baton-faulted", dependencies: ["SystemCallFaults"], path: "Tests/FaultedProgram",
            cSettings: warnings),
        .executableTarget(
            name: "baton-faulty-handler", dependencies: ["HandoffProtocol", "LinuxSystem", system],
            path: "Tests/FaultyHandler", swiftSettings: testing),
        .executableTarget(
            name: "baton-task-handler", dependencies: ["BatonHandler"], path: "Tests/TaskHandler",
            swiftSettings: testing),
        .executableTarget(
            name: "baton-confined", dependencies: ["LinuxSystem"], path: "Tests/ConfinedProgram",
            swiftSettings: testing),
        .executableTarget(
            name: "baton-system-calls", path: "Tests/SystemCalls",
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .executableTarget(
            name: "baton-roster-writer", dependencies: ["LinuxSystem", system], path: "Tests/RosterWriter",
            swiftSettings: testing),
        .testTarget(
            name: "LinuxSystemTests",
            dependencies: [
                "LinuxSystem", "TestSupport", "baton-confined", "baton-system-calls", "baton-roster-writer",
            ],
            swiftSettings: testing),
        .testTarget(name: "ServiceTableTests", dependencies: ["ServiceTable", "LinuxSystem"], swiftSettings: testing),
        .testTarget(
            name: "ImportersTests", dependencies: ["Importers", "ServiceTable", "LinuxSystem", "TestSupport"],
            swiftSettings: testing),
        .testTarget(name: "HandoffProtocolTests", dependencies: ["HandoffProtocol"], swiftSettings: testing),
        .testTarget(name: "ControlProtocolTests", dependencies: ["ControlProtocol"], swiftSettings: testing),
        .testTarget(
            name: "MetricsEndpointTests", dependencies: ["MetricsEndpoint", "ControlProtocol"], swiftSettings: testing),
        .testTarget(
            name: "SupervisorTests",
            dependencies: [
                "Supervisor", "ServiceTable", "HandoffProtocol", "ControlProtocol", "LinuxSystem", "TestSupport",
                "batond", system,
            ],
            swiftSettings: testing
        ),
        .testTarget(
            name: "BatonHandlerTests",
            dependencies: [
                "BatonHandler", "BatonNIO", "BatonServiceLifecycle", "HandoffProtocol", "LinuxSystem", "TestSupport",
                lifecycle,
                logging, nioCore, nioPosix,
            ],
            swiftSettings: testing),
        .testTarget(
            name: "BatonTests",
            dependencies: ["baton", "ControlProtocol", "ServiceTable", "LinuxSystem", "TestSupport"],
            swiftSettings: testing),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "TestSupport", "HandoffProtocol", "ControlProtocol", "LinuxSystem", "batond", "baton",
                "baton-faulty-handler", "baton-faulted", "baton-task-handler", "baton-nio-handler",
            ],
            swiftSettings: testing),
    ]
)

/// Fuzz/ is a part of the tests, which run its seeds, and where `make fuzz` says so a program instead: libFuzzer and
/// `@testable` ask for flags of their own, with which nothing else is to be built.
let isFuzzer = Context.environment["BATON_FUZZ"] != nil
let parsers: [Target.Dependency] = [
    "ServiceTable", "Importers", "HandoffProtocol", "ControlProtocol", "MetricsEndpoint", "Supervisor", "LinuxSystem",
    system,
]
package.targets.append(
    isFuzzer
        ? .executableTarget(
            name: "baton-fuzz", dependencies: parsers, path: "Fuzz", exclude: ["Replay", "Seeds"],
            swiftSettings: testing)
        : .testTarget(
            name: "FuzzTests", dependencies: parsers + ["TestSupport"], path: "Fuzz", exclude: ["Fuzzer", "Seeds"],
            swiftSettings: testing))
