import Foundation
import MailAuth
import Synchronization

/// Where a host hands messages to a program: an LMTP server (RFC 2033) on the loopback network.
///
/// Mailboxes and list managers are connected to Postfix in the same way.
final class LabMailbox: Sendable {
  struct Delivery: Sendable {
    var mailFrom = ""
    var recipients: [String] = []
    var message: [UInt8] = []
  }

  let port: UInt16
  private let listener: TCPSocket
  private let deliveries: Mutex<[Delivery]>
  private let arrival = DispatchSemaphore(value: 0)

  init(at address: IPAddress) throws(LabFailure) {
    let listener = try TCPSocket(listeningAt: address)
    self.listener = listener
    port = listener.port
    deliveries = Mutex([])
    Thread.detachNewThread { [weak self] in
      while let connection = listener.accept() {
        guard let mailbox = self else { return }
        Thread.detachNewThread { mailbox.serve(connection) }
      }
    }
  }

  deinit { close() }

  /// Takes no further messages.
  func close() { listener.shutDown() }

  /// The next message; nil when none comes in time.
  func next(within seconds: Double) -> Delivery? {
    guard arrival.wait(timeout: .now() + seconds) == .success else { return nil }
    return deliveries.withLock { $0.isEmpty ? nil : $0.removeFirst() }
  }

  private func serve(_ connection: TCPSocket) {
    var dialog = SMTPDialog(connection)
    var delivery = Delivery()
    // A connection that fails is Postfix's to log; it keeps the message and the story says so.
    do throws(LabFailure) {
      try dialog.send("220 lab LMTP")
      while let line = try dialog.readLine() {
        switch line.prefix(4).uppercased() {
        case "LHLO": try dialog.send("250-lab\r\n250-SMTPUTF8\r\n250 8BITMIME")
        case "MAIL":
          delivery = Delivery(mailFrom: Self.path(line))
          try dialog.send("250 2.1.0 Ok")
        case "RCPT":
          delivery.recipients.append(Self.path(line))
          try dialog.send("250 2.1.5 Ok")
        case "DATA":
          try dialog.send("354 Go on")
          delivery.message = try dialog.readMessage()
          let done = delivery
          for _ in done.recipients { try dialog.send("250 2.0.0 Ok") }
          deliveries.withLock { $0.append(done) }
          arrival.signal()
        case "QUIT":
          try dialog.send("221 2.0.0 Bye")
          return
        case "RSET", "NOOP": try dialog.send("250 2.0.0 Ok")
        default: try dialog.send("500 5.5.1 What?")
        }
      }
    } catch {}
  }

  /// What stands between the angle brackets.
  private static func path(_ line: String) -> String {
    guard let open = line.firstIndex(of: "<"), let close = line.lastIndex(of: ">"), open < close
    else { return "" }
    return String(line[line.index(after: open)..<close])
  }
}
