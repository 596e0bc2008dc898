import Foundation
public import MailAuth

/// One message of the DKIM suites with its DNS, its time and what must come out.
public struct DKIMSuiteMessage: Sendable, CustomStringConvertible {
  /// The message file.
  public let path: String
  /// What the message shows.
  public let about: String
  /// The time at which it is verified, seconds since the epoch.
  public let now: Int64
  /// The key records.
  public let zone: ZoneResolver
  /// The text that ``zone`` was read from.
  public let zoneText: String
  /// The acceptable results for each DKIM-Signature field, from the top down.
  public let expected: [[String]]

  /// The file's name.
  public var description: String { (path as NSString).lastPathComponent }

  /// The message as it stands in the file.
  public func octets() throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: path)))
  }
}

extension Suites {
  /// The messages of `dkim/*/tests.json`; empty where the suites are absent.
  public static func dkim() throws -> [DKIMSuiteMessage] {
    guard arePresent else { return [] }
    return try ["generated", "rfc8463"].flatMap { name in
      let directory = "\(folder)/dkim/\(name)"
      let data = try Data(contentsOf: URL(filePath: "\(directory)/tests.json"))
      let file = try JSONDecoder().decode(DKIMSuiteFile.self, from: data)
      let zone = try ZoneResolver(yaml: file.zoneText, source: directory)
      return file.tests.map { test in
        DKIMSuiteMessage(
          path: "\(directory)/\(test.file)", about: test.about, now: file.now, zone: zone,
          zoneText: file.zoneText, expected: test.expect.map(\.acceptableResults))
      }
    }
  }
}

private struct DKIMSuiteFile: Decodable {
  struct Expectation: Decodable {
    var `class`: String
    var allowed_results: [String]?

    var acceptableResults: [String] {
      if `class` == "pass" { return ["pass"] }
      // Any other class must not be a pass, unless the suite lists the words.
      return allowed_results ?? ["none", "fail", "policy", "neutral", "temperror", "permerror"]
    }
  }

  struct Test: Decodable {
    var file: String
    var about: String
    var expect: [Expectation]
  }

  var dns_txt: [String: String]
  var now: Int64
  var tests: [Test]

  /// The suite's records as a zone file: its markers are answers, not text.
  var zoneText: String {
    dns_txt.sorted { $0.key < $1.key }.compactMap { name, text in
      switch text {
      case "~~NXDOMAIN~~": nil
      case "~~NODATA~~": "\(name): [{TXT: NONE}]"
      case "~~SERVFAIL~~": "\(name): [SERVFAIL]"
      case "~~TIMEOUT~~": "\(name): [TIMEOUT]"
      default: "\(name): [{TXT: \"\(text)\"}]"
      }
    }.joined(separator: "\n")
  }
}
