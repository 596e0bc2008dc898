import ArgumentParser
import Foundation
import Ledger
import MailAuth
import Reports

/// `plumbline report resend`.
struct ReportResendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resend", abstract: "Send a report once more, with the same ID and file name.",
    discussion: """
      Goes to all destinations that the report was sent to or is waiting for, or to the one given \
      by --to. What is suppressed is refused with the reason, and so is an address that the \
      report was not planned for; --force sends it all the same. A report that failed its check is \
      never sent.

      Exit status: 0 handed over or waiting for the next attempt, 1 refused, 64 bad usage, 66 there \
      is no such report, 70 a fault of our own, 73 nothing can be handed over, 75 another run is at \
      work, 78 the configuration or the ledger cannot be used.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Argument(help: "The report ID.")
  var id: String

  @Option(help: "Only to this mail address.")
  var to: String?

  @Flag(help: "Send also what is suppressed, or to an address that was not planned.")
  var force = false

  @Flag(help: "Show what would be sent, change nothing.")
  var dryRun = false

  func validate() throws {
    if let to, ReportURI(address: to) == nil {
      throw ValidationError("--to: not a mail address (allowed: name@example.com)")
    }
  }

  func run() throws {
    let configuration = try options.load()
    guard configuration.report.isEnabled else {
      throw ResendRefused(message: "nothing is sent: report.enabled is false")
    }
    if dryRun {
      let parts = try ReportParts(configuration, isReadOnly: true)
      for delivery in try targets(try parts.report(id), parts) {
        print("would send: report \(id) to \(delivery.destination)".withoutControls)
      }
      return
    }
    try ReportWork.run(configuration) { work in
      let report = try work.parts.report(id)
      let sending = try SendingParts(work.parts)
      _ = try work.making { try sending.sender.recover() }
      var hasFailed = false
      for target in try targets(report, work.parts) {
        let delivery = try work.making { try send(target, work.parts, sending.sender) }
        print(ReportWording.delivery(delivery).withoutControls)
        if ![.sent, .deferred, .sending].contains(delivery.state) { hasFailed = true }
      }
      if hasFailed { throw ExitCode.failure }
    }
  }

  private func send(
    _ target: StoredDelivery, _ parts: ReportParts, _ sender: ReportSender
  ) throws -> StoredDelivery {
    var planned = target
    let now = currentTime()
    planned.state = .planned
    planned.reason = "sent again on request"
    planned.nextAttemptAt = now
    planned.plannedAt = now
    planned.changedAt = now
    if target.id == 0 {
      planned = try parts.store.add(planned)
    } else {
      guard try parts.store.change(planned, from: target.state) else {
        throw DeliveryWasTaken(delivery: planned, expected: target.state)
      }
    }
    return try sender.send(planned, ignoresSuppression: force)
  }

  /// The deliveries to make again; a new one has the number 0.
  private func targets(_ report: StoredReport, _ parts: ReportParts) throws -> [StoredDelivery] {
    if let problem = report.problem {
      throw ResendRefused(message: "the report failed its own check and is not sent: \(problem)")
    }
    let (deliveries, suppressions) = try internally {
      (
        try parts.store.deliveries(ofReport: id),
        SuppressionList(try parts.store.suppressions(), now: currentTime())
      )
    }
    var chosen = deliveries.filter { delivery in
      guard ReportURI(address: delivery.destination) != nil else { return false }
      return to.map { $0.asciiLowercased() == delivery.destination.asciiLowercased() } ?? true
    }
    if chosen.isEmpty, let to { chosen = [try newDelivery(report, to, parts)] }
    var refusals: [String] = []
    chosen.removeAll { delivery in
      guard let reason = refusal(of: delivery, report, suppressions) else { return false }
      refusals.append("\(delivery.destination): \(reason)")
      return true
    }
    guard !chosen.isEmpty else {
      throw ResendRefused(
        message: refusals.isEmpty
          ? "the report has no destination; --to names one" : refusals.joined(separator: "; "))
    }
    refusals.forEach { notice("not sent: \($0)") }
    return chosen
  }

  private func refusal(
    of delivery: StoredDelivery, _ report: StoredReport, _ suppressions: SuppressionList
  ) -> String? {
    if delivery.state == .sending { return "is being handed over" }
    if force { return nil }
    if delivery.state == .suppressed {
      return (delivery.reason ?? "suppressed") + "; --force sends it all the same"
    }
    if delivery.state == .deferred, delivery.attempts == 0 {
      return "its host has not agreed yet: " + (delivery.reason ?? "not known")
        + "; --force sends it all the same"
    }
    return ReportURI(address: delivery.destination).flatMap {
      suppressions.reason(against: $0, about: report.policyDomain)
    }.map { "\($0); --force sends it all the same" }
  }

  private func newDelivery(
    _ report: StoredReport, _ address: String, _ parts: ReportParts
  ) throws -> StoredDelivery {
    guard force, let uri = ReportURI(address: address) else {
      throw ResendRefused(
        message: "\(address) is no destination of this report; --force sends it all the same")
    }
    let now = currentTime()
    let format =
      report.kind == .aggregate
      ? parts.settings.planSettings.format(for: uri.host).rawValue : ""
    return StoredDelivery(
      reportID: report.reportID, destination: uri.address, format: format, state: .planned,
      plannedAt: now, changedAt: now, token: ReportPlanner.randomToken())
  }
}

/// A report is not sent again; exit status 1.
struct ResendRefused: Error, CustomStringConvertible {
  let message: String
  var description: String { message }
}
