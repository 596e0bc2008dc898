public import MailAuth

/// Hands mails to a mail server by SMTP submission (RFC 6409), through libcurl.
///
/// One connection for each mail. SMTP itself has a moment in which the server has accepted a mail
/// and the client does not know yet; a process that ends there cannot find out later. So
/// ``earlierAnswer(token:)`` says "unknown": who then sends again sends the same Message-ID and
/// report ID, by which the consumer recognizes it.
public struct SMTPTransport: ReportTransport {
  /// How the connection is protected.
  public enum Security: String, Sendable, CaseIterable {
    /// Not at all.
    case none
    /// STARTTLS if the server offers it, whatever its certificate.
    case opportunistic
    /// STARTTLS with a valid certificate, or nothing is sent.
    case required
    /// TLS from the first octet (RFC 8314), with a valid certificate.
    case implicit
  }

  /// Where and how to submit.
  public struct Settings: Sendable, Equatable {
    /// The server's name or address.
    public var host: String
    /// Its port, such as 587, or 465 with implicit TLS.
    public var port: UInt16
    /// How the connection is protected.
    public var security = Security.required
    /// A PEM file of certificate authorities; nil for those of the system.
    public var authorityFile: String?
    /// The user name for AUTH; nil submits without.
    public var user: String?
    /// A file whose first line is the password.
    public var passwordFile: String?
    /// The name in EHLO.
    public var clientName: DomainName
    /// The longest wait for a connection, in seconds.
    public var connectSeconds = 30
    /// The longest time for a mail, in seconds.
    public var totalSeconds = 300

    /// Makes settings.
    public init(host: String, port: UInt16, clientName: DomainName) {
      self.host = host
      self.port = port
      self.clientName = clientName
    }
  }

  private let settings: Settings
  private let password: String?

  /// Makes a transport; the password is read now.
  ///
  /// - Throws: ``ReportTransportError`` when the settings contradict each other or the password
  ///   cannot be read.
  public init(_ settings: Settings) throws(ReportTransportError) {
    let isHostPlain = settings.host.utf8.allSatisfy { octet in
      (0x30...0x3A).contains(octet) || (0x41...0x5A).contains(octet)
        || (0x61...0x7A).contains(octet) || ".-_".utf8.contains(octet)
    }
    guard isHostPlain, !settings.host.isEmpty else {
      throw ReportTransportError(
        "\(settings.host.utf8.printable(limit: 80)) is not the name or address of a server")
    }
    if settings.user != nil {
      guard settings.security == .required || settings.security == .implicit else {
        throw ReportTransportError(
          "a password is sent over verified TLS only: the connection must be required or implicit"
            + " TLS, it is \(settings.security.rawValue)")
      }
      guard let path = settings.passwordFile else {
        throw ReportTransportError("there is a user name for the mail server and no password file")
      }
      password = try PasswordFile.read(path)
    } else {
      password = nil
    }
    self.settings = settings
  }

  /// Hands a mail over; see ``ReportTransport/handOver(_:)``.
  public func handOver(_ mail: OutgoingMail) throws(ReportTransportError) -> TransportAnswer {
    try LibCurl.submit(mail, settings, password: password)
  }

  /// Always unknown: a process that ended in the middle of a submission leaves nothing behind.
  public func earlierAnswer(token: String) -> TransportAnswer? {
    TransportAnswer(
      .unknown,
      "an earlier run ended while it talked to \(settings.host); whether the mail was accepted is"
        + " not known")
  }

  /// Does nothing: nothing is kept.
  public func finish(token: String) {}
}

/// What was said in an SMTP session, as far as it decides about the mail.
struct SMTPDialog {
  /// The verb of the last command, upper case, never an argument; empty before the first.
  private(set) var verb = ""
  /// Whether the mail was spoken of; until then the next mail would fare no better.
  private(set) var hasReachedMail = false
  /// The code of the last reply that refuses something, and what it replied to.
  private(set) var refusal: Reply?
  /// The reply to the mail itself.
  private(set) var acceptance: String?
  /// Whether the whole mail was sent.
  var isWholeMailSent = false
  private var lines: [String] = []

  /// A reply, and the verb of the command in front of it.
  struct Reply {
    var verb: String
    var code: Int
    var text: String
  }

  /// Takes a command line.
  mutating func sent(_ line: [UInt8]) {
    let word = line.prefix { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
    guard (4...8).contains(word.count) else { return }
    verb = String(decoding: word.map { $0 & ~0x20 }, as: UTF8.self)
    if verb == "MAIL" { hasReachedMail = true }
  }

  /// Takes a line of a reply.
  mutating func received(_ line: [UInt8]) {
    let text = String(decoding: line.filter { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self)
    let octets = Array(text.utf8)
    guard octets.count >= 3, let code = Int(String(decoding: octets.prefix(3), as: UTF8.self))
    else { return }
    let rest = String(decoding: octets.dropFirst(4), as: UTF8.self)
    lines.append(rest)
    guard octets.count < 4 || octets[3] != UInt8(ascii: "-") else { return }
    let whole = "\(code) " + lines.joined(separator: " / ")
    lines = []
    if code >= 400 { refusal = Reply(verb: verb, code: code, text: whole) }
    if verb == "DATA", code == 250 { acceptance = whole }
  }

  /// What a finished or broken session means.
  ///
  /// A 5yz reply is final where it concerns the mail. One to the greeting, STARTTLS or AUTH concerns
  /// our access, which can be repaired, as do the codes of RFC 4954 and RFC 3207.
  func answer(isDone: Bool, problem: String) -> TransportAnswer {
    if isDone { return TransportAnswer(.accepted, acceptance ?? "accepted") }
    if let refusal {
      let concernsMail = ["MAIL", "RCPT", "DATA"].contains(refusal.verb)
      let concernsAccess = [530, 534, 535, 538].contains(refusal.code)
      let isFinal = refusal.code >= 500 && concernsMail && !concernsAccess
      return TransportAnswer(isFinal ? .permanentFailure : .temporaryFailure, refusal.text)
    }
    if isWholeMailSent {
      return TransportAnswer(
        .temporaryFailure, "\(problem); the server had the whole mail and may have accepted it")
    }
    return TransportAnswer(.temporaryFailure, problem)
  }
}
