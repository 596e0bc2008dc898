import MailAuth

/// Takes out of texts what depends on the keys of a run, so that two runs can be compared.
enum KeyMaterial {
  private static let signed = ["DKIM-Signature", "ARC-Message-Signature", "ARC-Seal"]
  private static let reporting = [
    "Authentication-Results", "ARC-Authentication-Results",
  ]

  /// A header as text with LF line ends.
  static func text(of header: [HeaderField]) -> String {
    header.map { field in
      let value = String(decoding: field.value, as: UTF8.self).split(separator: "\r\n")
        .joined(separator: "\n")
      let shown: String
      if signed.contains(where: { field.isNamed($0) }) {
        shown = withoutSignature(value)
      } else if reporting.contains(where: { field.isNamed($0) }) {
        // Where a field is folded depends on what is left out.
        shown = " " + removed(from: field.text).replacing("; ", with: ";\n\t")
      } else {
        shown = value
      }
      return "\(field.nameText):\(shown)\n"
    }.joined()
  }

  /// Results without `header.b`, the beginning of a signature.
  static func removed(from results: String) -> String {
    var text = ""
    var rest = results[...]
    while let range = rest.firstRange(of: "header.b=") {
      text += rest[..<range.lowerBound]
      rest = rest[range.upperBound...].drop { !$0.isWhitespace && $0 != ";" }
      // The blank in front goes too where an entry ends here.
      while rest.first == ";" || rest.isEmpty, text.last?.isWhitespace == true {
        text.removeLast()
        if rest.isEmpty { break }
      }
    }
    return text + rest
  }

  /// A signature field with an ellipsis for `b=`.
  private static func withoutSignature(_ value: String) -> String {
    value.split(separator: ";", omittingEmptySubsequences: false).map { tag in
      let start = tag.drop { $0.isWhitespace }
      guard start.hasPrefix("b="), start.count > 2 else { return String(tag) }
      return tag.prefix { $0.isWhitespace } + "b=..."
    }.joined(separator: ";")
  }
}
