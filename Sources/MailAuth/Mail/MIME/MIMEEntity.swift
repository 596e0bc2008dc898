/// A message, or a part of one, as MIME sees it (RFC 2045, RFC 2046): header fields and a body,
/// which may be divided into further entities.
///
/// Whole octets go in and stay unchanged: line ends may be LF or CRLF, also mixed. Damage is read
/// as far as it has one meaning: a field that cannot be read makes the entity an attachment of
/// unknown kind, a part that is not closed ends with what holds it (RFC 2046 section 5.1.2).
public struct MIMEEntity: Sendable {
  /// How deep entities may lie in each other, messages in messages included.
  public static let maximumDepth = 12
  /// How many entities one message may be divided into.
  public static let maximumParts = 1_000

  /// The header fields, from the top down.
  public let fields: [HeaderField]
  /// Content-Type; `text/plain` where there is none (RFC 2045 section 5.2), and
  /// `application/octet-stream` where it cannot be read.
  public let contentType: MIMEFieldValue
  /// Content-Disposition; nil when there is none that can be read.
  public let contentDisposition: MIMEFieldValue?
  /// The entities of a multipart body, in order; empty for anything else.
  public let children: [MIMEEntity]
  /// The body as it stands in the message, its transfer encoding not undone.
  public let encodedBody: ArraySlice<UInt8>

  private let depth: Int

  /// Divides a message.
  ///
  /// - Throws: ``MIMEError`` when it is nested too deep, has too many parts, or is a multipart that
  ///   does not name its boundary.
  public init(parsing octets: [UInt8]) throws(MIMEError) {
    var parts = 0
    try self.init(octets[...], depth: 1, parts: &parts)
  }

  private init(
    _ octets: ArraySlice<UInt8>, depth: Int, parts: inout Int, isInDigest: Bool = false
  ) throws(MIMEError) {
    guard depth <= Self.maximumDepth else { throw .tooDeep }
    parts += 1
    guard parts <= Self.maximumParts else { throw .tooManyParts }
    let (fields, body) = Self.divide(octets)
    func value(_ name: String) -> [UInt8]? { fields.first { $0.isNamed(name) }?.value }
    let standard = MIMEFieldValue(isInDigest ? "message/rfc822" : "text/plain")
    let unknown = MIMEFieldValue("application/octet-stream")
    let contentType =
      value("Content-Type").map {
        MIMEFieldValue(mediaType: $0) ?? unknown
      } ?? standard
    self.fields = fields
    self.contentType = contentType
    contentDisposition = value("Content-Disposition").flatMap(MIMEFieldValue.init(token:))
    encodedBody = body
    self.depth = depth
    guard contentType.value.hasPrefix("multipart/") else {
      children = []
      return
    }
    guard let boundary = contentType.parameters["boundary"], !boundary.isEmpty else {
      throw .noBoundary
    }
    var children: [MIMEEntity] = []
    for part in MIMEBoundary.parts(of: body, boundary: Array(boundary.utf8)) {
      children.append(
        try MIMEEntity(
          part, depth: depth + 1, parts: &parts,
          isInDigest: contentType.value == "multipart/digest"))
    }
    self.children = children
  }

  /// `type/subtype`, lower case.
  public var mediaType: String { contentType.value }

  /// The parameters of Content-Type, their names in lower case.
  public var parameters: [String: String] { contentType.parameters }

  /// The name that the sender gave to the part as a file; nil when there is none.
  ///
  /// Any text: it may hold slashes and control characters.
  public var fileName: String? {
    contentDisposition?.parameters["filename"] ?? contentType.parameters["name"]
  }

  /// The value of the first field of this name, unfolded and trimmed; nil when there is none.
  ///
  /// Octets that are not UTF-8 are replaced.
  public func text(of name: String) -> String? {
    guard let field = fields.first(where: { $0.isNamed(name) }) else { return nil }
    let unfolded = field.value.filter { $0 != 0x0D && $0 != 0x0A }
    return String(decoding: unfolded.trimmingFoldingWhitespace(), as: UTF8.self)
  }

