/// How header or body are brought into the form that is hashed (RFC 6376 section 3.4).
public enum Canonicalization: String, Sendable, CaseIterable {
  /// Octets as they came; a body loses its empty lines at the end.
  case simple
  /// White space may change on the way.
  case relaxed

  /// The canonicalization of this name, whatever its case; nil when it is unknown.
  fileprivate init?(name: Substring.UTF8View) {
    if name.equalsIgnoringASCIICase(Self.relaxed.rawValue) {
      self = .relaxed
    } else if name.equalsIgnoringASCIICase(Self.simple.rawValue) {
      self = .simple
    } else {
      return nil
    }
  }

  /// A header field as it is hashed, without the CRLF behind it (sections 3.4.1 and 3.4.2).
  func canonical(_ field: HeaderField) -> [UInt8] {
    let colon = UInt8(ascii: ":")
    guard self == .relaxed else { return field.name + [colon] + field.value }
    var octets: [UInt8] = []
    octets.reserveCapacity(field.name.count + field.value.count + 1)
    for octet in field.name where !octet.isWhitespace { octets.append(octet.asciiLowercased) }
    octets.append(colon)
    let start = octets.count
    var hasBlank = false
    for octet in field.value {
      // A CR or LF that ends no line has no place in a header; as white space it is harmless.
      if octet.isFoldingWhitespace {
        hasBlank = true
        continue
      }
      if hasBlank && octets.count > start { octets.append(0x20) }
      hasBlank = false
      octets.append(octet)
    }
    return octets
  }
}

/// The value of `c=`: one canonicalization for the header, one for the body (section 3.5).
struct SignatureCanonicalization: Sendable, Equatable, CustomStringConvertible {
  /// For header fields.
  var header: Canonicalization
  /// For the body.
  var body: Canonicalization

  /// Parses the value of `c=`; nil stands for an absent tag, which means simple/simple.
  ///
  /// One name is the header's; the body's is then simple. Nil when a name is unknown.
  init?(_ text: String?) {
    guard let text else {
      self.init(header: .simple, body: .simple)
      return
    }
    let octets = text.utf8
    let slash = octets.firstIndex(of: UInt8(ascii: "/"))
    guard let header = Canonicalization(name: octets[..<(slash ?? octets.endIndex)]) else {
      return nil
    }
    guard let slash else {
      self.init(header: header, body: .simple)
      return
    }
    // No name holds a second slash.
    guard let body = Canonicalization(name: octets[octets.index(after: slash)...]) else {
      return nil
    }
    self.init(header: header, body: body)
  }

  init(header: Canonicalization, body: Canonicalization) {
    self.header = header
    self.body = body
  }

  var description: String { "\(header.rawValue)/\(body.rawValue)" }
}

extension HeaderField {
  /// The field with the value of its `b=` tag taken out, white space around it included: what a
  /// signature says of itself (RFC 6376 section 3.7).
  var withoutSignatureValue: HeaderField {
    let semicolon = UInt8(ascii: ";")
    let tags = value.split(separator: semicolon, omittingEmptySubsequences: false).map { tag in
      guard let equals = tag.firstIndex(of: UInt8(ascii: "=")),
        tag[..<equals].trimmingFoldingWhitespace().elementsEqual([UInt8(ascii: "b")])
      else { return tag }
      return tag[...equals]
    }
    return HeaderField(name: name, value: Array(tags.joined(separator: [semicolon])))
  }
}
