import Foundation
import Glibc
import MailAuth

/// A real Postfix of one host in a story: its own directories, its own address.
///
/// It is started as a child of this process, without `postfix start`, whose checks take longer than
/// a whole story; what those check is made anew here for each run.
final class PostfixHost {
  /// What it does with mail.
  enum Work {
    /// Hands it to a program by LMTP; what the program gives back goes to ``Settings/next``.
    case program(mailboxPort: UInt16)
    /// Passes it on, with these tables.
    case pass(Tables)
  }

  /// Real aliases and rewriting; each table maps one address to others.
  struct Tables {
    /// `virtual_alias_maps`: new recipients.
    var virtual: [String: [String]] = [:]
    /// `alias_maps` of the local delivery agent, which leaves a Delivered-To field; whole addresses.
    var local: [String: [String]] = [:]
    /// `sender_canonical_maps`: new reverse-paths.
    var senders: [String: String] = [:]
  }

  /// What is different from host to host.
  struct Settings {
    /// Its name.
    var name: String
    /// Where it listens, and what it sends from.
    var address: IPAddress
    var port: UInt16
    /// Where programs give it mail back.
    var innerPort: UInt16
    /// What it says in EHLO.
    var helo: String
    var work: Work
    /// Where mail for these recipients goes.
    var next: (recipients: [String], address: IPAddress, port: UInt16)?
    /// The socket of the milter; nil without one.
    var milter: String?
    /// Whether the milter also sees what programs give back.
    var innerMilter = false
    /// Whether clients say who they are by XCLIENT; otherwise they connect from their addresses.
    var usesXCLIENT: Bool
  }

  static let masterPath = "/usr/lib/postfix/sbin/master"

  let settings: Settings
  /// The directory of the host, absolute.
  let path: String
  private var master: LabProcess?

  /// Writes the configuration of a host into a directory of its own.
  init(_ settings: Settings, name: String, in directory: LabDirectory) throws(LabFailure) {
    self.settings = settings
    path = "\(directory.path)/\(name)"
    guard let postfix = MailAccount.named("postfix"),
      let drop = MailAccount.group(named: "postdrop")
    else { throw LabFailure("there is no user postfix; run scripts/setup") }
    for folder in ["", "/etc"] {
      _ = try directory.makeDirectory(name + folder, mode: 0o755)
    }
    _ = try directory.makeDirectory("\(name)/data", mode: 0o700, owner: postfix)
    _ = try directory.makeDirectory("\(name)/queue", mode: 0o755)
    _ = try directory.makeDirectory("\(name)/queue/pid", mode: 0o755)
    for folder in [
      "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
      "saved", "trace",
    ] {
      _ = try directory.makeDirectory("\(name)/queue/\(folder)", mode: 0o700, owner: postfix)
    }
    for (folder, mode) in [("maildrop", 0o730), ("public", 0o710)] {
      _ = try directory.makeDirectory(
        "\(name)/queue/\(folder)", mode: mode, owner: postfix, group: drop)
    }
    try directory.write(mainConfiguration, to: "\(name)/etc/main.cf")
    try directory.write(masterConfiguration, to: "\(name)/etc/master.cf")
    guard case .pass(let tables) = settings.work else { return }
    func table(_ map: [String: [String]]) -> String {
      map.sorted { $0.key < $1.key }
        .map { "\($0.key) \($0.value.joined(separator: ", "))\n" }.joined()
    }
    try directory.write(table(tables.virtual), to: "\(name)/etc/virtual")
    try directory.write(table(tables.senders.mapValues { [$0] }), to: "\(name)/etc/senders")
    let aliases = tables.local.sorted { $0.key < $1.key }.map { address, to in
      "\(address.prefix { $0 != "@" }) \(to.joined(separator: ", "))\n"
    }
    try directory.write(aliases.joined(), to: "\(name)/etc/aliases")
  }

  deinit { stop() }

  /// Starts it; mail is taken soon.
  func start() throws(LabFailure) {
    master = try LabProcess(
      Self.masterPath, ["-d"], environment: ["MAIL_CONFIG": "\(path)/etc"],
      errorPath: "\(path)/master.log")
  }

  /// Waits until it listens.
  func waitUntilReady() throws(LabFailure) {
    try LabProcess.wait(for: "Postfix of \(settings.name)\n\(log)") { () throws(LabFailure) in
      guard master?.isRunning == true else {
        throw LabFailure("Postfix of \(settings.name) ended: \(master?.errors ?? "")\(log)")
      }
      return log.contains("daemon started")
    }
  }

  /// Asks it to end; ``stop()`` waits for that.
  func terminate() { master?.terminate() }

  /// Ends it.
  func stop() {
    master?.end()
    master = nil
  }

  /// The mail log so far.
  var log: String {
    // No log yet is an empty log.
    (try? String(contentsOfFile: "\(path)/mail.log", encoding: .utf8)) ?? ""
  }

  /// Puts messages that are on hold back to work; gives how many there were.
  func releaseHeld() throws(LabFailure) -> Int {
    // An unreadable folder counts as an empty one; the story misses the message then.
    let held = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/queue/hold")) ?? []
    guard !held.isEmpty else { return 0 }
    let release = try LabProcess(
      "/usr/sbin/postsuper", ["-c", "\(path)/etc", "-H", "ALL"], errorPath: "\(path)/postsuper.log")
    try LabProcess.wait(for: "postsuper") { () throws(LabFailure) in !release.isRunning }
    let wake = try LabProcess(
      "/usr/sbin/postqueue", ["-c", "\(path)/etc", "-f"], errorPath: "\(path)/postqueue.log")
    try LabProcess.wait(for: "postqueue") { () throws(LabFailure) in !wake.isRunning }
    return held.count
  }

