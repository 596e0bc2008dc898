import Dispatch
import Foundation
import Glibc
import Logging
import MailAuth
import Synchronization
import TestSupport

@testable import Milter

/// The one milter of the test process: libmilter cannot be started twice.
///
/// Tests tell their messages apart by the reverse-path, so that they can run at the same time.
enum SharedMilter {
  /// What a message's transaction shall do, and what it saw.
  final class Script: Sendable {
    struct Seen: Sendable {
      var start: MilterEnvelopeStart?
      var recipients: [[UInt8]] = []
      var header: [HeaderField] = []
      var headerEnds = 0
      var body: [UInt8] = []
      var queueID: String?
      var aborts = 0
    }

    let sender: String
    let verdict: MilterVerdict
    let isSkipped: Bool
    /// The body is long and need not be kept.
    let dropsBody: Bool
    /// What the end of the message waits for; nil when it does not wait.
    let gate: DispatchSemaphore?
    let seen = Mutex(Seen())
    /// Signalled when a transaction of this message is gone from memory.
    let released = DispatchSemaphore(value: 0)

    init(
      sender: String, verdict: MilterVerdict, isSkipped: Bool, dropsBody: Bool,
      gate: DispatchSemaphore?
    ) {
      self.gate = gate
      self.sender = sender
      self.verdict = verdict
      self.isSkipped = isSkipped
      self.dropsBody = dropsBody
    }

    func isReleased(withinSeconds seconds: Int = 20) -> Bool {
      released.wait(timeout: .now() + .seconds(seconds)) == .success
    }
  }

  private final class ScriptedTransaction: MilterTransaction {
    private let script: Script

    init(_ script: Script) { self.script = script }
    deinit { script.released.signal() }

    func recipient(_ address: [UInt8]) { script.seen.withLock { $0.recipients.append(address) } }
    func header(_ field: HeaderField) { script.seen.withLock { $0.header.append(field) } }
    func endOfHeaders() { script.seen.withLock { $0.headerEnds += 1 } }
    func abort() { script.seen.withLock { $0.aborts += 1 } }

    func body(_ chunk: UnsafeRawBufferPointer) {
      guard !script.dropsBody else { return }
      let octets = unsafe Array(chunk)
      script.seen.withLock { $0.body += octets }
    }

    func endOfMessage(queueID: String) -> MilterVerdict {
      script.seen.withLock { $0.queueID = queueID }
      script.gate?.wait()
      return script.verdict
    }
  }

  private static let scripts = Mutex<[[UInt8]: Script]>([:])
  private static let count = Atomic(0)

  /// Makes the script for one test's messages, with a reverse-path of its own.
  static func script(
    edits: [HeaderEdit] = [], reply: MilterReply = .accept, isSkipped: Bool = false,
    dropsBody: Bool = false, gate: DispatchSemaphore? = nil
  ) -> Script {
    let number = count.add(1, ordering: .relaxed).newValue
    let script = Script(
      sender: "test\(number)@example.com", verdict: MilterVerdict(edits: edits, reply: reply),
      isSkipped: isSkipped, dropsBody: dropsBody, gate: gate)
    scripts.withLock { $0[Array(script.sender.utf8)] = script }
    return script
  }

  /// Whether connections that begin now may hold messages.
  static let mayHold = Atomic(false)

  private static let directory = Mutex<TemporaryDirectory?>(nil)

  /// Where the milter listens; the first use starts it.
  static let endpoint: Result<MilterClient.Endpoint, any Error> = Result {
    let directory = try TemporaryDirectory()
    Self.directory.withLock { $0 = directory }
    // The milter serves until the process ends.
    atexit { SharedMilter.directory.withLock { $0?.remove() } }
    let server = MilterServer(
      settings: MilterServerSettings(
        socket: .unix(path: directory.path + "/milter"), busyRate: .max),
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
      mayHold: { mayHold.load(ordering: .relaxed) }
    ) { start in
      guard let script = scripts.withLock({ $0[start.mailFrom] }), !script.isSkipped else {
        return nil
      }
      script.seen.withLock { $0.start = start }
      return ScriptedTransaction(script)
    }
    try server.openSocket()
    // An error shows itself in every test.
    Thread.detachNewThread { try? server.run() }
    return .unix(directory.path + "/milter")
  }

  /// A connection that has said who the client is.
  static func connect(
    client: MilterClientHost = MilterClientHost(name: "mail.example.net", address: "192.0.2.1"),
    offer: MilterClient.Offer = .postfix
  ) throws -> MilterClient {
    let connection = try MilterClient(endpoint.get())
    try connection.negotiate(offer)
    try connection.connect(client, hostName: "mx.example.org")
    try connection.command("H", MilterPacket.octets("helo.example.net"))
    return connection
  }
}

/// A directory of one test's own.
struct TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/milter-XXXXXX".utf8CString)
    guard let made = unsafe mkdtemp(&template) else { throw POSIXError(.EIO) }
    path = unsafe String(cString: made)
  }

  /// Removes it with everything in it; what cannot be removed stays in /tmp.
  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
