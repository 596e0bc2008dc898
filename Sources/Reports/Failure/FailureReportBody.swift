import Ledger
import MailAuth

/// A failure report as a mail without the fields that depend on its way: Subject, MIME-Version,
/// Content-Type, an empty line and the body (RFC 6591, RFC 5965 section 2).
///
/// All of it is ASCII, so it needs no transfer encoding.
struct FailureReportBody {
  /// The incident that stands for all of them.
  let incident: FailureIncident
  /// How many incidents are reported.
  let count: Int
  let reportID: String
  let settings: FailureReportSettings

  /// ``StoredReport/content``.
  var octets: [UInt8] {
    MIMEMessage(
      fields: [AddedField(name: "Subject", value: subject)],
      subtype: "report; report-type=feedback-report",
      parts: [
        .text(explanation),
        MIMEPart(
          type: "message/feedback-report", encoding: .text,
          content: Array(fields.map { $0 + "\n" }.joined().utf8)),
        MIMEPart(type: "text/rfc822-headers", encoding: .text, content: header),
      ], boundarySeed: reportID
    ).composed().octets
  }

  /// The subject of the message as the third part shows it, with a forwarding prefix (RFC 5965
  /// section 2f).
  private var subject: String { "FW: " + (incident.subject ?? "[no subject]") }

  /// A header part without a field would not be one.
  private var header: [UInt8] {
    Array((incident.header.isEmpty ? "Subject: [redacted]\r\n" : incident.header).utf8)
  }

  private var explanation: String {
    let many = count == 1 ? "One message" : "\(count) messages"
    let failed =
      switch incident.kind {
      case .dmarc: "did not pass DMARC as the domain's record wants it"
      case .dkim: "had a DKIM signature that failed"
      case .spf: "failed SPF"
      }
    return """
      This is a DMARC failure report (RFC 9991) of the mail receiver
      \(settings.receiver)

      \(many) with a From address of the domain
      \(incident.authorDomain)
      sent by \(incident.sourceAddress)
      \(failed).
      \(count == 1 ? "It" : "The last of them") arrived on \(MailText.date(incident.arrivedAt)).

      The record at _dmarc.\(incident.policyDomain)
      asks for such reports (ruf). Local parts of addresses are replaced by words that
      are the same for the same local part. The body of the message is left out.

      Questions: \(settings.email.utf8.printable(limit: 300))
      """
  }

  // MARK: - message/feedback-report

  private var fields: [String] {
    var fields = [
      "Feedback-Type: auth-failure",
      "User-Agent: \(settings.product)",
      "Version: 1",
      "Auth-Failure: \(authFailure)",
      "Authentication-Results: \(authservID);\n\t\(result)",
      "Identity-Alignment: \(identityAlignment)",
      "Reported-Domain: \(incident.authorDomain)",
      "Original-Mail-From: <\(incident.mailFrom)>",
      "Source-IP: \(incident.sourceAddress)",
      "Arrival-Date: \(MailText.date(incident.arrivedAt))",
    ]
    if let host = DomainName(incident.reportingHost) {
      fields.append("Reporting-MTA: dns; \(host)")
    }
    fields.append("Incidents: \(count)")
    if let result = incident.deliveryResult { fields.append("Delivery-Result: \(result.rawValue)") }
    return fields + dkimFields + spfFields
  }

  private var authFailure: String {
    switch incident.kind {
    case .dmarc: "dmarc"
    case .spf: "spf"
    case .dkim:
      switch reportedSignature?.cause {
      case .bodyHashMismatch: "bodyhash"
      case .keyRevoked: "revoked"
      default: "signature"
      }
    }
  }

  private var authservID: String {
    let isToken = incident.authservID.utf8.allSatisfy { $0.isPlain || "-._".utf8.contains($0) }
    return isToken ? incident.authservID : "\"\(incident.authservID.quotedContent(limit: 255))\""
  }

  /// One method's result only (RFC 6591 section 3.1).
  private var result: String {
    switch incident.kind {
    case .dmarc:
      return "dmarc=\(incident.dmarcResult.rawValue) header.from=\(incident.authorDomain)"
    case .spf:
      let domain = incident.spf.domain.map { " smtp.mailfrom=\($0)" } ?? ""
      return "spf=\(incident.spf.result.rawValue)\(domain)"
    case .dkim:
      guard let signature = reportedSignature else { return "dkim=fail" }
      return "dkim=\(signature.result.rawValue) header.d=\(signature.domain)"
        + " header.s=\(signature.selector)"
    }
  }

  /// The mechanisms that failed (RFC 9991 section 4); RFC 7489 listed those that did not.
  private var identityAlignment: String {
    incident.failedMechanisms.isEmpty
      ? "none" : incident.failedMechanisms.map(\.rawValue).joined(separator: ", ")
  }

  /// There is room for one: an aligned one tells the owner most.
  private var reportedSignature: FailureIncident.Signature? {
    incident.signatures.first { $0.isAligned == true } ?? incident.signatures.first
  }

  private var dkimFields: [String] {
    guard let signature = reportedSignature else { return [] }
    return [
      "DKIM-Domain: \(signature.domain)", "DKIM-Identity: \(signature.identity)",
      "DKIM-Selector: \(signature.selector)",
    ]
  }

  private var spfFields: [String] {
    incident.spf.records.compactMap { record in
      guard let domain = DomainName(record.domain) else { return nil }
      return "SPF-DNS: txt : \(domain) :\n\t\"\(record.text.quotedContent(limit: 950))\""
    }
  }
}

extension String {
  /// What stands between the quotes of a quoted string: printable ASCII, escaped where needed.
  fileprivate func quotedContent(limit: Int) -> String {
    var text = ""
    for octet in utf8 where (0x20...0x7E).contains(octet) {
      guard text.utf8.count < limit else { break }
      if "\"\\".utf8.contains(octet) { text += "\\" }
      text.unicodeScalars.append(Unicode.Scalar(octet))
    }
    return text
  }
}
