import Foundation
import Ledger
public import MailAuth

/// Makes the mails of deliveries.
public struct ReportComposer {
  private let source: ReportSource
  private let archive: ReportArchive
  private let settings: ReportMailSettings
  private let signer: DKIMSigner?

  /// Makes a composer.
  ///
  /// - Parameters:
  ///   - source: Gives the checked files.
  ///   - archive: Where they are.
  ///   - settings: What all mails have in common.
  ///   - signer: Signs them; nil leaves them unsigned.
  public init(
    source: ReportSource, archive: ReportArchive, settings: ReportMailSettings, signer: DKIMSigner?
  ) {
    self.source = source
    self.archive = archive
    self.settings = settings
    self.signer = signer
  }

  /// The mail of a delivery.
  ///
  /// - Throws: ``UnfitReport``, ``ReportMailError``, and whatever keeps the file from being read or
  ///   built.
  func mail(
    of report: StoredReport, _ delivery: StoredDelivery, now: Int64
  ) throws -> OutgoingMail {
    guard let recipient = MailAddress(delivery.destination) else {
      throw UnfitReport(problem: "\(delivery.destination) is not a mail address")
    }
    if report.kind == .failure {
      guard let mail = FailureReportMail(report, to: recipient, token: delivery.token) else {
        throw UnfitReport(problem: "the ledger holds no mail of this failure report")
      }
      return try mail.compose(settings, signer: signer, now: now)
    }
    guard report.kind == .aggregate, let format = ReportFormat(rawValue: delivery.format) else {
      throw UnfitReport(problem: "there is no form \"\(delivery.format)\" of a report")
    }
    let mail = ReportMail(
      reportID: report.reportID, policyDomain: report.policyDomain, period: report.period,
      messages: report.messages, fileName: report.fileName,
      attachment: try source.file(of: report, format), recipient: recipient,
      token: delivery.token)
    return try mail.compose(settings, signer: signer, now: now)
  }

  /// The size of the file; nil for a failure report, and when there is no file.
  func fileBytes(of report: StoredReport, _ delivery: StoredDelivery) throws -> Int? {
    guard report.kind == .aggregate, let format = ReportFormat(rawValue: delivery.format) else {
      return nil
    }
    return try source.file(of: report, format).count
  }
}