  /// The body with its transfer encoding undone (RFC 2045 section 6); that of a multipart as it is.
  ///
  /// - Throws: ``MIMEError`` when the encoding is unknown, or the body breaks its rules.
  public func decodedBody() throws(MIMEError) -> [UInt8] {
    let name = (text(of: "Content-Transfer-Encoding") ?? "7bit").asciiLowercased()
    switch name {
    case "7bit", "8bit", "binary", "": return Array(encodedBody)
    case "base64": return try MIMEDecoding.base64(encodedBody)
    case "quoted-printable": return try MIMEDecoding.quotedPrintable(encodedBody)
    default: throw .unknownEncoding(name.utf8.printable(limit: 60))
    }
  }

  /// The message inside a `message/rfc822` or `message/global` entity; nil for other entities.
  ///
  /// - Throws: ``MIMEError`` as ``init(parsing:)`` and ``decodedBody()`` do.
  public func embeddedMessage() throws(MIMEError) -> MIMEEntity? {
    guard ["message/rfc822", "message/global"].contains(mediaType) else { return nil }
    var parts = 0
    return try MIMEEntity(try decodedBody()[...], depth: depth + 1, parts: &parts)
  }

  /// The entities that are not divided further, in order: the entity itself, or those of its
  /// children.
  public var leaves: [MIMEEntity] {
    mediaType.hasPrefix("multipart/") ? children.flatMap(\.leaves) : [self]
  }

  /// The header, as ``MessageReader`` divides it, and what stands behind the empty line.
  private static func divide(
    _ octets: ArraySlice<UInt8>
  ) -> (fields: [HeaderField], body: ArraySlice<UInt8>) {
    var lines = LineCursor(octets)
    var fields: [HeaderField] = []
    var isFirst = true
    while let line = lines.next() {
      let text = line.content
      defer { isFirst = false }
      if isFirst, text.starts(with: "From ".utf8) { continue }
      if text.isEmpty { return (fields, lines.rest) }
      if text.first?.isWhitespace == true, let last = fields.indices.last {
        fields[last].value += [0x0D, 0x0A] + text
      } else if let colon = text.firstIndex(of: UInt8(ascii: ":")), colon > text.startIndex,
        text[..<colon].allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 })
      {
        let name = text[..<colon].trimmingFoldingWhitespace()
        fields.append(HeaderField(name: Array(name), value: Array(text[(colon + 1)...])))
      } else {
        // Neither a field nor a continuation: the empty line is missing.
        return (fields, octets[line.content.startIndex...])
      }
    }
    return (fields, [])
  }
}

/// Why a message cannot be divided, or a body not be decoded.
public enum MIMEError: Error, Equatable, CustomStringConvertible {
  /// More entities in each other than ``MIMEEntity/maximumDepth``.
  case tooDeep
  /// More entities than ``MIMEEntity/maximumParts``.
  case tooManyParts
  /// A multipart without a boundary parameter.
  case noBoundary
  /// A Content-Transfer-Encoding that nobody knows; printable text.
  case unknownEncoding(String)
  /// A body breaks the rules of its encoding, at a line of it counted from 1.
  case badEncoding(name: String, line: Int)

  /// What is wrong, the middle of a sentence.
  public var description: String {
    switch self {
    case .tooDeep: "the mail has parts nested more than \(MIMEEntity.maximumDepth) deep"
    case .tooManyParts: "the mail has more than \(MIMEEntity.maximumParts) parts"
    case .noBoundary: "a multipart of the mail does not name its boundary"
    case .unknownEncoding(let name):
      "a part of the mail has the unknown Content-Transfer-Encoding \(name)"
    case .badEncoding(let name, let line):
      "a part of the mail is not valid \(name): line \(line) of the part's body"
    }
  }
}
