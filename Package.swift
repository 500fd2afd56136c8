// swift-tools-version: 6.2
import PackageDescription

/// Warnings are errors, and a file names what it imports: a module's dependencies are its own.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

/// The engine's loops over pixels are optimised in debug builds too: tests run real edits.
let optimised = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// The C kernels likewise.
let optimisedC: [CSetting] = [
    .unsafeFlags([
        "-O3", "-ffp-contract=on", "-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra", "-Werror",
    ])
]

/// `Errno`: errors of system calls by name.
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "clipdragd",
    products: [.executable(name: "clipdragd", targets: ["clipdragd"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        // C: each system library is imported by exactly one of these.
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(
            name: "CImageCodecs", cSettings: optimisedC,
            linkerSettings: [.linkedLibrary("png16"), .linkedLibrary("jpeg"), .linkedLibrary("z")]),
        .target(
            name: "CKernels", exclude: ["vector.inc", "tile.inc"], cSettings: optimisedC,
            linkerSettings: [.linkedLibrary("openblas")]),

        // What people may see of a text from outside.
        .target(name: "PrintableText", swiftSettings: strict),

        // What every module throws.
        .target(name: "Failures", dependencies: ["PrintableText"], swiftSettings: strict),

        // What can be set about an edit: one table for the parser, the engine, the schemas and the documentation.
        .target(name: "Settings", dependencies: ["Failures"], swiftSettings: strict),

        // What is said about an edit: the engine's words, and the service's.
        .target(name: "Verdicts", swiftSettings: strict),

        // The edit. Knows nothing of YAML, inboxes or processes.
        .target(
            name: "TensorCore", dependencies: ["CKernels"], path: "Sources/Engine/TensorCore",
            swiftSettings: optimised),
        .target(
            name: "Imaging", dependencies: ["CImageCodecs", "Failures"], path: "Sources/Engine/Imaging",
            swiftSettings: optimised),
        .target(
            name: "Diffusion", dependencies: ["Failures", "TensorCore"], path: "Sources/Engine/Diffusion",
            swiftSettings: strict),
        .target(
            name: "DragEditing",
            dependencies: ["Diffusion", "Failures", "Settings", "TensorCore", "Verdicts"],
            path: "Sources/Engine/DragEditing", swiftSettings: optimised),

        .target(
            name: "RegionEditing", dependencies: ["DragEditing", "Failures", "Imaging", "TensorCore"],
            path: "Sources/Engine/RegionEditing", swiftSettings: optimised),

        // What people write.
        .target(
            name: "YAMLDocuments", dependencies: ["CYAML", "Failures", "PrintableText", "Settings"],
            swiftSettings: strict),
        .target(
            name: "SpecParser", dependencies: ["Failures", "Settings", "YAMLDocuments"],
            swiftSettings: strict),
        .target(
            name: "ServiceConfiguration", dependencies: ["Failures", "Settings", "YAMLDocuments"],
            swiftSettings: strict),

        // The service and the command line.
        .target(name: "CDigests", cSettings: optimisedC),
        .target(name: "CLinux"),
        .target(
            name: "Digests", dependencies: ["CDigests"], path: "Sources/Daemon/Digests", swiftSettings: strict
        ),
        .target(
            name: "JSON", dependencies: ["PrintableText"], path: "Sources/Daemon/JSON",
            swiftSettings: strict),
        .target(
            name: "WebPages", dependencies: ["JSON"], path: "Sources/Daemon/WebPages", swiftSettings: strict),
        .target(
            name: "DurableFiles",
            dependencies: ["CLinux", "Digests", "Failures", "PrintableText", system],
            path: "Sources/Daemon/DurableFiles",
            swiftSettings: strict),
        .target(
            name: "Processes", dependencies: ["CLinux", "DurableFiles"], path: "Sources/Daemon/Processes",
            swiftSettings: strict),
        .target(
            name: "JobFiles", dependencies: ["DurableFiles", "Failures", "JSON", "Verdicts"],
            path: "Sources/Daemon/JobFiles", swiftSettings: strict),
        .target(
            name: "ModelManagement",
            dependencies: [
                "Diffusion", "Digests", "DurableFiles", "Failures", "JSON", "JobFiles", "Processes",
                "Settings", "YAMLDocuments", system,
            ],
            path: "Sources/Daemon/ModelManagement", swiftSettings: strict),
        .target(
            name: "EditJobs",
            dependencies: [
                "Digests", "DurableFiles", "Failures", "JSON", "JobFiles", "ModelManagement", "Processes",
                "RegionEditing",
                "ServiceConfiguration", "Settings", "SpecParser", "WebPages", "YAMLDocuments", "DragEditing",
                "Diffusion", "TensorCore", "Imaging", "Verdicts", system,
            ],
            path: "Sources/Daemon/EditJobs", swiftSettings: strict),
        .target(
            name: "Galleries",
            dependencies: [
                "Digests", "DurableFiles", "EditJobs", "Failures", "Imaging", "JSON", "JobFiles", "WebPages",
                system,
            ],
            path: "Sources/Daemon/Galleries", swiftSettings: strict),
        .target(
            name: "DaemonCore",
            dependencies: [
                "CLinux", "Digests", "DurableFiles", "Failures", "JSON", "JobFiles", "Processes",
                "ServiceConfiguration", "Settings", "SpecParser", "Verdicts", "YAMLDocuments",
                system, .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Daemon/DaemonCore", swiftSettings: strict),
        // Many edits, measured: `clipdragd evaluate`.
        .target(
            name: "Evaluation",
            dependencies: [
                "DragEditing", "Diffusion", "DurableFiles", "EditJobs", "Failures", "Imaging", "JSON",
                "JobFiles",
                "ModelManagement", "Settings", "SpecParser", "TensorCore", "YAMLDocuments", "Verdicts",
            ],
            path: "Sources/Daemon/Evaluation", swiftSettings: strict),
        .executableTarget(
            name: "clipdragd",
            dependencies: [
                "DaemonCore", "EditJobs", "Evaluation", "DurableFiles", "Failures", "Galleries", "JSON",
                "JobFiles",
                "ModelManagement",
                "Processes", "ServiceConfiguration", "Settings", "SpecParser", "YAMLDocuments", "Diffusion",
                "DragEditing", "TensorCore", "Imaging", "Verdicts",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Daemon/clipdragd", swiftSettings: strict),

        // `make generate`: writes what the tables say into schemas/ and docs/.
        .executableTarget(
            name: "generate",
            dependencies: [
                "Digests", "DragEditing", "Failures", "JSON", "ServiceConfiguration", "Settings",
                "SpecParser",
                "YAMLDocuments",
            ],
            path: "Sources/Generate",
            swiftSettings: strict),

        // Tests
        .target(
            name: "TestSupport", dependencies: ["DurableFiles", "Settings", "TensorCore", system],
            path: "Tests/TestSupport", swiftSettings: strict),
        .target(
            name: "HostileInput",
            dependencies: [
                "Failures", "PrintableText", "ServiceConfiguration", "Settings", "SpecParser",
                "YAMLDocuments", "Imaging",
                "TensorCore",
            ],
            path: "Tests/Fuzz/HostileInput", swiftSettings: strict),
        .testTarget(
            name: "PrintableTextTests", dependencies: ["JSON", "PrintableText"], swiftSettings: strict),
        .testTarget(
            name: "EvaluationTests",
            dependencies: [
                "Diffusion", "DragEditing", "DurableFiles", "EditJobs", "Evaluation", "Failures",
                "SpecParser", "TensorCore", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "EditJobsTests",
            dependencies: [
                "Diffusion", "DragEditing", "DurableFiles", "EditJobs", "Failures", "Imaging", "JSON",
                "JobFiles", "ModelManagement", "ServiceConfiguration", "Settings", "SpecParser", "TensorCore",
                "TestSupport", "Verdicts",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "GalleriesTests",
            dependencies: [
                "Digests", "DurableFiles", "EditJobs", "Failures", "Galleries", "Imaging", "JSON", "JobFiles",
                "TestSupport", "WebPages", system,
            ],
            swiftSettings: strict),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: strict),
        .testTarget(name: "FailuresTests", dependencies: ["Failures"], swiftSettings: strict),
        .testTarget(
            name: "HostileInputTests", dependencies: ["HostileInput"], swiftSettings: strict),
        // Plain versions of the C kernels in double precision.
        .target(
            name: "KernelReferences", dependencies: ["CKernels"], path: "Tests/KernelReferences",
            cSettings: optimisedC),
        .testTarget(
            name: "TensorCoreTests",
            dependencies: ["TensorCore", "CKernels", "KernelReferences", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ImagingTests", dependencies: ["Failures", "Imaging"],
            exclude: ["Cases", "Pictures", "make_pictures.py"],
            swiftSettings: strict),
        .testTarget(
            name: "DiffusionTests", dependencies: ["Diffusion", "Failures", "TensorCore", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "DragEditingTests",
            dependencies: [
                "Failures", "DragEditing", "Diffusion", "Settings", "TensorCore", "Imaging", "TestSupport",
                "Verdicts",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "RegionEditingTests",
            dependencies: ["Failures", "RegionEditing", "DragEditing", "Imaging", "TensorCore"],
            swiftSettings: strict),
        .testTarget(
            name: "SettingsTests", dependencies: ["Settings", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "SpecParserTests",
            dependencies: ["Failures", "Settings", "SpecParser", "YAMLDocuments", "TestSupport"],
            exclude: ["Cases"], swiftSettings: strict),
        .testTarget(
            name: "ServiceConfigurationTests",
            dependencies: ["Failures", "ServiceConfiguration", "Settings", "TestSupport"],
            exclude: ["Cases"], swiftSettings: strict),
        .testTarget(
            name: "DurableFilesTests", dependencies: ["CDigests", "Digests", "DurableFiles"],
            swiftSettings: strict),
        .testTarget(
            name: "ModelManagementTests",
            dependencies: [
                "DurableFiles", "Failures", "JobFiles", "ModelManagement", "Settings", "TestSupport", system,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "DaemonCoreTests",
            dependencies: [
                "DaemonCore", "Digests", "DurableFiles", "Failures", "JSON", "JobFiles", "Processes",
                "ServiceConfiguration",
                "Settings", "SpecParser", "Verdicts", "YAMLDocuments", "TestSupport",
                system, .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "Failures", "Digests", "DurableFiles", "JSON", "JobFiles", "PrintableText", "Settings",
                "SpecParser", "Imaging",
                "clipdragd", "generate", "TestSupport",
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)

// scripts/fuzz.sh builds with libFuzzer, which no other build has.
if Context.environment["CLIPDRAGD_FUZZ"] != nil {
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"),
        .executableTarget(
            name: "fuzz", dependencies: ["HostileInput", "CFuzzer"], path: "Tests/Fuzz/Driver",
            swiftSettings: strict),
    ]
}
