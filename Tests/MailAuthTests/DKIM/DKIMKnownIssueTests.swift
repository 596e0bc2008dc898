import MailAuth
import TestSupport
import Testing

/// The right signatures that libopendkim 2.11 fails and that cannot be cured outside it.
///
/// Each is paired with a neighbour that differs in nothing else and passes, so that the failure is
/// libopendkim's and not our signer's. A case that begins to pass fails the run: it then leaves
/// this list and the README.
@Suite struct DKIMKnownIssueTests {
  struct KnownIssue: Sendable, CustomTestStringConvertible {
    var name: String
    /// What libopendkim does.
    var reason: Comment
    /// Where RFC 6376 says that it is wrong.
    var clause: String
    var canonicalization = "relaxed/relaxed"
    var signatureTag = "b="
    var extraTag = "xa"
    var extraNames = 0
    var subject = " Lunch"
    var body = "Hello.\r\n"
    var testDescription: String { "\(name) (RFC 6376 \(clause))" }
  }

  static let knownIssues = [
    KnownIssue(
      name: "a blank in front of the = of b=",
      reason: "libopendkim takes out the value of b= only where b and = stand together",
      clause: "section 3.2", signatureTag: "b ="),
    KnownIssue(
      name: "a tag name that ends in b",
      reason: "libopendkim takes the value of such a tag for the signature and leaves it out",
      clause: "section 3.7", extraTag: "xb"),
    KnownIssue(
      name: "h= of more than 4,096 characters",
      reason: "libopendkim cuts the list of signed fields",
      clause: "section 3.5", extraNames: 400),
    KnownIssue(
      name: "a bare CR in a relaxed body",
      reason: "libopendkim drops a CR that no LF follows",
      clause: "section 3.4.4", body: "Hello,\rworld.\r\n"),
    KnownIssue(
      name: "a vertical tab or a form feed in a relaxed header",
      reason: "libopendkim takes both for white space, which is SP and HTAB only",
      clause: "section 3.4.2", subject: " Lunch\u{0B}today\u{0C}\u{0C}at one"),
  ]

  /// Signs the message that the case describes, and verifies it.
  private func outcome(_ item: KnownIssue) throws -> DKIMOutcome {
    var signer = TestSigner(domain: "example.com")
    signer.signatureTag = item.signatureTag
    // Names of fields that are absent; the one that is there stands last, where a cut hides it.
    let names = ["From"] + (0..<item.extraNames).map { "X-Absent-\($0)" } + ["Subject"]
    var header: [HeaderField] = .test()
    header[2] = HeaderField("Subject", item.subject)
    let field = signer.sign(
      header, body: item.body,
      tags: [
        "c": item.canonicalization, "h": names.joined(separator: ":"), item.extraTag: "abc",
      ])
    let evaluator = try Evaluator.test(
      zone: "\(signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]")
    return try #require(evaluator.evaluate(header: [field] + header, body: item.body).dkim.first)
  }

  @Test(arguments: knownIssues) func failsThoughItIsRight(_ item: KnownIssue) throws {
    let outcome = try outcome(item)
    withKnownIssue(item.reason) { #expect(outcome.result == .pass, "\(outcome.explanation)") }
    // A mismatch is what it looks like from outside: never a pass, never an error of ours.
    #expect(outcome.result == .fail)
  }

  @Test(arguments: [
    KnownIssue(name: "the plain message", reason: "", clause: ""),
    KnownIssue(name: "a blank behind b=", reason: "", clause: "", signatureTag: "b= "),
    KnownIssue(name: "b= on a line of its own", reason: "", clause: "", signatureTag: "\r\n\tb="),
    KnownIssue(name: "a tag name that begins with b", reason: "", clause: "", extraTag: "bx"),
    KnownIssue(name: "h= below 4,096 characters", reason: "", clause: "", extraNames: 300),
    KnownIssue(
      name: "a bare CR in a simple body", reason: "", clause: "",
      canonicalization: "relaxed/simple", body: "Hello,\rworld.\r\n"),
    KnownIssue(
      name: "a vertical tab in a simple header", reason: "", clause: "",
      canonicalization: "simple/relaxed", subject: " Lunch\u{0B}today\u{0C}\u{0C}at one"),
    KnownIssue(
      name: "blanks and folds in a relaxed message", reason: "", clause: "",
      subject: " \t Lunch\r\n\t at \t one ", body: "Hello \t world. \r\n\r\n\r\n"),
  ])
  func itsNeighboursPass(_ item: KnownIssue) throws {
    let outcome = try outcome(item)
    #expect(outcome.result == .pass, "\(outcome.explanation)")
  }
}
