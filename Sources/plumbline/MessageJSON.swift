import Foundation
import Ledger
import MailAuth

/// One message of the ledger as JSON: the envelope, then what `plumbline check` would print.
struct MessageJSON: Encodable {
  private let record: MessageRecord

  init(_ record: MessageRecord) {
    self.record = record
  }

  private enum Key: String, CodingKey {
    case host, queueID, receivedAt, clientAddress, clientName, helo, mailFromDomain
    case recipientDomains, arcSeal, evaluation
  }

  func encode(to encoder: any Encoder) throws {
    func text(_ octets: [UInt8]) -> String { octets.printable(limit: 1000) }
    let envelope = record.envelope
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(record.host, forKey: .host)
    try container.encode(record.queueID, forKey: .queueID)
    try container.encode(record.receivedAt, forKey: .receivedAt)
    try container.encode("\(envelope.clientAddress)", forKey: .clientAddress)
    try container.encode(envelope.clientName, forKey: .clientName)
    try container.encode(text(envelope.helo), forKey: .helo)
    try container.encode(envelope.mailFromDomain.map(text), forKey: .mailFromDomain)
    try container.encode(envelope.recipientDomains.map(text), forKey: .recipientDomains)
    try container.encode(record.addedARCSet, forKey: .arcSeal)
    try container.encode(
      CheckJSON(record.evaluation, record.verdict), forKey: .evaluation)
  }
}
