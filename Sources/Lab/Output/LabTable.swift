import MailAuth

/// The findings of receivers as the cells of a table; every output shows these columns.
struct LabTable {
  /// The titles of the columns.
  static let titles = ["receiver", "SPF", "DKIM", "ARC", "DMARC", "disposition", "why"]

  /// The cells of one receipt, in the order of ``titles``; a cell can have several lines.
  static func cells(_ receipt: LabReceipt) -> [[String]] {
    [
      [receipt.receiver],
      ["\(receipt.spf.result.rawValue) \(receipt.spf.domain)"],
      receipt.dkim.isEmpty ? ["none"] : receipt.dkim.map(signature),
      chain(receipt.arc),
      [receipt.dmarc.result.rawValue],
      disposition(receipt),
      why(receipt),
    ]
  }

  /// The column that a difference belongs to, by its subject; nil for none.
  static func column(of subject: String) -> Int? {
    switch subject {
    case "disposition", "answer": titles.firstIndex(of: "disposition")
    case "root cause": titles.firstIndex(of: "why")
    default: titles.firstIndex(of: subject)
    }
  }

  private static func signature(_ signature: LabReceipt.DKIM) -> String {
    let cause = signature.cause == .verified ? "" : " (\(signature.cause.rawValue))"
    return "\(signature.result.rawValue) \(signature.domain)\(cause)"
  }

  private static func chain(_ arc: LabReceipt.ARC) -> [String] {
    guard !arc.sealers.isEmpty else { return [arc.result.rawValue] }
    let cause = arc.cause == .verified ? "" : " (\(arc.cause.rawValue))"
    // A chain can have 50 sets.
    let shown = arc.sealers.enumerated().suffix(3).map { "\($0 + 1): \($1.isEmpty ? "?" : $1)" }
    return ["\(arc.result.rawValue)\(cause)"] + (arc.sealers.count > 3 ? ["..."] : []) + shown
  }

  private static func disposition(_ receipt: LabReceipt) -> [String] {
    let answer = receipt.answer == .accept ? [] : ["answer: \(receipt.answer.rawValue)"]
    return [receipt.disposition.rawValue] + answer
  }

  private static func why(_ receipt: LabReceipt) -> [String] {
    let cause = receipt.rootCause?.code.rawValue ?? receipt.dmarc.cause.rawValue
    return [cause] + receipt.overrideReasons.map { $0.type.rawValue }
  }
}

/// Text of strangers without what steers a terminal.
enum PlainText {
  /// The text on one line.
  static func oneLine(_ text: String) -> String {
    withoutControls(text.replacing("\n", with: " "))
  }

  /// The text with "?" for control and format characters, line ends aside.
  static func withoutControls(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let category = scalar.properties.generalCategory
      let isControl = (category == .control && scalar != "\n") || category == .format
      scalars.append(isControl ? "?" : scalar)
    }
    return String(scalars)
  }
}
