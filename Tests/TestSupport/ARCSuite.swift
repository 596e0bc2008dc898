import Foundation
public import MailAuth
import Yams

/// One case of the ARC validation suite.
public struct ARCSuiteCase: Sendable, CustomStringConvertible {
  /// The case's name in the suite.
  public let name: String
  /// What it shows.
  public let about: String
  /// The message, LF line ends.
  public let message: String
  /// The acceptable chain status.
  public let expected: ChainValidation
  /// The key records.
  public let zone: ZoneResolver

  /// The case's name.
  public var description: String { name }
}

/// One case of the ARC signing suite.
public struct ARCSealCase: Sendable, CustomStringConvertible {
  /// The case's name in the suite.
  public let name: String
  /// What it shows.
  public let about: String
  /// The message, LF line ends.
  public let message: String
  /// `h=` of the message signature.
  public let signedNames: [String]
  /// The host that seals; its Authentication-Results in the message are its findings.
  public let authservID: String
  /// `t=`.
  public let time: Int64
  /// `d=`.
  public let domain: DomainName
  /// `s=`.
  public let selector: DomainName
  /// The key, PEM.
  public let privateKey: String
  /// The values of ARC-Seal, ARC-Message-Signature and ARC-Authentication-Results without white
  /// space; nil when the message must not be sealed.
  public let expected: [String]?

  /// The case's name.
  public var description: String { name }
}

extension Suites {
  /// The cases of `arc/arc-draft-sign-tests.yml`; empty where the suites are absent.
  public static func arcSealing() throws -> [ARCSealCase] {
    guard arePresent else { return [] }
    let text = try String(contentsOfFile: "\(folder)/arc/arc-draft-sign-tests.yml", encoding: .utf8)
    return try documents(text).flatMap { document in
      guard let root = try compose(yaml: document)?.mapping, let tests = root["tests"]?.mapping
      else { throw SuiteError(text: "an ARC suite document without tests") }
      return try tests.map { try ARCSealCase(name: $0, fields: $1, document: root) }
    }
  }

  /// The cases of `arc/arc-draft-validation-tests.yml`; empty where the suites are absent.
  public static func arcValidation() throws -> [ARCSuiteCase] {
    guard arePresent else { return [] }
    let text = try String(
      contentsOfFile: "\(folder)/arc/arc-draft-validation-tests.yml", encoding: .utf8)
    return try documents(text).flatMap { document in
      guard let root = try compose(yaml: document)?.mapping, let tests = root["tests"]?.mapping,
        let records = root["txt-records"]?.mapping
      else { throw SuiteError(text: "an ARC suite document without tests or txt-records") }
      let lines = records.compactMap { name, text in
        // The records are folded at will; white space means nothing in them.
        let record = (text.string ?? "").split { $0 == "\n" || $0 == " " }.joined(separator: " ")
        return name.string.map { "\($0): [{TXT: \"\(record)\"}]" }
      }
      let zone = try ZoneResolver(yaml: lines.joined(separator: "\n"), source: "ARC suite")
      return try tests.map { try ARCSuiteCase(name: $0, fields: $1, zone: zone) }
    }
  }

  /// The documents of the file, with a name of their own for the four cases whose name stands
  /// twice in one document, which YAML does not allow.
  private static func documents(_ text: String) -> [String] {
    var documents: [[Substring]] = [[]]
    var names: Set<Substring> = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("---") {
        documents.append([])
        names = []
        continue
      }
      let isName = line.hasPrefix("  ") && !line.hasPrefix("   ") && line.hasSuffix(":")
      let isRepeated = isName && !names.insert(line).inserted
      documents[documents.count - 1].append(isRepeated ? line.dropLast() + "_2:" : line)
    }
    return documents.map { $0.joined(separator: "\n") }
  }
}

extension ARCSuiteCase {
  fileprivate init(name: Node, fields: Node, zone: ZoneResolver) throws {
    guard let name = name.string, let message = fields["message"]?.string,
      let status = fields["cv"]?.string
    else { throw SuiteError(text: "an ARC suite case without name, message or cv") }
    self.name = name
    self.message = message
    self.zone = zone
    about = fields["description"]?.string ?? ""
    // Three cases, made for a draft, leave the status open; RFC 8617 section 5.2 says fail.
    guard let expected = ChainValidation(rawValue: status.isEmpty ? "fail" : status.lowercased())
    else { throw SuiteError(text: "\(name): unknown status \(status)") }
    self.expected = expected
  }
}

extension ARCSealCase {
  fileprivate init(name: Node, fields: Node, document: Node.Mapping) throws {
    guard let name = name.string, let message = fields["message"]?.string,
      let names = fields["sig-headers"]?.string, let authservID = fields["srv-id"]?.string,
      let time = fields["t"]?.int, let key = document["privatekey"]?.string,
      let domain = document["domain"]?.string.flatMap({ DomainName($0) }),
      let selector = document["sel"]?.string.flatMap({ DomainName($0) })
    else { throw SuiteError(text: "an ARC signing case that lacks something") }
    let values = ["AS", "AMS", "AAR"].map { kind in
      (fields[kind]?.string ?? "").filter { !$0.isWhitespace }
    }
    self.init(
      name: name, about: fields["description"]?.string ?? "", message: message,
      signedNames: names.split(separator: ":").map(String.init), authservID: authservID,
      time: Int64(time), domain: domain, selector: selector, privateKey: key,
      expected: values.allSatisfy(\.isEmpty) ? nil : values)
  }
}
