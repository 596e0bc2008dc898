import MailAuth
import TestSupport
import Testing

/// What is to come out for a message of `conf/demo`.
struct DemoExpectation: Sendable, CustomTestStringConvertible {
  var file: String
  var authorDomain: String
  var spf: SPFResult
  var spfCause: SPFCause
  /// Result and cause of each signature from the top down, as `result cause`.
  var dkim: [String]
  var dmarc: DMARCResult
  var dmarcCause: DMARCCause

  var testDescription: String { file }

  init(
    _ file: String, _ authorDomain: String, spf: SPFResult, _ spfCause: SPFCause, dkim: [String],
    dmarc: DMARCResult, _ dmarcCause: DMARCCause
  ) {
    self.file = file
    self.authorDomain = authorDomain
    self.spf = spf
    self.spfCause = spfCause
    self.dkim = dkim
    self.dmarc = dmarc
    self.dmarcCause = dmarcCause
  }

  /// The message that this is about.
  func message() throws -> DemoMessage { try Self.message(file) }

  /// The message in this file.
  static func message(_ file: String) throws -> DemoMessage {
    try #require(try DemoMessage.all().first { $0.file == file })
  }

  static let all = [
    Self(
      "01-aligned-pass.eml", "example.com", spf: .pass, .matched, dkim: ["pass verified"],
      dmarc: .pass, .aligned),
    Self(
      "02-forwarded.eml", "example.com", spf: .softfail, .matched, dkim: ["pass verified"],
      dmarc: .pass, .aligned),
    Self(
      "03-esp-own-domain.eml", "shop.example", spf: .pass, .matched, dkim: ["pass verified"],
      dmarc: .fail, .passedNotAligned),
    Self(
      "04-esp-two-signatures.eml", "books.example", spf: .pass, .matched,
      dkim: ["pass verified", "pass verified"], dmarc: .pass, .aligned),
    Self(
      "05-strict-subdomain.eml", "bank.example", spf: .pass, .matched, dkim: ["pass verified"],
      dmarc: .fail, .passedNotAligned),
    Self(
      "06-missing-selector.eml", "clinic.example", spf: .neutral, .matched,
      dkim: ["permerror noKey"], dmarc: .fail, .alignedNotPassed),
    Self(
      "07-key-timeout.eml", "parcel.example", spf: .softfail, .matched,
      dkim: ["temperror dnsTimeout"], dmarc: .temperror, .identifierTemperror),
    Self(
      "08-broken-body.eml", "example.com", spf: .pass, .matched, dkim: ["fail bodyHashMismatch"],
      dmarc: .fail, .neitherBoth),
    Self(
      "09-spf-eleven-lookups.eml", "cityhall.example", spf: .permerror, .tooManyLookups, dkim: [],
      dmarc: .fail, .alignedNotPassed),
    Self(
      "10-null-sender.eml", "mail.example.com", spf: .pass, .matched, dkim: [],
      dmarc: .pass, .aligned),
    Self(
      "11-spoof.eml", "bank.example", spf: .fail, .matched, dkim: [],
      dmarc: .fail, .alignedNotPassed),
    Self(
      "12-no-dmarc.eml", "oldtimes.example", spf: .pass, .matched, dkim: [],
      dmarc: .none, .noPolicyRecord),
    Self(
      "13-forged-results.eml", "example.com", spf: .softfail, .matched, dkim: [],
      dmarc: .fail, .alignedNotPassed),
    Self(
      "14-dual-signed.eml", "modern.example", spf: .pass, .matched,
      dkim: ["pass verified", "pass verified"], dmarc: .pass, .aligned),
    Self(
      "15-policy-servfail.eml", "flaky.example", spf: .pass, .matched, dkim: [],
      dmarc: .temperror, .policyServfail),
  ]
}
