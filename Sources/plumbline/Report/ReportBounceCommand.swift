import ArgumentParser
import Foundation
import Ledger
import Reports

/// `plumbline report bounce`.
struct ReportBounceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bounce", abstract: "Take a bounce of report mail from standard input.",
    discussion: """
      For a pipe of the mail server; conf/postfix/report-bounce.example has the lines for Postfix. \
      The delivery is found by the token in the address that the bounce came to (--recipient, \
      otherwise fields of the header), or by the report ID in the returned subject. It is marked \
      as bounced; after report.bounces_before_suppression bounces within 30 days no more reports \
      go to the address for report.suppression_days. Notifications of delay change nothing, nor \
      does mail that is no bounce or of which nothing is known.

      Exit status: 0 done or nothing to do, 64 bad usage, 75 in all other cases, such as a ledger \
      that cannot be written: so the mail server keeps the bounce and tries again.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Option(help: "The address that the bounce was delivered to.")
  var recipient: String?

  @Flag(help: "Show what would be done, change nothing.")
  var dryRun = false

  func run() throws {
    do {
      let configuration = try options.load()
      let parts = try ReportParts(configuration, isReadOnly: dryRun)
      var settings = BounceIntake.Settings()
      settings.bouncesBeforeSuppression = configuration.report.bouncesBeforeSuppression
      settings.suppressionSeconds = Int64(configuration.report.suppressionDays) * 86_400
      let intake = BounceIntake(
        store: parts.store, bounceAddress: try configuration.report.bounceAddress(),
        settings: settings, isDryRun: dryRun)
      let mail = try FileHandle.standardInput.read(
        upToCount: DeliveryStatusNotification.longestMail + 1)
      let result = try intake.take(
        [UInt8](mail ?? Data()), recipient: recipient, now: currentTime())
      print(result.text.withoutControls)
    } catch {
      // Any other status would have the mail server return the bounce.
      throw TryAgain(message: "\(error)")
    }
  }
}

/// Something that may work later; exit status 75 (EX_TEMPFAIL).
struct TryAgain: Error, CustomStringConvertible {
  let message: String
  var description: String { message }
}
