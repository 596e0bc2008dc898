import Foundation
import Ledger
import MailAuth
import Reports
import TestSupport

/// Messages that fail, from the milter's side to the ledger.
struct FailureScene {
  static let key = RedactionKey([UInt8](repeating: 7, count: 32))
  static let zone = """
    example.com: []
    _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}]
    receiver.example: []
    """

  let scene: DestinationScene
  var settings = FailureReportSettings(
    receiver: domain("mx.receiver.example"), email: "postmaster@receiver.example",
    product: "Plumbline/0.1")
  private var received = 0

  init(zone: String = Self.zone) throws { scene = try DestinationScene(zone: zone) }

  var store: SQLiteStore { scene.store }

  static func redactor() throws -> Redactor {
    guard let key else { throw FixtureError("no key") }
    return Redactor(key: key)
  }

  static func captureSettings(keepsSubject: Bool = false) throws -> FailureCapture.Settings {
    FailureCapture.Settings(
      headerRedactor: HeaderRedactor(redactor: try redactor(), keepsSubject: keepsSubject),
      authservID: "mx.receiver.example",
      ownAddresses: ["dmarc@receiver.example", "dmarc-bounce@receiver.example"])
  }

  /// An evaluation that fails.
  static func evaluation(
    policyDomain: String = "example.com", ruf: [String] = ["mailto:ruf@example.com"],
    fo: String = "0", spf: SPFOutcome = .test(.fail),
    dkim: [DKIMOutcome] = [.test(.fail, .bodyHashMismatch)], result: DMARCResult = .fail
  ) -> Evaluation {
    let record = DMARCPolicyRecord.test(.reject) {
      $0.failureReportURIs = ruf
      $0.failureOptions = fo
    }
    return Evaluation(
      authorDomain: domain(policyDomain), mailFromSPF: spf,
      heloSPF: .test(.none, .noRecord, identity: .helo), dkim: dkim,
      dmarc: .test(result, policyDomain: policyDomain, record: record), dns: [])
  }

  static let spfRecords = [
    PublishedSPFRecord(domain: "example.com", text: "v=spf1 include:_spf.example.com -all"),
    PublishedSPFRecord(domain: "_spf.example.com", text: "v=spf1 exp=\"\\x -all"),
  ]

  static func incident(
    _ evaluation: Evaluation = evaluation(), envelope: Envelope = .test(),
    header: [HeaderField] = .test(), at time: Int64 = DestinationScene.now,
    verdict: Verdict = Verdict(
      disposition: .reject, overrideReasons: [], authenticationResults: "",
      answer: .reject(SMTPReply(code: "550", enhancedCode: "5.7.26", text: "no"))),
    keepsSubject: Bool = false, spfRecords: [PublishedSPFRecord] = spfRecords
  ) throws -> FailureIncident? {
    let capture = FailureCapture(try captureSettings(keepsSubject: keepsSubject))
    header.forEach { capture.add($0) }
    return capture.incident(
      evaluation,
      FailureCapture.Reception(
        envelope: envelope, host: "mx.receiver.example", receivedAt: time, verdict: verdict),
      spfRecords: spfRecords)
  }

  /// Has a message arrive and fail.
  mutating func receive(
    _ evaluation: Evaluation = Self.evaluation(), client: String = "192.0.2.1",
    header: [HeaderField] = .test(), at time: Int64 = DestinationScene.now
  ) throws {
    received += 1
    let envelope = Envelope.test(client: client)
    var record = MessageRecord.test(queueID: "Q\(received)", at: time, envelope: envelope)
    record.evaluation = evaluation
    record.failureIncident = try Self.incident(
      evaluation, envelope: envelope, header: header, at: time)
    try store.append(record)
  }

  func run(now: Int64 = DestinationScene.now, isDryRun: Bool = false) throws
    -> FailureReportSummary
  {
    try FailureReportBuilder(store: store, planner: scene.planner, settings: settings)
      .run(now: now, isDryRun: isDryRun)
  }

  func reports() throws -> [StoredReport] { try store.reports(ReportFilter(kind: .failure)) }

  /// The deliveries of all failure reports, a line each: state, destination, reason.
  func deliveries() throws -> [String] {
    try reports().flatMap { try store.deliveries(ofReport: $0.reportID) }
      .map { "\($0.state) \($0.destination): \($0.reason ?? "")" }
  }

  /// The only report's mail as it is sent.
  func mail() throws -> String {
    let reports = try reports()
    guard let report = reports.first, reports.count == 1,
      let to = MailAddress("ruf@example.com"), let from = MailAddress("dmarc@receiver.example"),
      let mail = FailureReportMail(report, to: to, token: "t0ken")
    else { throw FixtureError("not one report with a mail: \(reports)") }
    let settings = ReportMailSettings(
      from: from, displayName: "Receiver", receiver: domain("mx.receiver.example"), contacts: [],
      envelopeSender: .null)
    let outgoing = try mail.compose(settings, signer: nil, now: DestinationScene.now)
    return String(decoding: outgoing.octets, as: UTF8.self)
  }
}
