/// What gateways do to text.
enum BodyChanges {
  /// The text with each link put behind a prefix, escaped.
  static func rewritingLinks(in body: [UInt8], prefix: String) -> [UInt8] {
    var result: [UInt8] = []
    var rest = body[...]
    while !rest.isEmpty {
      guard rest.starts(with: "http://".utf8) || rest.starts(with: "https://".utf8) else {
        result.append(rest.removeFirst())
        continue
      }
      let link = rest.prefix { $0 > 0x20 && $0 < 0x7F && !"<>\"".utf8.contains($0) }
      rest = rest.dropFirst(link.count)
      result += Array(prefix.utf8) + escaped(link)
    }
    return result
  }

  private static func escaped(_ octets: ArraySlice<UInt8>) -> [UInt8] {
    octets.flatMap { octet in
      let isPlain =
        (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet | 0x20)
        || "-._~".utf8.contains(octet)
      return isPlain ? [octet] : Array("%\(hexadecimal(octet))".utf8)
    }
  }

  /// Text as quoted-printable (RFC 2045 section 6.7).
  static func quotedPrintable(_ body: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var lineLength = 0
    func put(_ octets: [UInt8]) {
      // A soft line break keeps lines below 77 octets.
      if lineLength + octets.count > 75 {
        result += Array("=\r\n".utf8)
        lineLength = 0
      }
      result += octets
      lineLength += octets.count
    }
    for (index, octet) in body.enumerated() {
      let endsLine = index + 1 >= body.count || body[index + 1] == 0x0D
      switch octet {
      case 0x0D where index + 1 < body.count && body[index + 1] == 0x0A: continue
      case 0x0A where index > 0 && body[index - 1] == 0x0D:
        result += [0x0D, 0x0A]
        lineLength = 0
      case 0x20 where !endsLine, 0x09 where !endsLine: put([octet])
      case 0x21...0x7E where octet != UInt8(ascii: "="): put([octet])
      default: put(Array("=\(hexadecimal(octet))".utf8))
      }
    }
    return result
  }

  private static func hexadecimal(_ octet: UInt8) -> String {
    let digits = String(octet, radix: 16, uppercase: true)
    return digits.utf8.count == 1 ? "0" + digits : digits
  }
}
