import Foundation
import Ledger
import MailAuth
import Reports

/// Shows what would be built and where it would go; records nothing and has no way to send.
struct BuildPreview {
  private let parts: ReportParts
  private let output: OutputOptions

  /// Takes parts with a ledger opened for reading.
  init(_ parts: ReportParts, _ output: OutputOptions) {
    self.parts = parts
    self.output = output
  }

  /// Builds days into a temporary directory and shows them.
  ///
  /// - Returns: How many reports would be rejected.
  func show(_ days: [UTCDay], domain: DomainName?) throws -> Int {
    var problems = 0
    for day in days {
      let preview = try Self.inDirectory(nil) { directory in
        try parts.previewProduction(in: directory).preview(day: day, domain: domain)
      }
      if output.format == .text {
        preview.result.build.reports.forEach { print(text($0, preview).withoutControls) }
      }
      try output.show(ReportWording.day(preview.result), DayJSON(preview.result, preview.plans))
      problems += preview.result.build.problems
    }
    return problems
  }

  private func text(_ report: BuiltReport, _ preview: ReportProduction.Preview) -> String {
    var line = "\(report.policyDomain): \(counted(report.messages, "message"))"
    if let file = report.files.first { line += " in \(counted(file.rows, "row"))" }
    guard let plan = preview.plans[report.reportID] else { return "\(line)\n  planned already" }
    var lines = [line]
    if let note = plan.note { lines.append("  \(note)") }
    lines += plan.deliveries.map { delivery in
      let verb =
        switch delivery.state {
        case .planned: "would send to"
        case .deferred: "would ask again about"
        default: "would not send to"
        }
      return "  \(verb) \(delivery.destination)" + (delivery.reason.map { ": \($0)" } ?? "")
    }
    return lines.joined(separator: "\n")
  }

  /// Runs `body` with the directory, or with one that is removed afterwards.
  static func inDirectory<Value>(
    _ directory: String?, _ body: (String) throws -> Value
  ) throws -> Value {
    do {
      if let directory { return try body(directory) }
      let path = NSTemporaryDirectory() + "/plumbline-dry-run.\(UUID().uuidString)"
      // What is left over is in the directory for such things.
      defer { try? FileManager.default.removeItem(atPath: path) }
      return try body(path)
    } catch let error as CannotWriteReport {
      throw CannotCreate(message: "\(error)")
    } catch let error where exitStatus(of: error) != nil {
      throw error
    } catch {
      throw InternalFault(message: "\(error)")
    }
  }
}
