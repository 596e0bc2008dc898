import TestSupport
import Testing

@testable import MailAuth

/// Where RFC 7489 by the public suffix list and RFC 9989 by the tree walk part.
@Suite(.enabled(if: SystemSuffixList.list != nil, "the package publicsuffix is not installed"))
struct DiscoveryModeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var zone: [String]
    var from = "a.example.co.uk"
    /// Passes SPF.
    var mailFrom = "unrelated.invalid"
    var treewalk: Outcome
    var psl: Outcome
    var testDescription: String { name }
  }

  struct Outcome: Sendable, Equatable, CustomStringConvertible {
    var result: DMARCResult
    var policyDomain: String?
    var applied: DomainOwnerPolicy?
    var description: String {
      "\(result) by \(policyDomain ?? "no record"): \(applied.map { "\($0)" } ?? "-")"
    }

    init(
      _ result: DMARCResult, _ policyDomain: String? = nil, _ applied: DomainOwnerPolicy? = nil
    ) {
      self.result = result
      self.policyDomain = policyDomain
      self.applied = applied
    }

    init(_ dmarc: DMARCOutcome) {
      self.init(dmarc.result, dmarc.policyDomain?.text, dmarc.appliedPolicy)
    }
  }

  static func policy(_ name: String, _ tags: String) -> String {
    "_dmarc.\(name): [{TXT: \"v=DMARC1; \(tags)\"}]"
  }

  static func twice(_ name: String) -> String {
    "_dmarc.\(name): [{TXT: \"v=DMARC1; p=none\"}, {TXT: \"v=DMARC1; p=reject\"}]"
  }

  @Test(arguments: [
    Case(
      name: "an ordinary organization is the same for both",
      zone: [policy("example.co.uk", "p=reject; sp=quarantine")],
      treewalk: Outcome(.fail, "example.co.uk", .quarantine),
      psl: Outcome(.fail, "example.co.uk", .quarantine)),
    Case(
      name: "no record", zone: [], treewalk: Outcome(.none), psl: Outcome(.none)),
    Case(
      name: "a public suffix publishes: only the walk looks there",
      zone: [policy("co.uk", "p=reject; psd=y")], treewalk: Outcome(.fail, "co.uk", .reject),
      psl: Outcome(.none)),
    Case(
      name: "a suffix without psd=y becomes the organization of the walk",
      zone: [policy("co.uk", "p=quarantine"), policy("example.co.uk", "p=reject")],
      treewalk: Outcome(.fail, "co.uk", .quarantine), psl: Outcome(.fail, "example.co.uk", .reject)),
    Case(
      name: "psd=n below the registered name is unknown to RFC 7489",
      zone: [
        policy("example.co.uk", "p=reject"), policy("b.example.co.uk", "p=quarantine; psd=n"),
      ], from: "a.b.example.co.uk", treewalk: Outcome(.fail, "b.example.co.uk", .quarantine),
      psl: Outcome(.fail, "example.co.uk", .reject)),
    Case(
      name: "and decides about alignment",
      zone: [policy("example.co.uk", "p=reject"), policy("a.example.co.uk", "p=reject; psd=n")],
      mailFrom: "example.co.uk", treewalk: Outcome(.fail, "a.example.co.uk", .reject),
      psl: Outcome(.pass, "a.example.co.uk", .reject)),
    Case(
      name: "a private suffix: the list divides what the walk finds no border in",
      zone: [policy("github.io", "p=reject")], from: "one.github.io", mailFrom: "two.github.io",
      treewalk: Outcome(.pass, "github.io", .reject), psl: Outcome(.none)),
    Case(
      name: "np is unknown to RFC 7489", zone: [policy("example.co.uk", "p=none; np=reject")],
      treewalk: Outcome(.fail, "example.co.uk", .reject),
      psl: Outcome(.fail, "example.co.uk", DomainOwnerPolicy.none)),
    Case(
      name: "sp is not, also for names that do not exist",
      zone: [policy("example.co.uk", "p=none; sp=quarantine; np=reject")],
      treewalk: Outcome(.fail, "example.co.uk", .reject),
      psl: Outcome(.fail, "example.co.uk", .quarantine)),
    Case(
      name: "an invalid np is damage to RFC 9989 only",
      zone: [policy("example.co.uk", "p=reject; np=refuse")], treewalk: Outcome(.permerror),
      psl: Outcome(.fail, "example.co.uk", .reject)),
    Case(
      name: "t is unknown to RFC 7489", zone: [policy("example.co.uk", "p=reject; t=y")],
      treewalk: Outcome(.fail, "example.co.uk", .quarantine),
      psl: Outcome(.fail, "example.co.uk", .reject)),
    Case(
      name: "pct is unknown to RFC 9989: reject",
      zone: [policy("example.co.uk", "p=reject; pct=0")],
      treewalk: Outcome(.fail, "example.co.uk", .reject),
      psl: Outcome(.fail, "example.co.uk", .quarantine)),
    Case(
      name: "pct is unknown to RFC 9989: quarantine",
      zone: [policy("example.co.uk", "p=quarantine; pct=0")],
      treewalk: Outcome(.fail, "example.co.uk", .quarantine),
      psl: Outcome(.fail, "example.co.uk", DomainOwnerPolicy.none)),
    Case(
      name: "pct with t is one step, not two",
      zone: [policy("example.co.uk", "p=reject; pct=0; t=y")],
      treewalk: Outcome(.fail, "example.co.uk", .quarantine),
      psl: Outcome(.fail, "example.co.uk", .quarantine)),
    Case(
      name: "pct=100 and an invalid pct apply the policy to everything",
      zone: [policy("a.example.co.uk", "p=reject; pct=100"), policy("example.co.uk", "p=none")],
      treewalk: Outcome(.fail, "a.example.co.uk", .reject),
      psl: Outcome(.fail, "a.example.co.uk", .reject)),
    Case(
      name: "p is invalid, rua is there", zone: [policy("example.co.uk", "p=x; rua=mailto:a@b.uk")],
      treewalk: Outcome(.fail, "example.co.uk", DomainOwnerPolicy.none),
      psl: Outcome(.fail, "example.co.uk", DomainOwnerPolicy.none)),
    Case(
      name: "p is invalid, rua is not there", zone: [policy("example.co.uk", "p=x")],
      treewalk: Outcome(.permerror), psl: Outcome(.permerror)),
    Case(
      name: "several records at the Author Domain end RFC 7489's search",
      zone: [twice("a.example.co.uk"), policy("example.co.uk", "p=reject")],
      treewalk: Outcome(.fail, "example.co.uk", .reject), psl: Outcome(.none)),
    Case(
      name: "several records at the organization: the walk goes on",
      zone: [twice("example.co.uk"), policy("co.uk", "p=reject; psd=y")],
      treewalk: Outcome(.fail, "co.uk", .reject), psl: Outcome(.none)),
    Case(
      name: "a failure that only the walk meets",
      zone: [
        policy("example.co.uk", "p=reject"), "_dmarc.uk: [SERVFAIL]",
      ], treewalk: Outcome(.temperror), psl: Outcome(.fail, "example.co.uk", .reject)),
    Case(
      name: "a policy that cannot be fetched", zone: ["_dmarc.a.example.co.uk: [TIMEOUT]"],
      treewalk: Outcome(.temperror), psl: Outcome(.temperror)),
  ])
  func eachModeKeepsItsRules(_ item: Case) throws {
    let list = try #require(SystemSuffixList.list)
    func evaluate(_ mode: DiscoveryMode) throws -> DMARCOutcome {
      var bed = DMARCTestBed(
        zone: item.zone, from: ["ann@\(item.from)"], mailFrom: "x@\(item.mailFrom)")
      bed.allow(item.mailFrom)
      bed.configure = { $0.discovery = mode }
      return try bed.evaluate().dmarc
    }
    let treewalk = try evaluate(.treewalk)
    let psl = try evaluate(.psl(list))
    #expect(Outcome(treewalk) == item.treewalk)
    #expect(Outcome(psl) == item.psl)
    #expect(treewalk.discovery == .treewalk)
    #expect(psl.discovery == .psl)

    // Compared: the walk's outcome, with the list's beside it.
    var both = try evaluate(.compare(list))
    let comparison = try #require(both.comparison)
    both.comparison = nil
    #expect(both == treewalk)
    #expect(comparison.discovery == .psl)
    #expect(
      Outcome(comparison.result, comparison.policyDomain?.text, comparison.appliedPolicy)
        == item.psl)
    #expect(comparison.differences.contains(.result) == (treewalk.result != psl.result))
    #expect(
      comparison.differences.contains(.appliedPolicy)
        == (treewalk.appliedPolicy != psl.appliedPolicy))
    if item.treewalk != item.psl { #expect(!comparison.differences.isEmpty) }
  }

  @Test func aComparisonSaysWhatWouldBeDifferent() throws {
    let list = try #require(SystemSuffixList.list)
    var bed = DMARCTestBed(from: ["ann@a.example.co.uk"], mailFrom: "x@b.example.co.uk")
    bed.allow("b.example.co.uk")
    bed.publish(["example.co.uk": "v=DMARC1; p=reject"])
    bed.configure = { $0.discovery = .compare(list) }
    let same = try #require(try bed.evaluate().dmarc.comparison)
    #expect(same.differences == [])
    #expect(same.explanation == "By the public suffix list the outcome is the same.")
    bed.publish(["co.uk": "v=DMARC1; p=none"])
    let other = try #require(try bed.evaluate().dmarc.comparison)
    #expect(other.differences == [.policyDomain, .organizationalDomain, .appliedPolicy])
    #expect(other.explanation.contains("the policy reject found at _dmarc.example.co.uk"))
  }

  @Test func aComparisonAsksForNoNameTwice() throws {
    let list = try #require(SystemSuffixList.list)
    var bed = DMARCTestBed(from: ["ann@a.example.co.uk"])
    bed.publish(["example.co.uk": "v=DMARC1; p=reject"])
    bed.configure = { $0.discovery = .compare(list) }
    let names = try bed.evaluate().dns.map(\.name).filter { $0.hasPrefix("_dmarc.") }
    #expect(names.count == 4)
    #expect(Set(names).count == 4)
  }

  @Test func theListAsksForTwoNamesAtMost() throws {
    let list = try #require(SystemSuffixList.list)
    var bed = DMARCTestBed(
      from: ["ann@a.b.c.example.co.uk"], mailFrom: "x@c.example.co.uk",
      signers: ["d.example.co.uk", "other.co.uk"])
    bed.publish(["example.co.uk": "v=DMARC1; p=reject; np=none"])
    bed.configure = { $0.discovery = .psl(list) }
    let dns = try bed.evaluate().dns
    #expect(
      dns.map(\.name).filter { $0.hasPrefix("_dmarc.") } == [
        "_dmarc.a.b.c.example.co.uk", "_dmarc.example.co.uk",
      ])
    // Whether a name exists is no question of RFC 7489.
    #expect(dns.allSatisfy { $0.type == .txt })
  }
}

