import MailAuth

/// Results that another receiver reports, in the shape and the words of our own.
enum ReportedOutcome {
  /// An SPF check; none where the report tells of none.
  static func spf(_ reported: ReadReport.AuthResult?, client: String) -> SPFOutcome {
    guard let reported else {
      return SPFOutcome(
        identity: .mailFrom, domain: "", result: .none, cause: .noRecord,
        explanation: "The report tells of no SPF check.")
    }
    let result = SPFResult(rawValue: reported.result) ?? .neutral
    let domain = shown(reported.domain)
    let address = shown(client)
    let sentence =
      switch reported.result {
      case _ where reported.domain.isEmpty:
        "There was no domain for SPF (\(shown(reported.result)))."
      case "pass": "\(address) is listed in the SPF record of \(domain) (pass)."
      case "fail", "softfail", "neutral":
        "\(address) is not listed in the SPF record of \(domain) (\(reported.result))."
      case "none": "\(domain) has no SPF record (none)."
      case "temperror": "The DNS failed when SPF of \(domain) was checked (temperror)."
      case "permerror": "The SPF record of \(domain) cannot be used (permerror)."
      default: "SPF of \(domain) ended with \"\(shown(reported.result))\"."
      }
    let isHELO = reported.scope == "helo"
    let note = isHELO ? " This check was of the HELO name, which DMARC leaves out." : ""
    return SPFOutcome(
      identity: isHELO ? .helo : .mailFrom, domain: reported.domain,
      result: result, cause: spfCause(reported.humanResult, result),
      explanation: sentence + note + quoted(reported.humanResult))
  }

  /// A signature.
  static func dkim(_ reported: ReadReport.AuthResult) -> DKIMOutcome {
    let result = DKIMResult(rawValue: reported.result) ?? .neutral
    let selector = reported.selector.map { ", selector \(shown($0))," } ?? ""
    let signature = "The signature of \(shown(reported.domain))\(selector)"
    let sentence =
      switch reported.result {
      case "pass": "\(signature) verified."
      case "fail": "\(signature) did not verify."
      case "temperror":
        "The DNS failed when the key of this signature was looked up: "
          + "\(shown(reported.domain))\(selector.trimmingComma)."
      case "permerror": "\(signature) cannot be verified (permerror)."
      case "policy": "\(signature) was not acceptable to the reporter (policy)."
      default: "\(signature) ended with \"\(shown(reported.result))\"."
      }
    return DKIMOutcome(
      domain: reported.domain, selector: reported.selector ?? "", algorithm: "", result: result,
      cause: dkimCause(reported, result), explanation: sentence + quoted(reported.humanResult))
  }

  private static func spfCause(_ words: String?, _ result: SPFResult) -> SPFCause {
    if let known = SPFCause.allCases.first(where: {
      $0.humanResult != nil && $0.humanResult == words
    }) {
      return known
    }
    return switch result {
    case .none: .noRecord
    case .temperror: .dnsServfail
    case .permerror: .recordSyntax
    default: .matched
    }
  }

  /// The cause, from our own wordings or a few words that others use; the most likely one of the
  /// result otherwise.
  private static func dkimCause(
    _ reported: ReadReport.AuthResult, _ result: DKIMResult
  ) -> DKIMCause {
    let words = (reported.humanResult ?? "").asciiLowercased()
    if let known = DKIMCause.allCases.first(where: { $0.humanResult == words }) { return known }
    switch result {
    case .pass: return .verified
    case .fail: return words.contains("body hash") ? .bodyHashMismatch : .signatureMismatch
    case .temperror: return .dnsServfail
    case .permerror, .policy:
      if words.contains("revoked") { return .keyRevoked }
      if words.contains("expired") { return .expired }
      // Without a selector nothing can be said of the key.
      return result == .permerror && reported.selector != nil ? .noKey : .signatureSyntax
    case .none, .neutral: return .notEvaluated
    }
  }

  private static func shown(_ text: String) -> String { ReportText.sanitized(text, limit: 253) }

  private static func quoted(_ words: String?) -> String {
    guard let words else { return "" }
    return " The reporter says: \"\(ReportText.sanitized(words, limit: 200))\"."
  }
}

extension String {
  /// The text without a comma at its end.
  fileprivate var trimmingComma: String { hasSuffix(",") ? String(dropLast()) : self }
}
