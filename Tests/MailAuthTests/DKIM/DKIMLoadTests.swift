import Testing
import TestSupport

@testable import MailAuth

/// Messages made to cost time: what they cost is bounded by what is done with them.
@Suite struct DKIMLoadTests {
  /// Two hundred signatures, each over 1,200 names, in front of five thousand fields.
  ///
  /// libopendkim looks for each name of each signature among all fields; given all of this it
  /// computes for eight seconds, and nothing that is asked of it later makes that less.
  private static let header: [HeaderField] = {
    let names = (0..<1200).map { "X-\($0)" }.joined(separator: ":")
    let signatures = (0..<200).map { number in
      HeaderField(
        "DKIM-Signature",
        " v=1; a=rsa-sha256; d=s\(number).example.com; s=s; h=from:\(names);"
          + " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA")
    }
    let fields = (0..<5000).map { HeaderField("X-\($0 % 1200)", " value") }
    return signatures + fields + [HeaderField("From", " a@example.com")]
  }()

  @Test(arguments: [1, 10, 50])
  func onlySoManySignaturesCostTime(_ limit: Int) throws {
    var settings = DKIMSettings()
    settings.maximumSignatures = limit
    let verifier = DKIMVerifier(
      settings: settings, libraries: try DKIMLibraries(), header: Self.header, now: testTime)
    #expect(verifier.libraryCount == limit)
    #expect(verifier.keyQuestions.count == limit)
    #expect(verifier.signingDomains.count == limit)
  }

  @Test func theOthersAreRecorded() throws {
    let evaluation = try Evaluator.test(zone: "example.com: [{A: 192.0.2.1}]")
      .evaluate(header: Self.header)
    #expect(evaluation.dkim.count == 200)
    #expect(evaluation.dkim.prefix(10).allSatisfy { $0.cause == .noKey })
    #expect(evaluation.dkim.dropFirst(10).allSatisfy { $0.cause == .notEvaluated })
    #expect(evaluation.dns.count { $0.name.contains("_domainkey") } == 10)
  }
}
