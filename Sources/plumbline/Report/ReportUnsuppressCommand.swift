import ArgumentParser
import Foundation
import Ledger
import MailAuth
import Reports

/// `plumbline report unsuppress`.
struct ReportUnsuppressCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unsuppress", abstract: "Send reports about a domain or to an address again.",
    discussion: """
      Holds for reports that are planned from now on; report resend sends one that was suppressed.

      Exit status: 0 done, 1 there is no such entry, 64 bad usage, 70 a fault of our own, 78 the \
      configuration or the ledger cannot be used.
      """)

  @OptionGroup var options: ConfigurationOptions

  @Option(help: "The domain of the entry.")
  var domain: DomainName?

  @Option(help: "The address of the entry.")
  var address: String?

  @Flag(help: "Show whether there is such an entry, change nothing.")
  var dryRun = false

  func validate() throws { try SuppressionTarget.check(domain, address) }

  func run() throws {
    let parts = try ReportParts(try options.load(), isReadOnly: dryRun)
    let subject = SuppressionTarget.subject(domain, address)
    let wasThere = try internally {
      dryRun
        ? try parts.store.suppressions().contains { $0.subject == subject }
        : try parts.store.unsuppress(subject)
    }
    let name = domain?.text ?? address ?? ""
    guard wasThere else {
      notice("\(name) is not suppressed")
      throw ExitCode.failure
    }
    print(dryRun ? "would no longer be suppressed: \(name)" : "no longer suppressed: \(name)")
  }
}

/// What an entry of the suppression list is about: a domain or an address, as given in options.
enum SuppressionTarget {
  static func check(_ domain: DomainName?, _ address: String?) throws {
    guard (domain == nil) != (address == nil) else {
      throw ValidationError("give either --domain or --address")
    }
    if let address, MailAddress(address) == nil {
      throw ValidationError("--address: not a mail address (allowed: name@example.com)")
    }
  }

  /// In the one spelling that the ledger uses.
  static func subject(_ domain: DomainName?, _ address: String?) -> Suppression.Subject {
    if let domain { return .domain(domain.text) }
    let text = address ?? ""
    return .address((MailAddress(text)?.description ?? text).asciiLowercased())
  }
}
