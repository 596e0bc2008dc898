import Foundation
import Ledger
import TestSupport
import Testing

/// A receiving host in one hand: a real Postfix, the built `plumbline milter` behind it, a ledger.
final class MailHost {
  static let authservID = "mx.receiver.example"

  let postfix: PostfixInstance
  let directory: TemporaryDirectory
  private(set) var milter: Program
  private let policy: String
  private let ledgerSettings: String
  private let zonePath: String
  private let authservID: String
  private let milterSettings: String

  /// Starts both, with `settings` at the end of main.cf, `services` at the end of master.cf, `policy`
  /// at the end of plumbline.conf, `ledger` and `milter` in its tables of these names, and `zone` at
  /// the end of the demo's zone, or with the zone of `zoneFile`; they take mail when this returns.
  init(
    settings: [String] = [], services: [String] = [], policy: String = "", ledger: String = "",
    zone: String? = nil, zoneFile: String = DemoMessage.zonePath,
    authservID: String = MailHost.authservID, milter milterSettings: String = ""
  ) throws {
    self.policy = policy
    self.milterSettings = milterSettings
    self.authservID = authservID
    ledgerSettings = ledger
    directory = try TemporaryDirectory()
    zonePath =
      if let zone {
        try directory.write(
          String(contentsOfFile: DemoMessage.zonePath, encoding: .utf8) + "\n" + zone,
          to: "zone.yml")
      } else { zoneFile }
    postfix = try PostfixInstance(settings: settings, services: services)
    try directory.write(
      Self.configuration(
        socket: postfix.milterSocketPath, zone: zonePath,
        ledger: directory.path("ledger.sqlite"), ledgerSettings, authservID: authservID,
        milterSettings, policy: policy.replacing("@POSTFIX@", with: postfix.configurationDirectory)),
      to: "plumbline.conf")
    milter = try Self.startMilter(directory)
    let socket = postfix.milterSocketPath
    try waitUntil("the milter's socket \(socket)") {
      guard milter.isRunning else { throw FixtureError("the milter ended: \(milter.errors)") }
      return FileManager.default.fileExists(atPath: socket)
    }
    try postfix.start()
  }

  /// Another configuration, in effect after HUP.
  func configure(authservID: String = MailHost.authservID, policy: String? = nil) throws {
    try directory.write(
      Self.configuration(
        socket: postfix.milterSocketPath, zone: zonePath,
        ledger: directory.path("ledger.sqlite"), ledgerSettings, authservID: authservID,
        milterSettings, policy: policy ?? self.policy),
      to: "plumbline.conf")
  }

  /// Sends a demo message and returns the reply to it.
  func send(_ message: DemoMessage) throws -> SMTPClient.Reply {
    try postfix.client(from: message.client)
      .deliver(
        try message.bytes(), hello: message.helo, from: message.mailFrom, to: message.recipient)
  }

  /// Sends octets as `alice@example.com` from her own host and returns the message as delivered.
  func exchange(_ octets: [UInt8]) throws -> DeliveredMessage {
    let reply = try postfix.client(from: "127.0.0.10")
      .deliver(
        octets, hello: "mail.example.com", from: "alice@example.com",
        to: "reader@receiver.example")
    return try delivered(reply)
  }

  /// The message that a reply is about, once it lies in the mailbox.
  func delivered(_ reply: SMTPClient.Reply) throws -> DeliveredMessage {
    guard let queueID = reply.queueID else {
      throw FixtureError("not taken: \(reply)\n\(postfix.mailLog)\(milter.errors)")
    }
    return try postfix.delivered(queueID)
  }

  /// Runs `plumbline` with this host's configuration.
  func plumbline(_ arguments: [String]) throws -> Program.Result {
    try Program.run(
      Program.plumblinePath, arguments + ["--config", directory.path("plumbline.conf")])
  }

  /// Every record of the ledger, in the order of time.
  func ledger() throws -> [MessageRecord] {
    var settings = SQLiteStore.Settings()
    settings.isReadOnly = true
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"), settings: settings)
    return try store.read { snapshot in
      var records: [MessageRecord] = []
      try snapshot.messages(in: 0..<Int64.max) { records.append($0.record) }
      return records
    }
  }

  /// The most memory that the milter held at any time so far, in bytes.
  func milterPeakBytes() throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(milter.processID)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    let words = line.split { $0 == " " || $0 == "\t" }
    return try #require(words.count == 3 ? Int(words[1]) : nil) * 1024
  }

  private static func startMilter(_ directory: TemporaryDirectory) throws -> Program {
    try Program(
      Program.plumblinePath, ["milter", "--config", directory.path("plumbline.conf")])
  }

  private static func configuration(
    socket: String, zone: String, ledger: String, _ ledgerSettings: String, authservID: String,
    _ milterSettings: String, policy: String
  ) -> String {
    """
    [milter]
    socket = "unix:\(socket)"
    authserv_id = "\(authservID)"
    skip_loopback = false
    \(milterSettings)

    [dns]
    zone_file = "\(zone)"

    [ledger]
    database = "\(ledger)"
    \(ledgerSettings)

    [report]
    organization = "Receiver Example"
    email = "dmarc-reports@receiver.example"
    receiver = "\(Self.authservID)"

    \(policy)

    """
  }
}
