import MailAuth
import TestSupport
import Testing

/// Damaged records (RFC 9989 sections 4.8 and 4.10.1) as they end for a failing message.
@Suite struct DamagedRecordTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var record: String
    var result = DMARCResult.fail
    var cause = DMARCCause.noIdentifier
    /// For the name with the record, and for a name below it.
    var applied: DomainOwnerPolicy?
    var appliedBelow: DomainOwnerPolicy?
    var testDescription: String { record }

    static func counts(
      _ record: String, as policy: DomainOwnerPolicy, below: DomainOwnerPolicy? = nil
    ) -> Case {
      Case(record: record, applied: policy, appliedBelow: below ?? policy)
    }

    static func unusable(_ record: String) -> Case {
      Case(record: record, result: .permerror, cause: .recordSyntax)
    }

    static func noRecord(_ record: String) -> Case {
      Case(record: record, result: .none, cause: .noPolicyRecord)
    }
  }

  static let rua = "rua=mailto:a@b.example"

  @Test(arguments: [
    // Bad values of other tags: the default, and the rest stands.
    Case.counts("v=DMARC1; p=reject; adkim=x; aspf=; fo=9; t=maybe; psd=z", as: .reject),
    .counts("v=DMARC1; p=reject; t=yes", as: .reject),
    .counts("v=DMARC1; p=reject; t=y; t_est=1", as: .quarantine),
    .counts("v=DMARC1; p=reject; no tag at all; sp=quarantine", as: .reject, below: .quarantine),
    // p missing or invalid, with a usable rua: none, for subdomains too.
    .counts("v=DMARC1; \(rua)", as: .none),
    .counts("v=DMARC1; sp=reject; \(rua)", as: .none),
    .counts("v=DMARC1; p=refuse; sp=reject; \(rua)", as: .none),
    .counts("v=DMARC1; p=; \(rua)", as: .none),
    .counts("v=DMARC1; p=\u{FC}; \(rua)", as: .none),
    // sp or np invalid, p valid: the whole record counts as none.
    .counts("v=DMARC1; p=reject; sp=refuse; \(rua)", as: .none),
    .counts("v=DMARC1; p=reject; np=refuse; \(rua)", as: .none),
    .counts("v=DMARC1; p=reject; sp=; \(rua)", as: .none),
    // Any valid URI will do, of whatever scheme, and beside broken ones.
    .counts("v=DMARC1; p=refuse; rua=https://b.example/r", as: .none),
    .counts("v=DMARC1; p=refuse; rua=nobody,mailto:a@b.example!10m", as: .none),
    // Without one DMARC is not applied.
    .unusable("v=DMARC1"),
    .unusable("v=DMARC1; p=refuse"),
    .unusable("v=DMARC1; p=reject; sp=refuse"),
    .unusable("v=DMARC1; p=reject; np=refuse"),
    .unusable("v=DMARC1; p=refuse; rua=nobody"),
    .unusable("v=DMARC1; p=refuse; ruf=mailto:a@b.example"),
    .unusable("v=DMARC1; p=reject; p=reject"),
    // Damage in rua alone is none of p's business.
    .counts("v=DMARC1; p=reject; rua=nobody", as: .reject),
    // Not DMARC records at all.
    .noRecord("v=DMARC2; p=reject"),
    .noRecord("v=dmarc1; p=reject"),
    .noRecord("p=reject; v=DMARC1"),
    .noRecord(" ; v=DMARC1; p=reject"),
    .noRecord("p=reject"),
    // Case of tags and policies, white space, order and historic tags do not matter.
    .counts(
      "V=DMARC1;\tSP = Quarantine ;P = Reject;rf=afrf;ri=1;pct=0", as: .reject, below: .quarantine),
  ])
  func countsAsTheNotesSay(_ item: Case) throws {
    var bed = DMARCTestBed()
    bed.publish(["example.com": item.record])
    bed.zone.append("sub.example.com: [{A: 192.0.2.5}]")
    let own = try bed.evaluate().dmarc
    #expect(own.result == item.result)
    #expect(own.cause == item.cause)
    #expect(own.appliedPolicy == item.applied)
    bed.from = ["ann@sub.example.com"]
    let below = try bed.evaluate().dmarc
    #expect(below.result == item.result)
    #expect(below.appliedPolicy == item.appliedBelow)
  }

  @Test func characterStringsAreJoinedWithoutASeparator() throws {
    var bed = DMARCTestBed()
    bed.zone = ["_dmarc.example.com: [{TXT: [\"v=DMARC1; p=rej\", \"ect; s\", \"p=none\"]}]"]
    let dmarc = try bed.evaluate().dmarc
    #expect(dmarc.record?.policy == .reject)
    #expect(dmarc.record?.subdomainPolicy == DomainOwnerPolicy.none)
  }

  @Test func severalRecordsAtOneNameCountAsNone() throws {
    var bed = DMARCTestBed()
    bed.zone = ["_dmarc.example.com: [{TXT: \"v=DMARC1; p=reject\"}, {TXT: \"v=DMARC1;p=none\"}]"]
    let dmarc = try bed.evaluate().dmarc
    #expect(dmarc.result == .none)
    #expect(
      dmarc.explanation == "Neither example.com nor a domain above it publishes a policy that "
        + "counts: example.com has 2 records where one is allowed.")
    // A TXT record that is no DMARC record does not make it several.
    bed.zone = ["_dmarc.example.com: [{TXT: \"v=DMARC1; p=reject\"}, {TXT: \"v=spf1 -all\"}]"]
    #expect(try bed.evaluate().dmarc.result == .fail)
  }

  /// Identifiers of the organization are still told from others.
  @Test func anUnusableRecordLeavesTheOrganizationStanding() throws {
    var bed = DMARCTestBed(mailFrom: "a@mail.example.com", signers: ["other.com"])
    bed.publish(["example.com": "v=DMARC1; p=refuse"])
    bed.allow("mail.example.com")
    let evaluation = try bed.evaluate()
    #expect(evaluation.dmarc.result == .permerror)
    #expect(evaluation.mailFromSPF.alignment?.isAligned == true)
    #expect(evaluation.dkim[0].notAlignedReason == .otherOrganization)
  }
}
