import Testing

@testable import MailAuth

@Suite struct DMARCPolicyRecordTests {
  private func interpret(_ text: String) -> DMARCPolicyRecord.Interpretation? {
    DMARCPolicyRecord.interpret(Array(text.utf8))
  }

  @Test(arguments: [
    "", "v=DMARC2; p=none", "v=dmarc1; p=none", "p=none; v=DMARC1", "v=spf1 -all", "DMARC1",
    "v=DMARC1x; p=none", "v=", "vv=DMARC1; p=none",
  ])
  func isNoRecordWithoutTheVersionInFront(_ text: String) {
    #expect(interpret(text) == nil)
  }

  @Test(arguments: [
    "v=DMARC1;p=reject", "v=DMARC1; p=reject;", "V = DMARC1 ;\tP = Reject ; x=y ; rf=afrf",
    "v=DMARC1; adkim=r; p=reject", "v=DMARC1; p=reject; ri=3600; unknown=1",
  ])
  func readsTheSamePolicyInEverySpelling(_ text: String) throws {
    let interpretation = try #require(interpret(text))
    var wanted = DMARCPolicyRecord()
    wanted.policy = .reject
    #expect(interpretation.record == wanted)
    #expect(interpretation.applies)
  }

  struct DamagedCase: Sendable, CustomTestStringConvertible {
    var text: String
    var applies: Bool
    var problems: Int
    var testDescription: String { text }
  }

  @Test(arguments: [
    DamagedCase(text: "v=DMARC1", applies: false, problems: 1),
    DamagedCase(text: "v=DMARC1; rua=mailto:a@b.example", applies: true, problems: 1),
    DamagedCase(text: "v=DMARC1; p=; rua=mailto:a@b.example", applies: true, problems: 1),
    DamagedCase(text: "v=DMARC1; p=drop; rua=mailto:a@b.example", applies: true, problems: 1),
    DamagedCase(text: "v=DMARC1; p=drop", applies: false, problems: 1),
    DamagedCase(text: "v=DMARC1; p=drop; rua=nobody", applies: false, problems: 2),
    DamagedCase(
      text: "v=DMARC1; p=reject; sp=drop; rua=mailto:a@b.example", applies: true, problems: 1),
    DamagedCase(
      text: "v=DMARC1; p=reject; np=drop; sp=reject; rua=mailto:a@b.example", applies: true,
      problems: 1),
    DamagedCase(
      text: "v=DMARC1; p=reject; p=none; rua=mailto:a@b.example", applies: true, problems: 1),
    DamagedCase(text: "v=DMARC1; p=reject; sp=none; sp=none", applies: false, problems: 1),
  ])
  func aDamagedPolicyCountsAsNoneIfItAsksForReports(_ item: DamagedCase) throws {
    let interpretation = try #require(interpret(item.text))
    #expect(interpretation.applies == item.applies)
    #expect(interpretation.record.problems.count == item.problems)
    #expect(interpretation.record.policy == .none)
    #expect(interpretation.record.subdomainPolicy == nil)
    #expect(interpretation.record.nonexistentSubdomainPolicy == nil)
  }

  @Test(arguments: [
    "adkim=x", "aspf=", "t=maybe", "psd=z", "fo=2", "fo=0:1", "fo=d:d", "pct=101", "pct=many",
    "garbage", "=value", "a b=c",
  ])
  func otherDamageLeavesTheRestStanding(_ tag: String) throws {
    let interpretation = try #require(interpret("v=DMARC1; p=quarantine; \(tag); sp=reject"))
    var wanted = DMARCPolicyRecord()
    wanted.policy = .quarantine
    wanted.subdomainPolicy = .reject
    wanted.problems = interpretation.record.problems
    #expect(interpretation.record == wanted)
    #expect(interpretation.record.problems.count == 1)
  }

  @Test func readsReportURIs() throws {
    let text =
      "v=DMARC1; p=none; rua= mailto:a@b.example!10m , https://b.example/x%2Cy,a@b.example, "
      + "mailto:c@d.example!k ; ruf=mailto:f@b.example!5"
    let record = try #require(interpret(text)).record
    #expect(
      record.aggregateReportURIs == [
        "mailto:a@b.example", "https://b.example/x%2Cy",
      ])
    #expect(record.failureReportURIs == ["mailto:f@b.example"])
    #expect(record.problems.count == 2)
  }

  @Test func aRecordOfNothingButMistakesHasAFewOfThem() throws {
    let record = try #require(interpret("v=DMARC1" + String(repeating: ";x", count: 30_000))).record
    #expect(record.problems.count == 10)
    let long = String(repeating: "y", count: 30_000)
    let twice = try #require(interpret("v=DMARC1; p=none; \(long)=1; \(long)=2")).record
    #expect(twice.problems[0].utf8.count < 100)
  }

  @Test(arguments: [
    "v=DMARC1; p=none", "v=DMARC1; p=reject; sp=none; np=quarantine; adkim=s; aspf=s; t=y; psd=n",
    "v=DMARC1; p=quarantine; psd=y; pct=20; rua=mailto:a@b.example,mailto:c@d.example; fo=1:d:s",
    "v=DMARC1; p=none; ruf=mailto:a@b.example; fo=d",
  ])
  func printsWhatItParses(_ text: String) throws {
    let record = try #require(interpret(text)).record
    #expect(record.text == text)
    #expect(interpret(record.text)?.record == record)
  }
}
