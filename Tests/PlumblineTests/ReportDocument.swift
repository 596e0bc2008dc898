import Foundation
import FoundationXML
import TestSupport
import Testing

/// An aggregate report as somebody else's program would read it: the elements and their text.
struct ReportDocument {
  let path: String
  private let root: XMLElement

  /// Unpacks and parses a report.
  init(gzip path: String) throws {
    self.path = path
    let unpacked = try Program.run("/bin/gzip", ["-dc", path])
    #expect(unpacked.status == 0)
    root = try #require(try XMLDocument(xmlString: unpacked.output).rootElement())
  }

  /// The policy domain.
  var domain: String { self["policy_published/domain"] ?? "" }

  /// The text of the first element at a path below the root; nil when there is none.
  subscript(path: String) -> String? { Record(element: root)[path] }

  /// The records in the order of the file.
  var records: [Record] { root.elements(forName: "record").map(Record.init) }

  /// An element whose descendants are looked up by path.
  struct Record {
    let element: XMLElement

    /// The text of the first element at a path; nil when there is none.
    subscript(path: String) -> String? { all(path).first?.stringValue }

    /// All elements at a path.
    func all(_ path: String) -> [XMLElement] {
      path.split(separator: "/").reduce([element]) { found, name in
        found.flatMap { $0.elements(forName: String(name)) }
      }
    }

    /// Domain, selector and result of each signature.
    var dkim: [String] {
      all("auth_results/dkim").map { signature in
        ["domain", "selector", "result"]
          .map { signature.elements(forName: $0).first?.stringValue ?? "-" }
          .joined(separator: " ")
      }
    }
  }
}
