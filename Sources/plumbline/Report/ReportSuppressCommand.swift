import ArgumentParser
import Foundation
import Ledger
import MailAuth
import Reports

/// `plumbline report suppress`.
struct ReportSuppressCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "suppress", abstract: "Send no more reports about a domain or to an address.",
    discussion: """
      Holds for what is already planned, too: the list is looked at again before each mail. An \
      entry for the same domain or address is replaced. Without --domain and --address all entries \
      are listed.

      Exit status: 0 done, 64 bad usage, 70 a fault of our own, 78 the configuration or the ledger \
      cannot be used.
      """)

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var output: OutputOptions

  @Option(help: "A policy domain or the domain of destinations, and what lies below it.")
  var domain: DomainName?

  @Option(help: "The mail address of a destination.")
  var address: String?

  @Option(help: "Why, in words.")
  var reason: String?

  @Option(help: "The first day on which reports are sent again, in UTC.")
  var until: UTCDay?

  @Option(help: "For how many days; without this and --until for ever.")
  var days: Int?

  @Flag(help: "Show what would be suppressed, change nothing.")
  var dryRun = false

  private var isListing: Bool { domain == nil && address == nil }

  func validate() throws {
    if isListing {
      guard reason == nil, until == nil, days == nil else {
        throw ValidationError("give either --domain or --address")
      }
      return
    }
    try SuppressionTarget.check(domain, address)
    guard let reason, !reason.isEmpty else { throw ValidationError("--reason: missing") }
    guard until == nil || days == nil else {
      throw ValidationError("give either --until or --days")
    }
    if let days, !(1...36_500).contains(days) {
      throw ValidationError("--days: out of range (allowed: 1 to 36500)")
    }
    if let until, until.begin <= currentTime() {
      throw ValidationError("--until: \(until) is not in the future")
    }
  }

  func run() throws {
    let configuration = try options.load()
    let parts = try ReportParts(configuration, isReadOnly: isListing || dryRun)
    if isListing { return try list(parts) }
    let now = currentTime()
    let entry = Suppression(
      subject: SuppressionTarget.subject(domain, address), reason: reason ?? "", origin: .manual,
      createdAt: now, expiresAt: until?.begin ?? days.map { now + Int64($0) * 86_400 })
    if !dryRun { try internally { try parts.store.suppress(entry) } }
    try show(entry, prefix: dryRun ? "would suppress: " : "suppressed: ")
  }

  private func list(_ parts: ReportParts) throws {
    let entries = try internally { try parts.store.suppressions() }
    for entry in entries { try show(entry, prefix: "") }
    if entries.isEmpty, output.format == .text { print("Nothing is suppressed.") }
  }

  private struct Line: Encodable {
    let domain: String?
    let address: String?
    let reason: String
    let origin: String
    let createdAt: Int64
    let expiresAt: Int64?
    let isActive: Bool
  }

  private func show(_ entry: Suppression, prefix: String) throws {
    let isActive = entry.isActive(at: currentTime())
    let end =
      entry.expiresAt.map { "until \(UTCDay.timeText($0)) UTC" } ?? "for ever"
    let (domain, address): (String?, String?) =
      switch entry.subject {
      case .domain(let text): (text, nil)
      case .address(let text): (nil, text)
      }
    let line = Line(
      domain: domain, address: address, reason: entry.reason, origin: entry.origin.rawValue,
      createdAt: entry.createdAt, expiresAt: entry.expiresAt, isActive: isActive)
    let state = isActive ? end : "expired"
    try output.show(
      "\(prefix)\(domain ?? address ?? ""), \(state), \(entry.origin.rawValue): \(entry.reason)",
      line)
  }
}
