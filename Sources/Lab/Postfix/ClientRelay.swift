import Foundation
import Glibc
import MailAuth

/// Stands between two hosts on the loopback network and says for the sender which client it is.
///
/// Behind the greeting it speaks XCLIENT once; all other octets pass as they are.
final class ClientRelay: Sendable {
  let port: UInt16
  private let listener: TCPSocket

  init(
    at address: IPAddress, as client: Letter.Client, to target: IPAddress, port targetPort: UInt16
  ) throws(LabFailure) {
    let listener = try TCPSocket(listeningAt: address)
    self.listener = listener
    port = listener.port
    Thread.detachNewThread {
      while let connection = listener.accept() {
        Thread.detachNewThread {
          Self.serve(connection, as: client, to: target, port: targetPort)
        }
      }
    }
  }

  deinit { close() }

  /// Takes no further connections.
  func close() { listener.shutDown() }

  private static func serve(
    _ sender: TCPSocket, as client: Letter.Client, to target: IPAddress, port: UInt16
  ) {
    // What fails here shows at the sender, whose log says that the connection was lost.
    do throws(LabFailure) {
      let receiver = try TCPSocket(to: target, port: port)
      var dialog = SMTPDialog(receiver)
      _ = try dialog.readAnswer()
      let greeting = try dialog.pretend(client)
      try sender.send("\(greeting)\r\n".utf8)
      try pass(between: sender, and: receiver)
    } catch {}
  }

  private static func pass(
    between sender: TCPSocket, and receiver: TCPSocket
  ) throws(LabFailure) {
    let sockets = [sender, receiver]
    while true {
      var watched = sockets.map {
        pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0)
      }
      guard unsafe poll(&watched, 2, Int32(TCPSocket.limitSeconds * 1000)) > 0 else { return }
      for (index, item) in watched.enumerated() where item.revents != 0 {
        let octets = try sockets[index].receive()
        if octets.isEmpty { return }
        try sockets[1 - index].send(octets)
      }
    }
  }
}
