import MailAuth
import TestSupport
import Testing

/// What DMARC makes of each kind of From field (RFC 9989 sections 4.2, 5.3.1 and 11.5).
@Suite struct FromTableTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var from: [String]
    var result: DMARCResult
    var cause: DMARCCause
    /// The domain that decides.
    var author: String?
    var authors: [String] = []
    var applied: DomainOwnerPolicy?
    var testDescription: String { "\(from) is \(result)" }
  }

  /// pass.example passes by SPF; reject, quarantine and monitor fail under the policy of their
  /// name; open has no policy, damaged none that can be used, slow does not answer.
  private static func bed(_ from: [String]) -> DMARCTestBed {
    var bed = DMARCTestBed(from: from, mailFrom: "x@pass.example")
    bed.allow("pass.example")
    bed.publish([
      "pass.example": "v=DMARC1; p=reject", "also.pass.example": "v=DMARC1; p=none",
      "reject.example": "v=DMARC1; p=reject", "reject2.example": "v=DMARC1; p=reject",
      "quarantine.example": "v=DMARC1; p=quarantine", "monitor.example": "v=DMARC1; p=none",
      "damaged.example": "v=DMARC1; p=refuse", "xn--bcher-kva.example": "v=DMARC1; p=reject",
      "tested.example": "v=DMARC1; p=reject; t=y",
    ])
    bed.zone.append("_dmarc.slow.example: [TIMEOUT]")
    return bed
  }

  @Test(arguments: [
    // One field, one address.
    Case(
      from: ["a@pass.example"], result: .pass, cause: .aligned, author: "pass.example",
      authors: ["pass.example"], applied: .reject),
    // One field, several addresses, one domain.
    Case(
      from: ["a@pass.example, B <b@PASS.Example>"], result: .pass, cause: .aligned,
      author: "pass.example", authors: ["pass.example"], applied: .reject),
    // U-labels.
    Case(
      from: ["a@b\u{FC}cher.example"], result: .fail, cause: .passedNotAligned,
      author: "xn--bcher-kva.example", authors: ["xn--bcher-kva.example"], applied: .reject),
    Case(
      from: ["a@b\u{FC}cher.example, b@xn--bcher-kva.example"], result: .fail,
      cause: .passedNotAligned, author: "xn--bcher-kva.example",
      authors: ["xn--bcher-kva.example"], applied: .reject),
    // No From, empty From, a group without members, no domain.
    Case(from: [], result: .none, cause: .noFrom),
    Case(from: [""], result: .permerror, cause: .invalidFrom),
    Case(from: ["undisclosed recipients:;"], result: .permerror, cause: .invalidFrom),
    Case(from: ["Ann"], result: .permerror, cause: .invalidFrom),
    Case(from: ["a@[192.0.2.1]"], result: .permerror, cause: .invalidFrom),
    // A group with members does not hide them.
    Case(
      from: ["Team: a@reject.example;"], result: .fail, cause: .passedNotAligned,
      author: "reject.example", authors: ["reject.example"], applied: .reject),
    // Several fields, even equal ones.
    Case(
      from: ["a@pass.example", "a@pass.example"], result: .permerror,
      cause: .multipleFromFields),

    // Several domains: the strictest policy of those that fail.
    Case(
      from: ["a@monitor.example, b@reject.example, c@quarantine.example"], result: .fail,
      cause: .passedNotAligned, author: "reject.example",
      authors: ["monitor.example", "reject.example", "quarantine.example"], applied: .reject),
    Case(
      from: ["a@monitor.example, b@quarantine.example"], result: .fail,
      cause: .passedNotAligned, author: "quarantine.example",
      authors: ["monitor.example", "quarantine.example"], applied: .quarantine),
    Case(
      from: ["a@tested.example, b@reject.example"], result: .fail,
      cause: .passedNotAligned, author: "reject.example",
      authors: ["tested.example", "reject.example"], applied: .reject),
    // Of equally strict ones the first.
    Case(
      from: ["a@reject2.example, b@reject.example"], result: .fail, cause: .passedNotAligned,
      author: "reject2.example", authors: ["reject2.example", "reject.example"],
      applied: .reject),
    // A pass of one does not help the other, whatever the order; nor does the lack of a policy.
    Case(
      from: ["a@pass.example, b@reject.example"], result: .fail, cause: .passedNotAligned,
      author: "reject.example", authors: ["pass.example", "reject.example"], applied: .reject),
    Case(
      from: ["a@reject.example, b@pass.example"], result: .fail, cause: .passedNotAligned,
      author: "reject.example", authors: ["reject.example", "pass.example"], applied: .reject),
    Case(
      from: ["a@open.example, b@monitor.example"], result: .fail, cause: .passedNotAligned,
      author: "monitor.example", authors: ["open.example", "monitor.example"],
      applied: DomainOwnerPolicy.none),
    Case(
      from: ["a@pass.example, b@open.example"], result: .none, cause: .noPolicyRecord,
      author: "open.example", authors: ["pass.example", "open.example"]),
    Case(
      from: ["a@pass.example, b@also.pass.example"], result: .pass, cause: .aligned,
      author: "pass.example", authors: ["pass.example", "also.pass.example"], applied: .reject),
    // A missing answer cannot undo a fail, but it keeps a pass from being known.
    Case(
      from: ["a@slow.example, b@reject.example"], result: .fail, cause: .passedNotAligned,
      author: "reject.example", authors: ["slow.example", "reject.example"], applied: .reject),
    Case(
      from: ["a@pass.example, b@slow.example"], result: .temperror, cause: .policyTimeout,
      author: "slow.example", authors: ["pass.example", "slow.example"]),
    Case(
      from: ["a@damaged.example, b@slow.example"], result: .temperror, cause: .policyTimeout,
      author: "slow.example", authors: ["damaged.example", "slow.example"]),
    Case(
      from: ["a@pass.example, b@damaged.example, c@open.example"], result: .permerror,
      cause: .recordSyntax, author: "damaged.example",
      authors: ["pass.example", "damaged.example", "open.example"]),
    // An address without a domain hides nobody, and nobody passes beside it.
    Case(
      from: ["a@[192.0.2.1], b@reject.example"], result: .fail, cause: .passedNotAligned,
      author: "reject.example", authors: ["reject.example"], applied: .reject),
    Case(
      from: ["a@pass.example, b@[192.0.2.1]"], result: .permerror, cause: .invalidFrom,
      authors: ["pass.example"]),
  ])
  func endsAsTheTableSays(_ item: Case) throws {
    let evaluation = try Self.bed(item.from).evaluate()
    #expect(evaluation.dmarc.result == item.result)
    #expect(evaluation.dmarc.cause == item.cause)
    #expect(evaluation.authorDomain?.text == item.author)
    #expect(evaluation.authorDomains.map(\.text) == item.authors)
    #expect(evaluation.dmarc.appliedPolicy == item.applied)
    #expect(evaluation.dmarc.explanation.hasSuffix("."))
  }

  /// A fourth domain, of which three are evaluated: whatever stands in front cannot make the message
  /// anything milder than permerror.
  @Test(arguments: [
    ["a.example", "b.example", "c.example"],
    ["pass.example", "also.pass.example", "x.pass.example"],
    ["monitor.example", "pass.example", "a.example"],
    ["slow.example", "pass.example", "a.example"],
    ["damaged.example", "pass.example", "slow.example"],
  ])
  func tooManyDomainsAreAnError(_ others: [String]) throws {
    let names = others + ["reject.example"]
    let from = names.map { "a@\($0)" }.joined(separator: ", ")
    let evaluation = try Self.bed([from]).evaluate()
    #expect(evaluation.dmarc.result == .permerror)
    #expect(evaluation.dmarc.cause == .multipleFromDomains)
    #expect(evaluation.dmarc.record == nil)
    #expect(evaluation.authorDomain == nil)
    #expect(evaluation.authorDomains.map(\.text) == names)
    #expect(evaluation.dmarc.explanation.contains("4 domains"))
    #expect(evaluation.dmarc.explanation.hasSuffix("At most 3 are evaluated."))
    // What is not evaluated costs nothing.
    #expect(!evaluation.dns.contains { $0.name.hasPrefix("_dmarc.reject.") })
  }

  @Test(arguments: [
    ("reject.example", DomainOwnerPolicy.reject), ("quarantine.example", .quarantine),
    ("tested.example", .quarantine),
  ])
  func ofTooManyDomainsOneThatFailsDecides(_ name: String, _ policy: DomainOwnerPolicy) throws {
    let from = "a@pass.example, b@\(name), c@slow.example, d@a.example"
    let evaluation = try Self.bed([from]).evaluate()
    #expect(evaluation.dmarc.result == .fail)
    #expect(evaluation.authorDomain?.text == name)
    #expect(evaluation.dmarc.appliedPolicy == policy)
    #expect(
      evaluation.dmarc.explanation.hasSuffix(
        "\(name) decides: From names authors of 4 domains (pass.example pass, \(name) fail, "
          + "slow.example temperror, the others not evaluated)."))
  }

  @Test func theRecordAndTheAlignmentAreThoseOfTheDecidingDomain() throws {
    let evaluation = try Self.bed(["a@pass.example, b@reject.example"]).evaluate()
    #expect(evaluation.dmarc.policyDomain?.text == "reject.example")
    #expect(evaluation.mailFromSPF.notAlignedReason == .otherOrganization)
    #expect(!evaluation.dmarc.spfAligned)
    #expect(evaluation.dmarc.explanation.contains("pass.example pass, reject.example fail"))
    let header = Verdict(evaluation, envelope: .test(), authservID: "mx.example")
      .authenticationResults
    #expect(header.contains("header.from=reject.example policy.dmarc=reject"))
  }

  @Test func theCapIsASetting() throws {
    var bed = Self.bed(["a@open.example, b@reject.example"])
    bed.configure = { $0.maximumAuthorDomains = 1 }
    #expect(try bed.evaluate().dmarc.cause == .multipleFromDomains)
    bed.from = ["a@reject.example, b@reject.example"]
    #expect(try bed.evaluate().dmarc.result == .fail)
  }

  @Test func thousandsOfAuthorsAreNotKept() throws {
    let evaluation = try Self.bed([
      (0..<3000).map { "a@d\($0).example" }.joined(separator: ", ")
    ]).evaluate()
    #expect(evaluation.dns.count { $0.name.hasPrefix("_dmarc.") } <= 4)
    #expect(evaluation.dmarc.cause == .multipleFromDomains)
    #expect(evaluation.dmarc.explanation.contains("3000 domains"))
    #expect(evaluation.authorDomains.count == Evaluation.mostAuthorDomains)
  }
}
