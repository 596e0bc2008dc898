import Foundation
import Ledger
import MailAuth

/// Our own milter behind a host: the program itself, with a configuration, a zone file and a ledger.
final class LabMilter {
  /// Where Postfix reaches it.
  let socketPath: String
  private let path: String
  private let process: LabProcess
  private var seen = 0

  /// Starts `plumbline milter`; it takes connections soon.
  ///
  /// - Parameters:
  ///   - program: The path of `plumbline`.
  ///   - name: The directory of its own, in `directory`.
  ///   - directory: The run's directory.
  ///   - zone: The DNS, as YAML.
  ///   - clock: Where its clock stands.
  ///   - configuration: Makes a configuration file of more entries: socket, zone and ledger.
  /// - Throws: ``LabFailure`` when it cannot be started.
  init(
    program: String, name: String, in directory: LabDirectory, zone: String, clock: Int64,
    configuration: ([ConfigurationEntry]) -> String
  ) throws(LabFailure) {
    guard let postfix = MailAccount.named("postfix") else {
      throw LabFailure("there is no user postfix; run scripts/setup")
    }
    path = try directory.makeDirectory(name, mode: 0o755)
    // The folder hands its group on to the socket.
    let folder = try directory.makeDirectory(
      "\(name)/socket", mode: 0o2750, group: postfix.group)
    socketPath = "\(folder)/plumbline.sock"
    let zonePath = try directory.write(zone.isEmpty ? "{}\n" : zone, to: "\(name)/zone.yml")
    let entries: [(String, String)] = [
      ("milter.socket", "unix:\(socketPath)"), ("milter.skip_loopback", "false"),
      ("dns.zone_file", zonePath), ("ledger.database", "\(path)/ledger.sqlite"),
    ]
    let file = try directory.write(
      configuration(entries.map { ConfigurationEntry(key: $0, value: .text($1)) }),
      to: "\(name)/plumbline.conf")
    process = try LabProcess(
      program, ["milter", "--config", file, "--clock=\(clock)"],
      errorPath: "\(path)/milter.log")
  }

  /// Waits until it listens.
  func waitUntilReady() throws(LabFailure) {
    try LabProcess.wait(for: "the milter\n\(process.errors)") { () throws(LabFailure) in
      guard process.isRunning else { throw LabFailure("the milter ended: \(process.errors)") }
      return process.errors.contains("listening on ")
    }
  }

  /// How many fields it took off, by its log.
  var removedCount: Int {
    guard let range = log.firstRange(of: " removed=") else { return 0 }
    return Int(log[range.upperBound...].prefix { $0.isNumber }) ?? 0
  }

  /// Its log so far.
  var log: String { process.errors }

  /// The record of the message that came last.
  func record() throws -> MessageRecord {
    var settings = SQLiteStore.Settings()
    settings.isReadOnly = true
    let store = try SQLiteStore(path: "\(path)/ledger.sqlite", settings: settings)
    defer { store.close() }
    let records = try store.read { snapshot in
      var records: [MessageRecord] = []
      try snapshot.messages(in: 0..<Int64.max) { records.append($0.record) }
      return records
    }
    guard let record = records.last, records.count == 1 else {
      throw LabFailure("\(records.count) messages in the ledger in place of one\n\(log)")
    }
    return record
  }

  /// Asks it to end; ``stop()`` waits for that.
  func terminate() { process.terminate() }

  /// Ends it.
  func stop() { process.end() }
}
