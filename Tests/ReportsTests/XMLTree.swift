import Foundation
import TestSupport

@testable import Reports

/// A report as a test looks at it.
final class XMLTree {
  let name: String
  private(set) var text = ""
  private(set) var children: [XMLTree] = []

  private init(name: String) { self.name = name }

  /// Reads a report, compressed or not.
  static func read(_ path: String, as format: ReportFormat = .rfc9990) throws -> XMLTree {
    let source = try GzipReader(try FileHandle(forReadingFrom: URL(filePath: path)))
    let schema = try XMLSchema(
      format == .rfc9990
        ? PackageResources.aggregate_report_rfc9990_xsd
        : PackageResources.aggregate_report_rfc7489_xsd)
    let reader = try XMLValidatingReader(schema: schema) { try source.read($0) }
    let root = XMLTree(name: "")
    var open = [root]
    while let node = try reader.next() {
      guard let last = open.last else { throw FixtureError("more ends than beginnings") }
      switch node {
      case .open(let name, _, _):
        let element = XMLTree(name: name)
        last.children.append(element)
        open.append(element)
      case .text(let text): last.text += text
      case .close: open.removeLast()
      }
    }
    guard let feedback = root.children.first else { throw FixtureError("\(path): no element") }
    return feedback
  }

  /// The children of this name.
  func all(_ name: String) -> [XMLTree] { children.filter { $0.name == name } }

  /// What lies below, by a path of first children.
  subscript(_ path: String) -> XMLTree? {
    path.split(separator: "/").reduce(self) { tree, name in tree?.all(String(name)).first }
  }

  /// The text at a path; nil when there is no such element.
  func text(_ path: String) -> String? { self[path]?.text }

  /// The elements directly below, `name=text` each.
  var leaves: [String] { children.filter(\.children.isEmpty).map { "\($0.name)=\($0.text)" } }

  /// A record on a few lines, for comparison: row, identifiers, results.
  var lines: [String] {
    let row = self["row"]
    let evaluated = row?["policy_evaluated"]
    var lines = ["\(row?.text("count") ?? "?") x \(row?.text("source_ip") ?? "?")"]
    lines.append(evaluated?.leaves.joined(separator: " ") ?? "?")
    for reason in evaluated?.all("reason") ?? [] {
      lines.append("reason " + reason.leaves.joined(separator: " "))
    }
    lines.append(self["identifiers"]?.leaves.joined(separator: " ") ?? "?")
    for result in self["auth_results"]?.children ?? [] {
      lines.append("\(result.name) " + result.leaves.joined(separator: " "))
    }
    return lines
  }
}

/// A file as it is after decompression.
func uncompressed(_ path: String) throws -> [UInt8] {
  let source = try GzipReader(try FileHandle(forReadingFrom: URL(filePath: path)))
  var octets: [UInt8] = []
  while true {
    let piece = try source.read(4_096)
    if piece.isEmpty { return octets }
    octets += piece
  }
}
