// swift-tools-version: 6.3

import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

/// A C library of the distribution: a module map and one header in `Sources/<name>`, no code.
func cLibrary(_ name: String, pkgConfig: String?, debianPackage: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([debianPackage])])
}

let package = Package(
  name: "plumbline",
  products: [.executable(name: "plumbline", targets: ["plumbline"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    .package(url: "https://github.com/LebJe/TOMLKit", exact: "0.6.0"),
  ],
  targets: [
    cLibrary("CArchive", pkgConfig: "libarchive", debianPackage: "libarchive-dev"),
    cLibrary("CCurl", pkgConfig: "libcurl", debianPackage: "libcurl4-openssl-dev"),
    cLibrary("CIDN2", pkgConfig: "libidn2", debianPackage: "libidn2-dev"),
    cLibrary("CMilter", pkgConfig: "milter", debianPackage: "libmilter-dev"),
    cLibrary("COpenDKIM", pkgConfig: "opendkim", debianPackage: "libopendkim-dev"),
    cLibrary("COpenSSL", pkgConfig: "libcrypto", debianPackage: "libssl-dev"),
    cLibrary("CPSL", pkgConfig: "libpsl", debianPackage: "libpsl-dev"),
    cLibrary("CSPF2", pkgConfig: nil, debianPackage: "libspf2-dev"),
    cLibrary("CUnbound", pkgConfig: nil, debianPackage: "libunbound-dev"),
    cLibrary("CXML2", pkgConfig: "libxml-2.0", debianPackage: "libxml2-dev"),
    cLibrary("CZlib", pkgConfig: "zlib", debianPackage: "zlib1g-dev"),

    .target(
      name: "MailAuth",
      dependencies: [
        "CDirectKeys", "CIDN2", "COpenDKIM", "COpenSSL", "CPSL", "CSPF2", "CUnbound", "Yams",
      ],
      swiftSettings: swiftSettings),
    .target(name: "CDirectKeys", dependencies: ["COpenSSL"]),
    .target(name: "CDurableFile"),
    .target(name: "CMilterSignals"),
    .target(name: "CMilterStream", dependencies: ["CMilter"]),
    .target(
      name: "Milter",
      dependencies: ["CMilter", "CMilterSignals", "CMilterStream", "MailAuth", logging],
      swiftSettings: swiftSettings),
    .target(
      name: "Ledger",
      dependencies: ["CDurableFile", "CZlib", "MailAuth", grdb, sqlite, logging],
      swiftSettings: swiftSettings),
    .target(
      name: "Reports",
      dependencies: [
        "CArchive", "CCurl", "COpenSSL", "CXML2", "CZlib", "Ledger", "MailAuth",
      ],
      resources: [
        .embedInCode("Schemas/aggregate-report-rfc9990.xsd"),
        .embedInCode("Schemas/aggregate-report-rfc7489.xsd"),
      ],
      swiftSettings: swiftSettings),
    .target(
      name: "Lab", dependencies: ["COpenSSL", "Ledger", "MailAuth", "Reports", "Yams"],
      resources: [.embedInCode("Keys/fixed-keys.pem")], swiftSettings: swiftSettings),
    .executableTarget(
      name: "plumbline",
      dependencies: [
        "MailAuth", "Milter", "Ledger", "Reports", "Lab", "TOMLKit", argumentParser, logging,
      ],
      swiftSettings: swiftSettings),

    .target(
      name: "TestSupport", dependencies: ["CDirectKeys", "COpenSSL", "Ledger", "MailAuth", "Yams"],
      path: "Tests/TestSupport", swiftSettings: swiftSettings),
    .executableTarget(
      name: "MilterBench",
      dependencies: ["COpenDKIM", "COpenSSL", "MailAuth", "TestSupport", argumentParser],
      path: "Tests/MilterBench", swiftSettings: swiftSettings),
    .testTarget(
      name: "MailAuthTests", dependencies: ["MailAuth", "TestSupport", "Yams"],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "MilterTestServer", dependencies: ["Milter", "MailAuth", logging],
      path: "Tests/MilterTestServer", swiftSettings: swiftSettings),
    .testTarget(
      name: "MilterTests",
      dependencies: ["Milter", "MailAuth", "MilterTestServer", "TestSupport", logging],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "LedgerTests", dependencies: ["Ledger", "MailAuth", "TestSupport", grdb],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "TransportTestClient", dependencies: ["Reports"], path: "Tests/TransportTestClient",
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ReportsTests",
      dependencies: ["Reports", "Ledger", "MailAuth", "TestSupport", "TransportTestClient"],
      exclude: ["Golden"], swiftSettings: swiftSettings),
    .testTarget(
      name: "LabTests",
      dependencies: ["Lab", "plumbline", "MailAuth", "Reports", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "PlumblineTests",
      dependencies: ["plumbline", "Ledger", "MailAuth", "MilterBench", "Reports", "TestSupport"],
      exclude: ["Config/Golden"],
      swiftSettings: swiftSettings),
  ]
)

// Fuzzing: built by scripts/fuzz only, since these programs get their main function from libFuzzer.
if Context.environment["PLUMBLINE_FUZZ"] != nil {
  let names = [
    "Author", "ResultsField", "DMARCRecord", "SPFRecord", "TagList", "ARCSet", "Evaluation",
    "ReportURI",
  ]
  package.targets.append(
    .target(
      name: "FuzzSupport", dependencies: ["MailAuth"], path: "Tests/Fuzz/Support",
      swiftSettings: swiftSettings))
  for name in names {
    package.targets.append(
      .executableTarget(
        name: "\(name)Fuzz",
        dependencies: ["MailAuth", "FuzzSupport"] + (name == "ReportURI" ? ["Reports"] : []),
        path: "Tests/Fuzz",
        exclude: ["Support", "Seeds"] + names.filter { $0 != name }.map { "\($0)Fuzz.swift" },
        swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]))
  }
}
