public import MailAuth

/// A multipart message in the making: aggregate reports and failure reports alike.
///
/// Fields are ``AddedField``, so whatever they hold, they end where they should; the same values
/// give the same octets.
public struct MIMEMessage: Sendable {
  /// The header without the MIME fields, from the top down.
  public var fields: [AddedField]
  /// The media subtype with its parameters, such as `mixed` or
  /// `report; report-type=feedback-report`.
  public var subtype: String
  /// The parts, at least one.
  public var parts: [MIMEPart]
  /// Letters and digits that the boundary is made of.
  public var boundarySeed: String

  /// Makes a message.
  public init(
    fields: [AddedField], subtype: String, parts: [MIMEPart], boundarySeed: String
  ) {
    self.fields = fields
    self.subtype = subtype
    self.parts = parts
    self.boundarySeed = boundarySeed
  }

  /// A message as it is signed and sent.
  public struct Composed: Sendable, Equatable {
    /// The fields, folded with CRLF.
    public var header: [HeaderField]
    /// The body, CRLF line ends.
    public var body: [UInt8]

    /// Header, empty line and body.
    public var octets: [UInt8] {
      var octets: [UInt8] = []
      octets.reserveCapacity(body.count + 4096)
      for field in header { octets += field.name + [0x3A] + field.value + [0x0D, 0x0A] }
      return octets + [0x0D, 0x0A] + body
    }

    /// Signs the message and puts it into an envelope; as ``MIMEMessage/outgoing``.
    func outgoing(
      token: String, from envelopeSender: MailAddress?, to recipient: MailAddress,
      signer: DKIMSigner?, now: Int64
    ) throws(ReportMailError) -> OutgoingMail {
      var signed = self
      if let signer {
        do {
          let field = try signer.sign(header: header, body: body, now: now)
          signed.header.insert(field, at: 0)
        } catch {
          throw .unsigned(error)
        }
      }
      guard
        let mail = OutgoingMail(
          token: token, envelopeSender: envelopeSender, recipient: recipient,
          octets: signed.octets)
      else { throw .token(token) }
      return mail
    }
  }

  /// Writes the message.
  public func composed() -> Composed {
    let encoded = parts.map { $0.encoded() }
    let boundary = self.boundary(for: encoded.map(\.content))
    let mimeFields = [
      AddedField(name: "MIME-Version", value: "1.0"),
      AddedField(
        name: "Content-Type", value: "multipart/\(subtype); boundary=\"\(boundary)\"",
        layout: .entries),
    ]
    var body: [UInt8] = []
    body.reserveCapacity(encoded.reduce(4096) { $0 + $1.content.count })
    for part in encoded {
      body += Array("--\(boundary)\r\n".utf8)
      for field in part.header {
        body += Array("\(field.name):".utf8) + field.octets + [0x0D, 0x0A]
      }
      // The line end in front of a boundary belongs to the boundary.
      body += [0x0D, 0x0A] + part.content + [0x0D, 0x0A]
    }
    body += Array("--\(boundary)--\r\n".utf8)
    return Composed(
      header: (fields + mimeFields).map {
        HeaderField(name: Array($0.name.utf8), value: $0.octets)
      },
      body: body)
  }

  /// Writes the message, signs it, and puts it into an envelope.
  ///
  /// - Parameters:
  ///   - token: Names the delivery; see ``OutgoingMail/token``.
  ///   - envelopeSender: nil for the null sender.
  ///   - recipient: The envelope recipient.
  ///   - signer: Signs it; nil leaves it unsigned.
  ///   - now: The time of the signature, seconds since the epoch.
  /// - Returns: The mail.
  /// - Throws: ``ReportMailError`` when it cannot be signed, or the token is none.
  public func outgoing(
    token: String, from envelopeSender: MailAddress?, to recipient: MailAddress,
    signer: DKIMSigner?, now: Int64
  ) throws(ReportMailError) -> OutgoingMail {
    try composed().outgoing(
      token: token, from: envelopeSender, to: recipient, signer: signer, now: now)
  }

  /// A boundary that no line of the contents begins with; "=_" occurs in no encoded content.
  private func boundary(for contents: [[UInt8]]) -> String {
    let seed = String(
      decoding: boundarySeed.utf8.filter(Self.isAlphanumeric).prefix(40), as: UTF8.self)
    var number = 0
    while true {
      let boundary = "=_\(seed)_\(number)"
      let line = Array("--\(boundary)".utf8)
      if !contents.contains(where: { Self.hasLine(beginningWith: line, in: $0) }) {
        return boundary
      }
      number += 1
    }
  }

  private static func hasLine(beginningWith prefix: [UInt8], in octets: [UInt8]) -> Bool {
    var isLineStart = true
    for (index, octet) in octets.enumerated() {
      if isLineStart, octet == 0x2D, octets[index...].starts(with: prefix) { return true }
      isLineStart = octet == 0x0A
    }
    return false
  }

  private static func isAlphanumeric(_ octet: UInt8) -> Bool {
    (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet)
      || (0x61...0x7A).contains(octet)
  }
}

extension AddedField {
  /// The value as it stands behind the colon, folded with CRLF.
  var octets: [UInt8] {
    Array(foldedValue.utf8).flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] }
  }
}
