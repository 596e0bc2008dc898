import MailAuth
import Milter
import Reports

/// What is wrong with the text of a value: a phrase, or nil when nothing is.
enum ConfigurationChecks {
  /// A milter socket as libmilter writes it.
  static func socket(_ text: String) -> String? {
    do throws(MilterSocketAddressError) {
      // The directory matters for the length of the path only, which is seen to at the end.
      _ = try MilterSocketAddress(parsing: text, relativeTo: "/")
      return nil
    } catch {
      return "\(shown(text)) \(phrase(for: error.problem))"
    }
  }

  /// What is wrong with a socket, without what would be right.
  static func phrase(for problem: MilterSocketAddressError.Problem) -> String {
    switch problem {
    case .noScheme: "has no type in front of a colon"
    case .unknownScheme: "is of an unknown type"
    case .noPath: "has no path"
    case .pathTooLong(let octets): "has a path of \(octets) octets, more than the system takes"
    case .badPort: "has no port of 0 to 65535 after the type"
    case .noHost: "has no host after an at sign"
    case .badDescriptor: "has no descriptor number"
    }
  }

  /// File permissions in octal.
  static func octalMode(_ text: String) -> String? {
    let isOctal = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
    let isMode = isOctal && (text.utf8.count == 3 || (text.utf8.count == 4 && text.first == "0"))
    return isMode ? nil : "\(shown(text)) is not a file mode"
  }

  /// A name for Authentication-Results fields (RFC 8601 section 2.5) that needs no quotes.
  static func authservID(_ text: String) -> String? {
    guard (1...255).contains(text.utf8.count) else {
      return "\(shown(text)) is empty or too long"
    }
    let isAllowed = text.utf8.allSatisfy { octet in
      isLetterOrDigit(octet) || ".-_/:@".utf8.contains(octet)
    }
    return isAllowed ? nil : "\(shown(text)) holds other characters"
  }

  /// A block of addresses.
  static func network(_ text: String) -> String? {
    IPNetwork(text) == nil ? "\(shown(text)) is not a network" : nil
  }

  /// A host that forwards.
  static func trustedForwarder(_ text: String) -> String? {
    TrustedForwarder(text) == nil ? "\(shown(text)) is no network and no domain name" : nil
  }

  /// A header field for quarantined mail.
  static func quarantineField(_ text: String) -> String? {
    QuarantineField(text) == nil ? "\(shown(text)) is no such field" : nil
  }

  /// What a refused client is told.
  static func rejectText(_ text: String) -> String? {
    if !text.contains("DMARC") { return "\(shown(text)) lacks the word DMARC" }
    if !text.contains(RejectText.placeholder) {
      return "\(shown(text)) lacks \(RejectText.placeholder)"
    }
    return RejectText(text) == nil ? "\(shown(text)) is too long or not printable ASCII" : nil
  }

  /// A recursive resolver.
  static func dnsServer(_ text: String) -> String? {
    LiveResolverSettings.problem(inServer: text)
  }

  /// Text on one line that is not empty.
  static func line(_ text: String) -> String? {
    if text.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { return "is empty" }
    let isLine = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    return isLine ? nil : "has control characters in it"
  }

  /// A mail address without a display name.
  static func mailbox(_ text: String) -> String? {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    let isAddress =
      parts.count == 2 && !parts[0].isEmpty && DomainName(String(parts[1])) != nil
      && parts[0].utf8.allSatisfy { octet in
        isLetterOrDigit(octet) || "!#$%&'*+-/=?^_`{|}~.".utf8.contains(octet)
      }
    return isAddress ? nil : "\(shown(text)) is not a mail address"
  }

  /// A mail address, or nothing for the null reverse-path.
  static func mailboxOrEmpty(_ text: String) -> String? { text.isEmpty ? nil : mailbox(text) }

  /// A DKIM selector.
  static func selector(_ text: String) -> String? {
    DomainName(text) == nil ? "\(shown(text)) is not a selector" : nil
  }

  /// A host to connect to.
  static func host(_ text: String) -> String? {
    DomainName(text) == nil && IPAddress(text) == nil ? "\(shown(text)) is not a host" : nil
  }

  /// The form of reports for a destination's domain.
  static func destinationFormat(_ text: String) -> String? {
    let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else { return "\(shown(text)) is not DOMAIN=FORMAT" }
    if let problem = domain(parts[0]) { return problem }
    return ReportFormat(rawValue: parts[1]) == nil ? "\(shown(parts[1])) is not known" : nil
  }

  /// A header field that an ARC message signature can cover.
  static func sealedField(_ text: String) -> String? {
    let isName =
      !text.isEmpty
      && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !":;".utf8.contains($0) }
    guard isName else { return "\(shown(text)) is not the name of a field" }
    let changes = ["received", "received-spf", "return-path", "delivered-to", "x-original-to"]
    return changes.contains(text.asciiLowercased()) || !ARCSealer.maySign(text)
      ? "\(shown(text)) must not be covered, since hosts on the way add or change it" : nil
  }

  /// A domain name of two labels or more.
  static func domain(_ text: String) -> String? {
    (DomainName(text)?.labels.count ?? 0) >= 2 ? nil : "\(shown(text)) is not a domain name"
  }

  private static func shown(_ text: String) -> String {
    "\"" + Array(text.utf8).printable(limit: 100) + "\""
  }

  private static func isLetterOrDigit(_ octet: UInt8) -> Bool {
    (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
  }
}
