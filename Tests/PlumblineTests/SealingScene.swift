import Foundation
import MailAuth
import TestSupport

/// What a sealing milter needs, and what becomes of a message that went through one.
struct SealingScene {
  static let domain = "forwarder.example"

  let directory: TemporaryDirectory

  init(key: String = TestKeys.rsa2048) throws {
    directory = try TemporaryDirectory()
    try directory.write(key, to: "arc.pem")
  }

  /// The table `arc`, sealing on.
  func settings(_ more: String = "", selector: String = "arc") -> String {
    """
    [arc]
    seal = true
    seal_domain = "\(Self.domain)"
    seal_selector = "\(selector)"
    seal_key = "\(directory.path("arc.pem"))"
    \(more)
    """
  }

  /// The record of the public key, as a line of a zone.
  static func record(key: String = TestKeys.rsa2048, selector: String = "arc") throws -> String {
    let key = try DKIMPrivateKey(pem: Array(key.utf8), source: "the test's key")
    return "\(selector)._domainkey.\(domain): [{TXT: \"\(key.publicKeyRecord)\"}]"
  }

  /// The header that the next host receives: the milter's edits made on what it was sent.
  static func edited(_ message: MilterMessage, _ outcome: MilterOutcome) throws -> [HeaderField] {
    var header = message.header.map { field in
      HeaderField(field.name, field.value.replacing("\n", with: "\r\n"))
    }
    for edit in outcome.edits {
      switch edit {
      case .insert(let index, let name, let value):
        header.insert(
          HeaderField(name, value.replacing("\n", with: "\r\n")), at: Int(index))
      case .change(let occurrence, let name, ""):
        let places = header.indices.filter { header[$0].isNamed(name) }
        guard places.indices.contains(Int(occurrence) - 1) else {
          throw FixtureError("there is no \(name) number \(occurrence)")
        }
        header.remove(at: places[Int(occurrence) - 1])
      default: throw FixtureError("an edit of another kind: \(edit)")
      }
    }
    return header
  }

  /// The fields of a message as the MTA sends them.
  static func fields(_ header: [HeaderField]) -> [MilterMessage.Field] {
    header.map { field in
      MilterMessage.Field(
        String(decoding: field.name, as: UTF8.self),
        String(decoding: field.value, as: UTF8.self).replacing("\r\n", with: "\n"))
    }
  }

  /// The message as octets, CRLF line ends.
  static func octets(_ header: [HeaderField], _ body: [UInt8]) -> [UInt8] {
    header.flatMap { $0.name + [0x3A] + $0.value + [0x0D, 0x0A] } + [0x0D, 0x0A] + body
  }
}

extension [HeaderField] {
  /// The values of the fields of this name without folds, from the top down.
  func values(_ name: String) -> [String] {
    filter { $0.isNamed(name) }.map {
      String(decoding: $0.value, as: UTF8.self).replacing("\r\n\t", with: " ")
    }
  }
}
