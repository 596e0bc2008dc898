import TestSupport
import Testing

@testable import MailAuth

/// Signs of the way that a message took.
@Suite struct FlowEvidenceTests {
  private func signs(_ fields: [(String, String)], mailFrom: String) -> FlowEvidence {
    FlowEvidence(
      header: fields.map { HeaderField($0.0, " " + $0.1) },
      envelope: .test(helo: "mail.example.com", mailFrom: mailFrom))
  }

  @Test(
    arguments: [
      ("", [.automatic]), ("ann@example.com", []),
      ("SRS0=hash=ann@f.example", [.rewrittenReturnPath]),
      ("srs1+x@f.example", [.rewrittenReturnPath]), ("srs1-x@f.example", [.rewrittenReturnPath]),
      ("xsrs0=x@f.example", []), ("srs0@f.example", []), ("srs0", []),
      ("owner-list@l.example", [.listReturnPath]), ("list-Owner@l.example", [.listReturnPath]),
      ("list-bounces+ann=example.com@l.example", [.listReturnPath]),
      ("bounces+7-ann@l.example", [.listReturnPath]), ("list-request@l.example", [.listReturnPath]),
      ("x-admin", [.listReturnPath]), ("owner@l.example", []), ("bounce@l.example", []),
      ("ann@list-owner.example", []), ("-admi", []), ("a", []), ("@owner-x.example", []),
    ] as [(String, [FlowSign])])
  func readsTheReturnPath(_ path: String, _ signs: [FlowSign]) {
    #expect(self.signs([], mailFrom: path).signs == signs)
  }

  @Test(
    arguments: [
      ("LIST-ID", "x", [.listID]), ("List-Post", "x", [.listFields]),
      ("List-Owner", "x", [.listFields]), ("List-Archive", "x", [.listFields]),
      ("List-Unsubscribe", "x", []), ("Precedence", " List ", [.listFields]),
      ("Precedence", "bulk", []), ("X-Forwarded-To", "x", [.forwardingFields]),
      ("X-Forwarded-For", "x", [.forwardingFields]), ("Resent-From", "x", [.forwardingFields]),
      ("Resent-Sender", "x", [.forwardingFields]), ("Resent-To", "x", [.forwardingFields]),
      ("Resent-Date", "x", []), ("Delivered-To", "x", [.deliveredBefore]),
      ("ARC-Seal", "x", [.arcSets]), ("Auto-Submitted", "auto-replied", [.automatic]),
      ("Auto-Submitted", "NO", []), ("List-I", "x", []), ("List-Idx", "x", []), ("", "x", []),
    ] as [(String, String, [FlowSign])])
  func readsAField(_ name: String, _ value: String, _ signs: [FlowSign]) {
    #expect(self.signs([(name, value)], mailFrom: "ann@example.com").signs == signs)
  }

  @Test func namesEachSignOnceAndInOrder() {
    let evidence = signs(
      [
        ("ARC-Seal", "x"), ("Resent-To", "x"), ("Resent-From", "x"),
        ("List-Id", "One <one.example>"), ("List-Id", "<two.example>"),
      ], mailFrom: "owner-one@l.example")
    #expect(evidence.signs == [.listID, .listReturnPath, .forwardingFields, .arcSets])
    #expect(evidence.listIdentifier == "one.example")
  }
}
