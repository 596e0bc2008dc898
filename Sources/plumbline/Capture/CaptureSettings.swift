import Ledger
import MailAuth

/// What the ledger keeps of messages so that they can be evaluated again.
struct CaptureSettings: Sendable, Equatable {
  /// What is kept.
  enum Content: String, Sendable, CaseIterable {
    /// Nothing.
    case none
    /// Reverse-path, header, DNS answers, and hashes of the body.
    case header
    /// The body too.
    case message
  }

  /// Which messages it is kept of.
  enum Selection: String, Sendable, CaseIterable {
    /// Those that something is wrong with.
    case failures
    /// Every one.
    case all

    /// Whether a message is one of them.
    func includes(_ evaluation: Evaluation) -> Bool {
      switch self {
      case .all: true
      case .failures:
        [.fail, .temperror, .permerror].contains(evaluation.dmarc.result)
          || evaluation.arc.result == .fail
      }
    }
  }

  var content: Content
  var selection: Selection
  /// Octets of header and body that are kept of a message.
  var mostOctets: Int
  /// For how long.
  var days: Int
  /// The settings of the file that change how a message is evaluated.
  var settings: [MessageCapture.Setting]
}

extension ConfigurationSettings {
  /// What is captured.
  var capture: CaptureSettings {
    CaptureSettings(
      content: choice(.ledgerCapture), selection: choice(.ledgerCaptureOf),
      mostOctets: integer(.ledgerCaptureKilobytes) * 1024, days: integer(.ledgerCaptureDays),
      settings: evaluationSettings)
  }

  /// The settings of the file that change how a message is evaluated, judged or marked, as far as they
  /// are not the defaults, and the name of this host, in the order of the example file.
  var evaluationSettings: [MessageCapture.Setting] {
    ConfigurationKey.all.filter { LabConfigurator.keys.contains($0.name) }.compactMap { key in
      if key.name == ConfigurationKey.milterAuthservID.name {
        return MessageCapture.Setting(key: key.name, values: [optionalText(key) ?? hostName])
      }
      guard let value = values[key.name]?.value, value != key.defaultValue else { return nil }
      if case .path = key.kind {
        return MessageCapture.Setting(key: key.name, values: [file(key)])
      }
      if case .array(let list) = value {
        return MessageCapture.Setting(
          key: key.name, values: list.map(\.plainText), isList: true)
      }
      return MessageCapture.Setting(key: key.name, values: [value.plainText])
    }
  }
}

extension ConfigurationKey {
  /// The keys of the table ledger that are about captures.
  static let capture = [
    ledgerCapture, ledgerCaptureOf, ledgerCaptureKilobytes, ledgerCaptureDays,
  ]

  static let ledgerCapture = ConfigurationKey(
    "ledger.capture", .choice(CaptureSettings.Content.allCases.map(\.rawValue)),
    default: .string(CaptureSettings.Content.none.rawValue),
    help:
      "What is kept of a message so that replay and lab capture can evaluate it again. \"header\" is"
      + " the reverse-path, the header, the DNS answers and hashes of the body; \"message\" is the body"
      + " too. Think of privacy first: it is your users' mail, readable by whoever reads the ledger."
  )
  static let ledgerCaptureOf = ConfigurationKey(
    "ledger.capture_of", .choice(CaptureSettings.Selection.allCases.map(\.rawValue)),
    default: .string(CaptureSettings.Selection.failures.rawValue),
    help: "Of which messages: \"failures\" are those whose DMARC result is fail, temperror or"
      + " permerror, or whose ARC chain is broken.")
  static let ledgerCaptureKilobytes = ConfigurationKey(
    "ledger.capture_kilobytes", .integer(16...16_384), default: .integer(256), unit: "kilobytes",
    help:
      "How much of a message is kept: of a larger one the body is not, and if the header alone is"
      + " larger, neither is that.")
  static let ledgerCaptureDays = ConfigurationKey(
    "ledger.capture_days", .integer(1...365), default: .integer(14), unit: "days",
    help: "For how long it is kept; then it is erased, and the record of the message stays.")
}
