import MailAuth
import TestSupport
import Testing

/// The examples of RFC 9989 (appendix B.4, sections 4.10.2 and 11.8) through the whole evaluator,
/// and how many questions they cost.
@Suite struct WorkedExamplesTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var records: KeyValuePairs<String, String>
    var from: String
    /// Passes SPF.
    var mailFrom: String?
    /// Pass DKIM.
    var signers: [String] = []
    var result: DMARCResult
    var policyDomain: String?
    var organization: String?
    var spfReason: NotAlignedReason? = .otherOrganization
    var dkimReasons: [NotAlignedReason?] = []
    var testDescription: String { name }
  }

  static let plain = "v=DMARC1; p=reject"
  static let suffix = "v=DMARC1; p=reject; psd=y"
  static let own = "v=DMARC1; p=reject; psd=n"

  @Test(arguments: [
    Case(
      name: "records at both names, the shortest is the organization",
      records: ["example.com": plain, "signing.example.com": plain], from: "example.com",
      signers: ["signing.example.com"], result: .pass, policyDomain: "example.com",
      organization: "example.com", dkimReasons: [nil]),
    Case(
      name: "below a public suffix: the same organization",
      records: ["bank.example": suffix, "giant.bank.example": plain], from: "giant.bank.example",
      mailFrom: "mail.giant.bank.example", signers: ["mail.mega.bank.example"], result: .pass,
      policyDomain: "giant.bank.example", organization: "giant.bank.example", spfReason: nil,
      dkimReasons: [.otherOrganization]),
    Case(
      name: "below a public suffix: another organization",
      records: ["bank.example": suffix, "giant.bank.example": plain], from: "giant.bank.example",
      signers: ["mail.mega.bank.example"], result: .fail, policyDomain: "giant.bank.example",
      organization: "giant.bank.example", dkimReasons: [.otherOrganization]),
    Case(
      name: "a record at the public suffix alone",
      records: ["com": suffix], from: "a.mail.example.com", signers: ["example.com", "other.com"],
      result: .pass, policyDomain: "com", organization: "example.com",
      dkimReasons: [nil, .otherOrganization]),
    Case(
      name: "two records without psd, the shorter name is the organization",
      records: ["mail.example.com": plain, "example.com": plain], from: "a.mail.example.com",
      signers: ["b.example.com"], result: .pass, policyDomain: "example.com",
      organization: "example.com", dkimReasons: [nil]),
    Case(
      name: "psd=n makes an organization of its own",
      records: ["mail.example.com": own, "example.com": plain], from: "a.mail.example.com",
      signers: ["example.com", "b.mail.example.com"], result: .pass,
      policyDomain: "mail.example.com", organization: "mail.example.com",
      dkimReasons: [.otherOrganization, nil]),
    Case(
      name: "nothing published: nothing aligns but the name itself, and DMARC does not apply",
      records: [:], from: "x.example.net", signers: ["example.net", "x.example.net"],
      result: .none, policyDomain: nil, organization: nil,
      dkimReasons: [.otherOrganization, nil]),
    Case(
      name: "a record without psd at a shared suffix makes one organization of all below",
      records: ["com": plain], from: "a.example.com", signers: ["other.com"], result: .pass,
      policyDomain: "com", organization: "com", dkimReasons: [nil]),
    Case(
      name: "which psd=n defends against",
      records: ["com": plain, "example.com": own], from: "a.example.com", signers: ["other.com"],
      result: .fail, policyDomain: "example.com", organization: "example.com",
      dkimReasons: [.otherOrganization]),
  ])
  func endAsTheRFCSays(_ item: Case) throws {
    var bed = DMARCTestBed(from: ["ann@\(item.from)"], signers: item.signers)
    bed.publish(item.records)
    if let mailFrom = item.mailFrom {
      bed.mailFrom = "bounce@\(mailFrom)"
      bed.allow(mailFrom)
    }
    let evaluation = try bed.evaluate()
    #expect(evaluation.dmarc.result == item.result)
    #expect(evaluation.dmarc.policyDomain?.text == item.policyDomain)
    #expect(evaluation.dmarc.organizationalDomain?.text == item.organization)
    #expect(evaluation.mailFromSPF.notAlignedReason == item.spfReason)
    #expect(evaluation.dkim.map(\.notAlignedReason) == item.dkimReasons)
  }

  private func walked(_ bed: DMARCTestBed) throws -> [String] {
    try bed.evaluate().dns.map(\.name).filter { $0.hasPrefix("_dmarc.") }
      .map { String($0.dropFirst("_dmarc.".count)) }
  }

  @Test func eachIdentifierHasItsOwnWalkAndNoNameIsAskedForTwice() throws {
    var bed = DMARCTestBed(
      from: ["ann@a.example.com"], mailFrom: "x@c.example.com", helo: "c.example.com",
      signers: ["b.x.example.com", "b.x.example.com", "d.x.example.com"])
    bed.publish(["example.com": Self.plain])
    #expect(
      try walked(bed) == [
        "a.example.com", "example.com", "com",  // the author
        "c.example.com",  // SPF, both identities
        "b.x.example.com", "x.example.com", "d.x.example.com",  // the signatures
      ])
  }

  @Test func onlyNamesInTheAuthorsOrganizationHaveAWalk() throws {
    let bed = { (mailFrom: String, signers: [String]) -> DMARCTestBed in
      var bed = DMARCTestBed(mailFrom: "x@\(mailFrom)", helo: mailFrom, signers: signers)
      bed.publish(["example.com": Self.plain])
      return bed
    }
    // The author's own walk, in which the other identifiers are found.
    let own = ["example.com", "com"]
    #expect(try walked(bed("example.com", ["example.com"])) == own)
    // What lies beside the author's organization cannot belong to it.
    #expect(try walked(bed("a.other.com", ["b.c.d.another.com"])) == own)
    #expect(try walked(bed("a.other.example", ["b.c.d.another.example"])) == own)
    #expect(try walked(bed("mail.example.com", [])) == own + ["mail.example.com"])
    // No policy, no organizations.
    #expect(try walked(DMARCTestBed(mailFrom: "x@mail.example.com")) == own)
  }

  @Test(arguments: [
    ("a.b.c.d.e.f.example.com", 8), ("a.b.c.d.e.f.g.example.com", 8),
    ("b.c.d.e.f.example.com", 7),
    ("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.example.com", 8),
  ])
  func aWalkAsksForEightNamesAtMost(_ author: String, _ count: Int) throws {
    #expect(try walked(DMARCTestBed(from: ["ann@\(author)"])).count == count)
  }

  @Test func skippedNamesAreNotSeenButTheFullNameAlwaysIs() throws {
    let author = "a.b.c.d.e.f.g.h.i.example.com"
    var bed = DMARCTestBed(from: ["ann@\(author)"])
    bed.publish(["b.c.d.e.f.g.h.i.example.com": Self.plain])
    #expect(try bed.evaluate().dmarc.result == .none)
    bed.publish([author: Self.plain])
    #expect(try bed.evaluate().dmarc.policyDomain?.text == author)
  }
}
