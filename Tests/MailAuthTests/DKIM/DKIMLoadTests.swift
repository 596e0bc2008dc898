import Glibc
import TestSupport
import Testing

@testable import MailAuth

/// Messages made to cost time: what they cost is bounded by what is done with them.
@Suite struct DKIMLoadTests {
  /// Two hundred signatures, each over 150 names, in front of five thousand fields.
  ///
  /// libopendkim looks for each name of each signature among all fields; nothing that is asked of it
  /// later makes that less.
  private static let header: [HeaderField] = {
    let names = (0..<150).map { "X-\($0)" }.joined(separator: ":")
    let signatures = (0..<200).map { signature($0, over: "from:\(names)") }
    let fields = (0..<5000).map { HeaderField("X-\($0 % 150)", " value") }
    return signatures + fields + [HeaderField("From", " a@example.com")]
  }()

  private static func signature(_ number: Int, over names: String) -> HeaderField {
    HeaderField(
      "DKIM-Signature",
      " v=1; a=rsa-sha256; d=s\(number).example.com; s=s; h=\(names);"
        + " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA")
  }

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

  // MARK: Names in h=

  /// Ten signatures of as many names each as libopendkim takes, few of which stand in the header, and
  /// one as people make it.
  private static let expensiveHeader: [HeaderField] = {
    let names = "from" + String(repeating: ":x", count: 1999)
    let signatures = (0..<10).map { signature($0, over: names) }
    return signatures + [signature(10, over: "from:to:subject")]
      + (0..<9900).map { _ in HeaderField("y", " z") } + [HeaderField("From", " a@example.com")]
  }()

  private func verifier(comparisons: Int = DKIMSettings().maximumComparisons) throws -> DKIMVerifier
  {
    var settings = DKIMSettings()
    settings.maximumSignatures = 11
    settings.maximumComparisons = comparisons
    return DKIMVerifier(
      settings: settings, libraries: try DKIMLibraries(), header: Self.expensiveHeader,
      now: testTime)
  }

  @Test func longListsOfNamesAreNotLookedForInLongHeaders() throws {
    let fields = Self.expensiveHeader.count
    #expect(try verifier(comparisons: .max).libraryCount == 11)
    let verifier = try verifier()
    // Two of the long ones, and the short one behind them.
    #expect(verifier.libraryCount == 3)
    #expect(verifier.keyQuestions.count == 3)
    let resolver = try ZoneResolver(yaml: "a.example: [{A: 192.0.2.1}]", source: "test zone")
    let outcomes = verifier.finish(CheckResolver(resolver, deadline: nil), first: nil)
    #expect(outcomes.map(\.cause).filter { $0 == .messageTooLarge }.count == 8)
    #expect(outcomes.map(\.cause).prefix(3) == [.noKey, .noKey, .messageTooLarge])
    #expect(outcomes.last?.cause == .noKey)
    #expect(outcomes[2].result == .permerror)
    #expect(
      outcomes[2].explanation
        == "The signature names 2000 fields of a header of \(fields): to look for them all is more "
        + "work than is done for a message.")
    // In a header of ordinary length the same signatures are verified.
    let short = Self.expensiveHeader.filter { !$0.isNamed("y") }
    let evaluation = try Evaluator.test(zone: "a.example: [{A: 192.0.2.1}]").evaluate(header: short)
    #expect(evaluation.dkim.prefix(10).allSatisfy { $0.cause == .noKey })
  }

  /// Processor time, compared with what it would be, so that a busy machine does not matter.
  @Test func whatTheyCostIsBounded() throws {
    func seconds(_ body: () throws -> Void) rethrows -> Double {
      func now() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
      }
      let began = now()
      try body()
      return now() - began
    }
    let unbounded = try seconds { _ = try verifier(comparisons: .max) }
    let bounded = try seconds { _ = try verifier() }
    #expect(bounded < unbounded / 2, "\(bounded) of \(unbounded) seconds")
  }
}
