import Foundation
import MailAuth

/// Compares what receivers found through Postfix with what they found in memory, field by field.
enum TransportComparison {
  /// What is different; times and the fields of the way are not compared.
  static func differences(
    _ scenario: Scenario, memory: [LabReceipt], postfix: [LabReceipt]
  ) throws -> [LabDifference] {
    var differences: [LabDifference] = []
    func note(_ receiver: String, _ subject: String, _ expected: String, _ found: String) {
      differences.append(
        LabDifference(
          receiver: receiver, line: scenario.expectations[receiver]?.line ?? 0,
          subject: "through Postfix: \(subject)", expected: "\(expected) as in memory",
          found: found))
    }
    for expected in memory {
      guard let found = postfix.first(where: { $0.receiver == expected.receiver }) else {
        note(expected.receiver, "message", "it here", "it refused before")
        continue
      }
      let (old, new) = (try values(expected, expected), try values(found, expected))
      for name in Set(old.keys).union(new.keys).sorted() where old[name] != new[name] {
        note(expected.receiver, name, old[name] ?? "nothing", new[name] ?? "nothing")
      }
    }
    for found in postfix where !memory.contains(where: { $0.receiver == found.receiver }) {
      note(found.receiver, "message", "it refused before", "it here")
    }
    return differences
  }

  /// The fields of a receipt as text, by name, where both transports can see them.
  private static func values(
    _ receipt: LabReceipt, _ memory: LabReceipt
  ) throws -> [String: String] {
    var receipt = receipt
    receipt.time = 0
    receipt.header = ""
    // The ledger keeps domains only.
    receipt.mailFrom = domain(receipt.mailFrom)
    receipt.recipients = Set(receipt.recipients.map(domain)).sorted()
    // Postfix keeps the reason of holding for its log.
    if memory.answer == .hold { receipt.answerText = nil }
    receipt.authenticationResults = receipt.authenticationResults
      .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let object = try JSONSerialization.jsonObject(with: try encoder.encode(receipt))
    guard let fields = object as? [String: Any] else { return [:] }
    return try fields.mapValues { value in
      if let text = value as? String { return text }
      let data = try JSONSerialization.data(
        withJSONObject: value, options: [.sortedKeys, .fragmentsAllowed, .withoutEscapingSlashes])
      return String(decoding: data, as: UTF8.self)
    }
  }

  private static func domain(_ address: String) -> String {
    guard !address.isEmpty else { return "" }
    return "@" + (Letter.domain(of: address) ?? "").lowercased()
  }
}
