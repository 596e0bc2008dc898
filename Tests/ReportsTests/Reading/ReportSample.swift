import Foundation
import TestSupport

@testable import Reports

/// A report as a test writes it, and what reading gives.
enum ReportSample {
  static let metadata = """
    <report_metadata><org_name>Receiver</org_name><email>a@receiver.example</email>
    <report_id>r1</report_id>
    <date_range><begin>1793577600</begin><end>1793663999</end></date_range></report_metadata>
    """
  static let policy =
    "<policy_published><domain>example.com</domain><p>none</p></policy_published>"

  /// A whole document without namespace; each part can be replaced.
  static func xml(
    root: String = "<feedback>", metadata: String = metadata, policy: String = policy,
    records: String = record()
  ) -> String {
    "<?xml version=\"1.0\"?>\n\(root)\n<version>1.0</version>\n\(metadata)\n\(policy)\n\(records)\n"
      + "</feedback>\n"
  }

  static func record(
    count: String = "1", evaluated: String = "none fail fail", reasons: String = "",
    from: String = "example.com", results: String = ""
  ) -> String {
    let words = evaluated.split(separator: " ")
    let elements = Swift.zip(["disposition", "dkim", "spf"], words)
      .map { "<\($0)>\($1)</\($0)>" }.joined()
    return """
      <record><row><source_ip>192.0.2.1</source_ip><count>\(count)</count>
      <policy_evaluated>\(elements)\(reasons)</policy_evaluated></row>
      <identifiers><header_from>\(from)</header_from></identifiers>
      <auth_results>\(results)</auth_results></record>
      """
  }

  static func dkim(_ domain: String, _ result: String, human: String? = nil) -> String {
    let words = human.map { "<human_result>\($0)</human_result>" } ?? ""
    return "<dkim><domain>\(domain)</domain><selector>s1</selector><result>\(result)</result>"
      + "\(words)</dkim>"
  }

  static func spf(_ domain: String, _ result: String, scope: String? = "mfrom") -> String {
    let element = scope.map { "<scope>\($0)</scope>" } ?? ""
    return "<spf><domain>\(domain)</domain>\(element)<result>\(result)</result></spf>"
  }

  /// All that is found in octets.
  static func read(
    _ octets: [UInt8], maximumSize: Int = 200_000_000
  ) throws -> (reports: [ReadReport], refusals: [String]) {
    final class Found {
      var reports: [ReadReport] = []
      var refusals: [String] = []
    }
    let found = Found()
    try ReportInput(maximumSize: maximumSize).read(octets) { result in
      switch result {
      case .success(let report): found.reports.append(report)
      case .failure(let refusal): found.refusals.append("\(refusal)")
      }
    }
    return (found.reports, found.refusals)
  }

  /// The one report that is found in octets.
  static func report(_ octets: [UInt8]) throws -> ReadReport {
    let found = try read(octets)
    guard found.reports.count == 1, found.refusals.isEmpty, let report = found.reports.first else {
      throw FixtureError("\(found.reports.count) reports; refused: \(found.refusals)")
    }
    return report
  }

  static func report(_ text: String) throws -> ReadReport { try report(Array(text.utf8)) }

  /// The one reason why there is no report in octets.
  static func refusal(_ octets: [UInt8], maximumSize: Int = 200_000_000) throws -> String {
    let found = try read(octets, maximumSize: maximumSize)
    guard found.reports.isEmpty, found.refusals.count == 1, let refusal = found.refusals.first
    else {
      throw FixtureError("\(found.reports.count) reports; refused: \(found.refusals)")
    }
    return refusal
  }

  static func refusal(_ text: String) throws -> String { try refusal(Array(text.utf8)) }

  /// Octets as gzip.
  static func gzip(_ octets: [UInt8]) throws -> [UInt8] {
    var packed: [UInt8] = []
    let writer = try GzipWriter { packed += $0 }
    try writer.write(octets)
    try writer.finish()
    return packed
  }

  static func gzip(_ text: String) throws -> [UInt8] { try gzip(Array(text.utf8)) }

  /// A zip archive with files of these names, made by Python: somebody else's program.
  static func zip(_ files: [(name: String, octets: [UInt8])]) throws -> [UInt8] {
    let directory = try TemporaryDirectory()
    for (index, file) in files.enumerated() {
      try Data(file.octets).write(to: URL(filePath: directory.path("\(index)")))
    }
    let script = """
      import sys, zipfile
      folder = sys.argv[1]
      with zipfile.ZipFile(folder + "/out", "w", zipfile.ZIP_DEFLATED) as archive:
        for index, name in enumerate(sys.argv[2:]):
          archive.write(folder + "/" + str(index), name)
      """
    let run = try Program.run(
      "/usr/bin/python3", ["-c", script, directory.url.path] + files.map(\.name))
    guard run.status == 0 else { throw FixtureError(run.errors) }
    return Array(try Data(contentsOf: URL(filePath: directory.path("out"))))
  }
}