/// The sample that `pct` asks for.
@Suite struct SamplingDrawTests {
  private func draw(_ id: String, from: String = " a@example.com") -> Int {
    SamplingDraw(header: [
      HeaderField("From", from), HeaderField("Message-ID", id),
      HeaderField("Date", " Fri, 20 Nov 2026 23:43:31 +0000"),
    ]).value
  }

  @Test func isDrawnFromTheMessageAlone() {
    #expect(draw(" <1@example.com>") == draw(" <1@example.com>"))
    #expect(draw(" <1@example.com>") == draw("\r\n\t<1@example.com>"))
    let header = [HeaderField]([HeaderField("Message-ID", " <1@example.com>")])
    let relayed = [HeaderField("Received", " by x")] + header
    #expect(SamplingDraw(header: header) == SamplingDraw(header: relayed))
    #expect((0..<100).contains(SamplingDraw(header: []).value))
  }

  @Test(arguments: [0, 1, 10, 25, 50, 75, 99, 100])
  func takesAboutAsManyAsAskedFor(_ percent: Int) {
    let total = 20_000
    let sampled = (0..<total).count { number in
      SamplingDraw(header: [HeaderField("Message-ID", " <\(number)@example.com>")])
        .isSampled(percent: percent)
    }
    // Four standard deviations of a fair draw are below 1.5 % of the total.
    #expect(abs(sampled - total * percent / 100) <= total * 3 / 200)
    if percent == 0 { #expect(sampled == 0) }
    if percent == 100 { #expect(sampled == total) }
  }

  @Test func withoutPctEverythingIsSampled() {
    #expect(SamplingDraw(header: []).isSampled(percent: nil))
  }

  @Test(.enabled(if: SystemSuffixList.list != nil))
  func sparedMessagesSayWhy() throws {
    let list = try #require(SystemSuffixList.list)
    var bed = DMARCTestBed()
    bed.publish(["example.com": "v=DMARC1; p=reject; pct=0; t=y"])
    bed.configure = { $0.discovery = .psl(list) }
    let spared = try bed.evaluate()
    #expect(spared.dmarc.isSampledOut)
    #expect(spared.dmarc.policyBeforeTesting == .reject)
    #expect(spared.dmarc.appliedPolicy == .quarantine)
    let verdict = Verdict(spared, envelope: .test(), authservID: "mx.example")
    #expect(
      verdict.overrideReasons.first
        == OverrideReason.sampledOut)
    #expect(!verdict.overrideReasons.contains { $0.type == .policyTestMode })
    // A policy of none has nothing to spare from.
    bed.zone = []
    bed.publish(["example.com": "v=DMARC1; p=none; pct=0"])
    #expect(try !bed.evaluate().dmarc.isSampledOut)
  }
}
