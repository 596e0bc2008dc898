import Foundation
import TestSupport

/// One run of `plumbline check --format json`.
struct CheckRun {
  /// The part of the JSON contract that tests look at.
  struct Document: Decodable {
    struct SPF: Decodable {
      var domain: String
      var result: String
      var cause: String
      var term: String?
      var explanation: String
      var senderExplanation: String?
      var lookups: Int
      var voidLookups: Int
      var aligned: Bool?
      var notAlignedReason: String?
    }

    struct SPFPair: Decodable {
      var mailFrom: SPF
      var helo: SPF
    }

    struct DKIM: Decodable {
      var domain: String
      var selector: String
      var algorithm: String
      var keyBits: Int?
      var result: String
      var cause: String
      var explanation: String
      var aligned: Bool?
    }

    struct DMARC: Decodable {
      var result: String
      var cause: String
      var explanation: String
      var policyDomain: String?
      var discovery: String
      var policy: String?
      var subdomainPolicy: String?
      var appliedPolicy: String?
      var testing: Bool
      var spfAligned: Bool
      var dkimAligned: Bool
      var sampledOut: Bool
      var comparison: Comparison?
    }

    struct Comparison: Decodable {
      var discovery: String
      var result: String
      var policyDomain: String?
      var appliedPolicy: String?
      var differences: [String]
    }

    struct DNS: Decodable {
      var name: String
      var type: String
      var outcome: String
      var milliseconds: Double
      var cached: Bool
      var secure: Bool
    }

    var authorDomain: String?
    var authorDomains: [String]
    var spf: SPFPair
    var dkim: [DKIM]
    var dmarc: DMARC
    var disposition: String
    var authenticationResults: String
    var dns: [DNS]
  }

  /// What the program left.
  let result: Program.Result

  init(message: Data = Data(), _ arguments: [String]) throws {
    result = try Program.run(
      Program.plumblinePath, ["check"] + arguments + ["--format", "json"], input: message)
  }

  /// The document; an error shows what the program said instead.
  func json() throws -> Document {
    guard result.status == 0 else {
      throw FixtureError("plumbline check ended with \(result.status): \(result.errors)")
    }
    return try JSONDecoder().decode(Document.self, from: Data(result.output.utf8))
  }
}
