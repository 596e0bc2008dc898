internal import Foundation

/// A real Postfix of a test's own: its directories, a free port of 127.0.0.1, one mailbox.
///
/// It takes mail for anybody at `receiver.example`, hands it to the milter at ``milterSocketPath``
/// and sends nothing anywhere. Its configuration is that of `conf/demo/postfix`, which the demo uses
/// too. It needs root, because Postfix does; it never reads /etc/postfix/main.cf.
public final class PostfixInstance {
  /// Whether Postfix is installed and this process may start it.
  public static let isAvailable =
    geteuid() == 0 && FileManager.default.isExecutableFile(atPath: postfixPath)

  private static let postfixPath = "/usr/sbin/postfix"

  /// The port of 127.0.0.1 at which it takes mail.
  public let port: UInt16
  /// Where it expects the milter's Unix socket: in a folder that Postfix's group may enter.
  ///
  /// The folder hands its group on to the socket, which has to be writable for it (mode 0660).
  public let milterSocketPath: String

  private let directory: TemporaryDirectory
  private var isRunning = false

  /// Prepares the directories; ``start()`` does the rest.
  ///
  /// - Parameters:
  ///   - settings: Lines for the end of main.cf, where they override those above.
  ///   - services: Lines for the end of master.cf.
  /// - Throws: ``FixtureError``, or what the file system says.
  public init(settings: [String] = [], services: [String] = []) throws {
    directory = try TemporaryDirectory()
    port = try SMTPClient.freePort()
    for name in ["etc", "queue", "data", "mail"] { try directory.makeDirectory(name) }
    milterSocketPath =
      try directory.makeDirectory("milter", permissions: 0o2770) + "/plumbline.sock"
    let nobody = try Self.account("nobody")
    try directory.own("data", by: Self.account("postfix"))
    try directory.own("mail", by: nobody)
    try directory.own("milter", by: Account(user: 0, group: Self.account("postfix").group))
    let template = PackageRoot.url.appending(path: "conf/demo/postfix")
    let main = try String(contentsOf: template.appending(path: "main.cf"), encoding: .utf8)
      .replacing("@DIRECTORY@", with: directory.url.path(percentEncoded: false).trimmingSlash)
      .replacing("@MAIL_UID@", with: "\(nobody.user)")
      .replacing("@MAIL_GID@", with: "\(nobody.group)")
    try directory.write(main + settings.map { $0 + "\n" }.joined(), to: "etc/main.cf")
    let master = try String(contentsOf: template.appending(path: "master.cf"), encoding: .utf8)
      .replacing("@PORT@", with: "\(port)")
    try directory.write(master + services.map { $0 + "\n" }.joined(), to: "etc/master.cf")
  }

  deinit { stop() }

  /// Starts it; it takes mail when this returns.
  ///
  /// - Throws: ``FixtureError`` with what Postfix said when it does not start.
  public func start() throws {
    try startOnce()
    if isLogging() { return }
    // On a busy machine its postlogd may never begin to read. Every process of this Postfix would
    // wait for it with its first line, before it answers anybody.
    stop()
    try startOnce()
    guard isLogging() else { throw FixtureError("postfix does not log:\n\(mailLog)") }
  }

  /// Whether the master's first line arrives in the log.
  private func isLogging() -> Bool {
    let started = "daemon started"
    return (try? waitUntil("a log", within: .seconds(20)) { mailLog.contains(started) }) != nil
  }

  private func startOnce() throws {
    let result = try Program.run(Self.postfixPath, ["-c", directory.path("etc"), "start"])
    guard result.status == 0 else {
      throw FixtureError("postfix start: \(result.errors)\(mailLog)")
    }
    isRunning = true
  }

  /// Stops it; without effect when it does not run.
  public func stop() {
    guard isRunning else { return }
    isRunning = false
    // A Postfix that does not stop shows up as a process left over; a test cannot cure it.
    _ = try? Program.run(Self.postfixPath, ["-c", directory.path("etc"), "stop"])
  }

  /// A client that connects from `address`; its errors have the mail log with them.
  ///
  /// - Throws: ``FixtureError`` when the connection or the greeting fails.
  public func client(from address: String) throws -> SMTPClient {
    try SMTPClient(port: port, source: address, serverLog: { [unowned self] in mailLog })
  }

  /// The configuration directory: what `sendmail -C` takes.
  public var configurationDirectory: String { directory.path("etc") }

  /// The mail log so far.
  public var mailLog: String {
    // No log yet is an empty log.
    (try? String(contentsOfFile: directory.path("mail.log"), encoding: .utf8)) ?? ""
  }

  /// The messages in the mailbox, with LF line ends, in no particular order.
  public func mailbox() throws -> [DeliveredMessage] {
    try mailboxFiles().map { DeliveredMessage($0) }
  }

  /// The same as octets.
  public func mailboxFiles() throws -> [[UInt8]] {
    let inbox = directory.url.appending(path: "mail/inbox/new")
    guard FileManager.default.fileExists(atPath: inbox.path) else { return [] }
    return try FileManager.default.contentsOfDirectory(at: inbox, includingPropertiesForKeys: nil)
      .map { [UInt8](try Data(contentsOf: $0)) }
  }

  /// The queue IDs of the messages on hold, in no particular order.
  public func heldQueueIDs() throws -> [String] {
    let folder = directory.path("queue/hold")
    return FileManager.default.fileExists(atPath: folder)
      ? try FileManager.default.contentsOfDirectory(atPath: folder) : []
  }

  /// A message in the queue, on hold or not.
  ///
  /// - Throws: ``FixtureError`` when Postfix does not show it.
  public func queued(_ queueID: String) throws -> DeliveredMessage {
    let result = try Program.run(
      "/usr/sbin/postcat", ["-c", directory.path("etc"), "-hbq", queueID])
    guard result.status == 0 else { throw FixtureError("postcat: \(result.errors)") }
    return DeliveredMessage(Array(result.output.utf8))
  }

  /// Waits until the message with this queue ID lies in the mailbox.
  ///
  /// - Throws: ``FixtureError`` with the mail log when it does not come in time.
  public func delivered(_ queueID: String, within limit: Duration = .seconds(120)) throws
    -> DeliveredMessage
  {
    var found: DeliveredMessage?
    do {
      try waitUntil("message \(queueID) in the mailbox", within: limit) {
        found = try mailbox().first { $0.queueID == queueID }
        return found != nil
      }
    } catch {
      throw FixtureError("\(error)\n\(mailLog)")
    }
    guard let found else { throw FixtureError("message \(queueID) is gone") }
    return found
  }

  struct Account {
    var user: UInt32
    var group: UInt32
  }

  private static func account(_ name: String) throws -> Account {
    let passwd = try String(contentsOfFile: "/etc/passwd", encoding: .utf8)
    for line in passwd.split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count > 3, fields[0] == name, let user = UInt32(fields[2]),
        let group = UInt32(fields[3])
      else { continue }
      return Account(user: user, group: group)
    }
    throw FixtureError("no user \(name) in /etc/passwd")
  }
}

extension TemporaryDirectory {
  func own(_ name: String, by account: PostfixInstance.Account) throws {
    try FileManager.default.setAttributes(
      [.ownerAccountID: account.user, .groupOwnerAccountID: account.group],
      ofItemAtPath: path(name))
  }
}

extension String {
  fileprivate var trimmingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
