import Foundation
public import MailAuth
import Yams

/// The published test suites beside the package, in `../shared/suites`; absent in a plain clone.
public enum Suites {
  /// The folder that would hold them.
  public static let folder: String = {
    let packageRoot = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return packageRoot.deletingLastPathComponent().appending(path: "shared/suites").path
  }()

  /// Whether the suites are here; for `.enabled(if:)`.
  public static var arePresent: Bool { FileManager.default.fileExists(atPath: folder) }

  /// The documents of one of `spf/*.yml`; empty where the suites are absent, so that the test that
  /// takes them as arguments shows as skipped.
  public static func spf(_ file: String) throws -> [SPFSuiteDocument] {
    guard arePresent else { return [] }
    let text = try String(contentsOfFile: "\(folder)/spf/\(file)", encoding: .utf8)
    return try text.components(separatedBy: "\n---\n").dropFirst().map { document in
      try SPFSuiteDocument(yaml: document)
    }
  }
}

/// One document of an SPF suite: a zone and the cases that are checked against it.
public struct SPFSuiteDocument: Sendable {
  /// What the document is about.
  public let title: String
  /// The text; a ``ZoneResolver`` reads it as it is.
  public let yaml: String
  /// The cases, in the order of the file.
  public let cases: [SPFSuiteCase]

  init(yaml: String) throws {
    guard let root = try compose(yaml: yaml)?.mapping, let tests = root["tests"]?.mapping,
      let title = root["description"]?.string
    else { throw SuiteError(text: "an SPF suite document without description or tests") }
    self.yaml = yaml
    self.title = title
    let zone = try ZoneResolver(yaml: yaml, source: title)
    cases = try tests.map { try SPFSuiteCase(name: $0, fields: $1, zone: zone, yaml: yaml) }
  }
}

/// One case of an SPF suite.
public struct SPFSuiteCase: Sendable, CustomStringConvertible {
  /// The case's name in the suite.
  public let name: String
  /// The sections of the RFC it stands on.
  public let spec: String
  /// The argument of HELO.
  public let helo: String
  /// The client's address.
  public let host: String
  /// The reverse-path; empty for the null one.
  public let mailFrom: String
  /// The acceptable results, the preferred first.
  public let results: [String]
  /// The explanation wanted; `DEFAULT` means the receiver's own, nil that it does not matter.
  public let explanation: String?
  /// The DNS of the case.
  public let zone: ZoneResolver
  /// The document that holds ``zone``.
  public let yaml: String

  init(name: Node, fields: Node, zone: ZoneResolver, yaml: String) throws {
    func field(_ key: String) throws -> String {
      guard let text = fields[key]?.scalar?.string else {
        throw SuiteError(text: "case \(name.string ?? "?") has no \(key)")
      }
      return text
    }
    self.name = name.string ?? ""
    self.zone = zone
    self.yaml = yaml
    spec = try field("spec")
    helo = try field("helo")
    host = try field("host")
    mailFrom = try field("mailfrom")
    results = try fields["result"]?.sequence?.compactMap(\.string) ?? [field("result")]
    explanation = fields["explanation"]?.scalar?.string
  }

  /// Name and section, as a failing test shows them.
  public var description: String { "\(name) (\(spec))" }
}

/// A suite file that is not laid out as expected.
public struct SuiteError: Error {
  /// What is missing.
  public let text: String
}
