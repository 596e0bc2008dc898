import Ledger
import MailAuth

/// What a receiver behind a real Postfix found and did: its ledger, its answer and its mailbox.
struct PostfixReceipt {
  var receiver: String
  var actor: String
  /// Out of the ledger, which keeps no local parts and no answers.
  var record: MessageRecord
  /// The letter as it was sent to the host.
  var sent: Letter
  /// The letter as the host delivered it; nil when it was refused or goes on by itself.
  var delivered: Letter?
  var outcome: PostfixHost.Outcome
  var isHeld: Bool
  /// How many fields were taken off.
  var removedCount: Int
  /// Where its report may go.
  var reportTo: [String]

  func receipt() throws -> LabReceipt {
    var receipt = try LabReceipt(
      receiver: receiver, actor: actor, record: record, header: header,
      removedFields: removedFields, reportTo: reportTo)
    switch outcome {
    case .taken:
      receipt.answer = isHeld ? .hold : .accept
      receipt.answerText = nil
    case .refused(let code, let text):
      receipt.answer = code >= 500 ? .reject : .tempfail
      receipt.answerText = text
    }
    if let field = delivered?.header.first(where: { $0.isNamed("Authentication-Results") }) {
      receipt.authenticationResults = KeyMaterial.removed(from: field.text)
    }
    return receipt
  }

  /// The header without what this host put on it.
  private var header: [HeaderField] {
    guard let delivered else { return sent.header }
    let start = delivered.header.firstIndex { $0.isNamed("Received") } ?? 0
    return Array(delivered.header[start...])
  }

  /// The name that stands for a field that a message lost before it was refused: its host knows how
  /// many there were.
  static let unknownField = "(of a refused message)"

  /// What was sent and is not delivered.
  private var removedFields: [String] {
    guard let delivered else { return Array(repeating: Self.unknownField, count: removedCount) }
    var left = delivered.header
    return sent.header.compactMap { field in
      if let index = left.firstIndex(where: { $0.name == field.name && $0.text == field.text }) {
        left.remove(at: index)
        return nil
      }
      return field.nameText
    }
  }
}
