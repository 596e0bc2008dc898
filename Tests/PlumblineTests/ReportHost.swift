import Foundation
import Ledger
import MailAuth
import Reports
import TestSupport

/// A ledger with yesterday's messages, a zone, a configuration, and a program in place of sendmail
/// that keeps what it is given, one file for each mail.
final class ReportHost {
  let directory: TemporaryDirectory
  let store: SQLiteStore
  let domains: [String]

  static var yesterday: UTCDay {
    UTCDay(containing: Int64(Date().timeIntervalSince1970) - 86_400)
  }

  /// Puts one aligned message of each domain into the ledger; each asks for reports at itself, or
  /// at `rua`; `zone` is added to the DNS.
  init(
    domains: [String], settings: String = "", rua: [String]? = nil, zone: String = ""
  ) throws {
    self.domains = domains
    directory = try TemporaryDirectory()
    store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    try directory.makeDirectory("mails")
    try directory.write(
      domains.map { "_dmarc.\($0): [{TXT: v=DMARC1; p=none}]\n" }.joined() + zone,
      to: "zone.yml")
    try configure(settings)
    // The move is the moment in which the mail is accepted.
    try answer("cat >$here/mails/.$$ && mv $here/mails/.$$ $here/mails/$recipient.$$")
    for (number, name) in domains.enumerated() {
      let record = DMARCPolicyRecord.test(.reject) {
        $0.aggregateReportURIs = rua ?? ["mailto:dmarc@\(name)"]
      }
      try store.append(
        .test(
          queueID: "\(number)", at: Self.yesterday.begin + 3_600, authorDomain: name,
          dmarc: .test(.pass, policyDomain: name, record: record, spfAligned: true)))
    }
  }

  /// Writes the configuration, with `settings` among the keys of the table report.
  func configure(_ settings: String) throws {
    try directory.write(
      """
      [milter]
      authserv_id = "mx.receiver.example"
      [dns]
      zone_file = "zone.yml"
      [ledger]
      database = "ledger.sqlite"
      [report]
      directory = "reports"
      settle_minutes = 0
      sendmail = "sendmail"
      \(settings)

      """, to: "plumbline.conf")
  }

  /// What the program in place of sendmail does; `$here` is the directory.
  func answer(_ script: String) throws {
    let path = try directory.write(
      "#!/bin/sh\nhere=\(directory.path(""))\nfor recipient; do :; done\n\(script)\n",
      to: "sendmail.new")
    guard unsafe chmod(path, 0o755) == 0, unsafe rename(path, directory.path("sendmail")) == 0
    else {
      throw FixtureError("no sendmail: errno \(errno)")
    }
  }

  /// Starts `plumbline report`.
  func start(_ arguments: [String], input: Data = Data()) throws -> Program {
    try Program(
      Program.plumblinePath,
      ["report"] + arguments + ["--config", directory.path("plumbline.conf")], input: input)
  }

  /// Runs `plumbline report` to its end.
  @discardableResult
  func run(_ arguments: String..., input: Data = Data()) throws -> Program.Result {
    try start(arguments, input: input).result()
  }

  /// The recipients of the mails that were accepted, sorted.
  func recipients() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory.path("mails"))
      .filter { !$0.hasPrefix(".") }
      .map { $0.split(separator: ".").dropLast().joined(separator: ".") }.sorted()
  }

  /// The mails that were accepted.
  func mails() throws -> [DeliveredMessage] {
    try FileManager.default.contentsOfDirectory(atPath: directory.path("mails"))
      .filter { !$0.hasPrefix(".") }.sorted()
      .map { name in
        DeliveredMessage(
          [UInt8](try Data(contentsOf: directory.url.appending(path: "mails/\(name)"))))
      }
  }

  /// All deliveries.
  func deliveries() throws -> [StoredDelivery] {
    try store.deliveries(in: Set(DeliveryState.allCases), dueAt: nil, ReportFilter())
  }

  /// What the ledger says of reports, to be compared with itself later.
  func record() throws -> [String] {
    let deliveries = try deliveries()
    return try store.reportWindows().map { "\($0)" } + store.reports(ReportFilter()).map { "\($0)" }
      + deliveries.map { "\($0)" } + store.suppressions().map { "\($0)" }
      + deliveries.flatMap { try store.events(ofDelivery: $0.id).map { "\($0)" } }
  }
}
