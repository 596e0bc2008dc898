import Foundation
import Ledger
import MailAuth
import TestSupport

/// A `plumbline milter` on a Unix socket of its own, with a zone file and a ledger.
final class RunningMilter {
  static let authservID = "mx.receiver.example"

  let directory: TemporaryDirectory
  let program: Program

  /// Starts the milter; it can be connected to when this returns.
  init(zone: String, settings: String = "", ledger: String = "") throws {
    directory = try TemporaryDirectory()
    try directory.write(zone, to: "zone.yml")
    try directory.write(
      """
      [milter]
      socket = "unix:\(directory.path("milter.sock"))"
      authserv_id = "\(Self.authservID)"
      \(settings)
      [dns]
      zone_file = "\(directory.path("zone.yml"))"
      [ledger]
      database = "\(directory.path("ledger.sqlite"))"
      \(ledger)
      """, to: "plumbline.conf")
    program = try Program(
      Program.plumblinePath, ["milter", "--config", directory.path("plumbline.conf")])
    let program = program
    try waitUntil("the milter's socket") {
      guard program.isRunning else { throw FixtureError("the milter ended: \(program.errors)") }
      // The file is there a moment before anybody listens.
      return program.errors.contains("listening on ")
    }
  }

  /// A connection that has greeted; the SMTP client is 192.0.2.1.
  func connect(address: String = "192.0.2.1") throws -> MilterClient {
    let client = try MilterClient(.unix(directory.path("milter.sock")), timeoutSeconds: 60)
    try client.negotiate()
    try client.connect(
      MilterClientHost(name: "mail.example.com", address: address), hostName: "mx.test")
    try client.command("H", MilterPacket.octets("mail.example.com"))
    return client
  }

  /// The records of the ledger in the order of time.
  func ledger() throws -> [MessageRecord] {
    var settings = SQLiteStore.Settings()
    settings.isReadOnly = true
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"), settings: settings)
    var records: [MessageRecord] = []
    try store.read { ledger in
      try ledger.messages(in: 0..<Int64.max) { records.append($0.record) }
    }
    return records
  }

  /// The most memory that was resident so far, in bytes.
  func peakResidentBytes() throws -> Int {
    let status = try String(
      contentsOfFile: "/proc/\(program.processID)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    let kilobytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap {
      Int($0)
    }
    guard let kilobytes else { throw FixtureError("no VmHWM in:\n\(status)") }
    return kilobytes * 1024
  }
}
