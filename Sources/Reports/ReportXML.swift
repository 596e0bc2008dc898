import MailAuth

/// Writes an aggregate report as XML, piece by piece (RFC 9990 appendix A, RFC 7489 appendix C).
///
/// The two forms differ in what stands in front of the records; the records differ in their words
/// alone, chosen before they were counted (``AggregateReport/Record/inWords(of:under:)``). Text is
/// written as it is given, escaped: whoever makes the values sees to it that they hold XML
/// characters only (``ReportText``).
final class ReportXML {
  private let format: ReportFormat
  private let writer: XMLWriter

  /// The sink takes the octets, in order; what it throws comes out of the method that was writing.
  init(_ format: ReportFormat, sink: @escaping ([UInt8]) throws -> Void) throws {
    self.format = format
    writer = try XMLWriter(sink: sink)
  }

  /// Writes everything in front of the first record.
  func begin(
    _ metadata: AggregateReport.Metadata, _ policy: AggregateReport.PolicyPublished
  ) throws {
    try writer.open("feedback", namespace: format.namespace)
    try writer.element("version", "1.0")
    try write(metadata)
    try writer.nest("policy_published") {
      switch format {
      case .rfc9990: try writeRFC9990(policy)
      case .rfc7489: try writeRFC7489(policy)
      }
    }
  }

  /// Writes one record.
  func write(_ record: AggregateReport.Record, count: Int) throws {
    try writer.nest("record") {
      try writer.nest("row") {
        try writer.element("source_ip", record.sourceIP)
        try writer.element("count", String(count))
        try writer.nest("policy_evaluated") {
          try writer.element("disposition", record.disposition.rawValue)
          try writer.element("dkim", record.dkimAligned ? "pass" : "fail")
          try writer.element("spf", record.spfAligned ? "pass" : "fail")
          for reason in record.reasons {
            try writer.nest("reason") {
              try writer.element("type", reason.type.rawValue)
              try writer.element("comment", reason.comment)
            }
          }
        }
      }
      try writer.nest("identifiers") {
        try writer.element("header_from", record.headerFrom)
        try writer.element("envelope_from", record.envelopeFrom)
      }
      try writer.nest("auth_results") {
        for signature in record.dkim { try write(signature) }
        if let spf = record.spf { try write(spf) }
      }
    }
  }

  /// Writes the end; nothing can be written afterwards.
  func end() throws {
    try writer.close()
    try writer.end()
  }

  private func write(_ metadata: AggregateReport.Metadata) throws {
    try writer.nest("report_metadata") {
      try writer.element("org_name", metadata.organization)
      try writer.element("email", metadata.email)
      try writer.element("extra_contact_info", metadata.extraContact)
      try writer.element("report_id", metadata.reportID)
      try writer.nest("date_range") {
        try writer.element("begin", String(metadata.begin))
        try writer.element("end", String(metadata.end))
      }
      switch format {
      case .rfc9990:
        // One element at most.
        let text = metadata.errors.joined(separator: "; ")
        try writer.element("error", text.isEmpty ? nil : text)
        try writer.element("generator", metadata.generator)
      case .rfc7489:
        for error in metadata.errors { try writer.element("error", error) }
      }
    }
  }

  private func writeRFC9990(_ policy: AggregateReport.PolicyPublished) throws {
    try writer.element("domain", policy.domain.text)
    try writer.element("discovery_method", policy.discovery.rawValue)
    try writer.element("p", policy.policy.rawValue)
    try writer.element("sp", policy.subdomainPolicy.rawValue)
    try writer.element("np", policy.nonexistentSubdomainPolicy.rawValue)
    try writer.element("fo", policy.failureOptions)
    try writer.element("adkim", policy.dkimAlignment.rawValue)
    try writer.element("aspf", policy.spfAlignment.rawValue)
    try writer.element("testing", policy.isTesting ? "y" : "n")
  }

  private func writeRFC7489(_ policy: AggregateReport.PolicyPublished) throws {
    try writer.element("domain", policy.domain.text)
    try writer.element("adkim", policy.dkimAlignment.rawValue)
    try writer.element("aspf", policy.spfAlignment.rawValue)
    try writer.element("p", policy.policy.rawValue)
    try writer.element("sp", policy.subdomainPolicy.rawValue)
    try writer.element("pct", String(policy.percent))
    try writer.element("fo", policy.failureOptions)
  }

  private func write(_ signature: AggregateReport.DKIM) throws {
    try writer.nest("dkim") {
      try writer.element("domain", signature.domain)
      try writer.element("selector", signature.selector)
      try writer.element("result", signature.result.rawValue)
      try writer.element("human_result", signature.humanResult)
    }
  }

  private func write(_ spf: AggregateReport.SPF) throws {
    try writer.nest("spf") {
      try writer.element("domain", spf.domain)
      try writer.element("scope", "mfrom")
      try writer.element("result", spf.result.rawValue)
      try writer.element("human_result", spf.humanResult)
    }
  }
}