  /// What became of a message that it sent on.
  enum Outcome {
    case taken
    case refused(code: Int, text: String)
  }

  /// Waits until the next host has answered.
  func outcome() throws(LabFailure) -> Outcome {
    var found: Outcome?
    try LabProcess.wait(for: "Postfix of \(settings.name) to send the message\n\(log)") {
      () throws(LabFailure) in
      found = try Self.outcome(in: log)
      return found != nil
    }
    guard let found else { throw LabFailure("Postfix of \(settings.name) sent nothing") }
    return found
  }

  private static func outcome(in log: String) throws(LabFailure) -> Outcome? {
    for line in log.split(separator: "\n") where line.contains("postfix/smtp[") {
      guard let status = line.firstRange(of: "status=") else { continue }
      let text = line[status.upperBound...]
      if text.hasPrefix("sent") { return .taken }
      guard let said = text.firstRange(of: " said: ") else {
        throw LabFailure("the message was not sent: \(text)")
      }
      let reply = text[said.upperBound...]
      let end = reply.firstRange(of: " (in reply to ")?.lowerBound ?? reply.endIndex
      guard let code = Int(reply.prefix(3)) else {
        throw LabFailure("the message was not sent: \(text)")
      }
      return .refused(code: code, text: String(reply[..<end]))
    }
    return nil
  }
}

extension PostfixHost {
  /// An address as Postfix writes it where a port follows.
  private static func literal(_ address: IPAddress) -> String {
    address.isIPv4 ? "\(address)" : "[\(address)]"
  }

  private var mainConfiguration: String {
    let address = settings.address
    var lines = [
      "compatibility_level = 3.6",
      "queue_directory = \(path)/queue", "data_directory = \(path)/data",
      "maillog_file = \(path)/mail.log", "maillog_file_prefixes = \(path)",
      "myhostname = \(settings.name)", "smtp_helo_name = \(settings.helo)",
      // A host takes mail for everybody: where it goes is the story's business.
      "mynetworks = 0.0.0.0/0, [::]/0", "mydestination =", "relay_domains =",
      "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination",
      "default_transport = discard:the story ends here",
      "inet_interfaces = \(settings.usesXCLIENT ? "127.0.0.1" : "\(address), 127.0.0.1")",
      "inet_protocols = all",
      "smtp_bind_address\(address.isIPv4 ? "" : "6") = \(address)",
      "smtp_dns_support_level = disabled", "smtp_host_lookup = native",
      // A service that failed to start is started again after a second, not after a minute.
      "service_throttle_time = 1s",
      "smtpd_peername_lookup = \(settings.usesXCLIENT ? "no" : "yes")",
      "smtpd_authorized_xclient_hosts = \(settings.usesXCLIENT ? "127.0.0.0/8" : "")",
      "lmtp_bind_address =",
      // Mail passes as it is.
      "local_header_rewrite_clients =", "message_drop_headers =", "header_size_limit = 4096000",
      "smtp_line_length_limit = 0", "disable_mime_output_conversion = yes",
      "smtputf8_enable = yes", "hopcount_limit = 200",
      // Stories need not wait, and nobody is told of their failures.
      "smtpd_error_sleep_time = 0", "smtpd_client_event_limit_exceptions = static:all",
      "notify_classes =", "alias_maps =", "alias_database =", "recipient_delimiter =",
      "in_flow_delay = 0",
    ]
    if let milter = settings.milter {
      lines += ["smtpd_milters = unix:\(milter)", "milter_default_action = tempfail"]
    }
    if let next = settings.next {
      lines.append(
        "transport_maps = inline:{ "
          + Set(next.recipients).sorted().map {
            "{ \($0.lowercased()) = smtp:[\(next.address)]:\(next.port) }"
          }.joined(separator: ", ") + " }")
    }
    if case .pass(let tables) = settings.work {
      if !tables.virtual.isEmpty {
        lines.append("virtual_alias_maps = texthash:\(path)/etc/virtual")
      }
      if !tables.senders.isEmpty {
        lines.append("sender_canonical_maps = texthash:\(path)/etc/senders")
        lines.append("sender_canonical_classes = envelope_sender")
      }
      if !tables.local.isEmpty {
        let domains = Set(tables.local.keys.compactMap { Letter.domain(of: $0) }).sorted()
        lines.append("alias_maps = texthash:\(path)/etc/aliases")
        lines.append("mydestination = \(domains.joined(separator: ", "))")
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private var masterConfiguration: String {
    let outer = "\(Self.literal(settings.address)):\(settings.port)"
    var lines = ["\(outer) inet n - n - - smtpd"]
    if case .program(let port) = settings.work {
      lines.append("  -o content_filter=lmtp:inet:[127.0.0.1]:\(port)")
      lines.append("127.0.0.1:\(settings.innerPort) inet n - n - - smtpd")
      lines.append("  -o content_filter=")
      if !settings.innerMilter { lines.append("  -o smtpd_milters=") }
    }
    lines += [
      "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
      "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
      "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce",
      "proxymap unix - - n - - proxymap", "anvil unix - - n - 1 anvil",
      "smtp unix - - n - - smtp", "lmtp unix - - n - - lmtp", "local unix - n n - - local",
      "error unix - - n - - error", "retry unix - - n - - error",
      "discard unix - - n - - discard", "showq unix n - n - - showq",
      "postlog unix-dgram n - n - 1 postlogd",
    ]
    return lines.map { $0 + "\n" }.joined()
  }
}
