import MailAuth

/// A header as a receiver got it, with marks at what the author did not write.
struct HeaderListing {
  private let receipt: LabReceipt
  private let original: [Field]

  private struct Field: Equatable {
    var text: String
    var name: String { String(text.prefix { $0 != ":" }).lowercased() }
    /// Whatever the folds.
    var content: String {
      text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
  }

  /// Where more ARC fields than this follow one another, they are folded away.
  private static let mostARCFields = 15

  /// Makes a listing.
  ///
  /// - Parameters:
  ///   - receipt: What was received.
  ///   - original: The header as the author wrote it, LF line ends.
  init(_ receipt: LabReceipt, original: String) {
    self.receipt = receipt
    self.original = Self.fields(original)
  }

  /// The header of a message at the beginning of its way.
  static func text(of mail: ScenarioMail) -> String { KeyMaterial.text(of: Letter(mail).header) }

  private static func fields(_ header: String) -> [Field] {
    var fields: [Field] = []
    for line in header.split(separator: "\n") {
      if line.first == " " || line.first == "\t", !fields.isEmpty {
        fields[fields.count - 1].text += "\n" + line
      } else {
        fields.append(Field(text: String(line)))
      }
    }
    return fields
  }

  var markup: Markup {
    let fields = Self.fields(receipt.header)
    let gone = original.filter { old in !fields.contains { $0.name == old.name } }
      .map { String($0.text.prefix { $0 != ":" }) }
    let goneText: Markup =
      gone.isEmpty ? "" : "<p>Taken off on the way: \(gone.joined(separator: ", ")).</p>"
    let removed: Markup =
      receipt.removedFields.isEmpty
      ? "" : "<p>Taken off here: \(receipt.removedFields.joined(separator: ", ")).</p>"
    return """
      <h4>Header as received</h4>
      <p><span class="mark">+</span> added and <span class="mark">~</span> changed since the author \
      wrote it</p>
      <div class="header">
      \(groups(fields))
      </div>
      \(goneText)\(removed)
      <p>Put on top here:</p>
      <div class="header"><pre class="new">Authentication-Results: \
      \(receipt.authenticationResults)</pre></div>
      """
  }

  private func groups(_ fields: [Field]) -> [Markup] {
    var parts: [Markup] = []
    var rest = fields[...]
    while let first = rest.first {
      let sets = rest.prefix { $0.name.hasPrefix("arc-") }
      guard sets.count > Self.mostARCFields else {
        parts.append(line(first))
        rest = rest.dropFirst()
        continue
      }
      parts.append(
        """
        <details><summary>\(sets.count) fields of ARC</summary>
        \(sets.map { line($0) })
        </details>
        """)
      rest = rest.dropFirst(sets.count)
    }
    return parts
  }

  private func line(_ field: Field) -> Markup {
    if original.contains(where: { $0.content == field.content }) {
      return "<pre>\(field.text)</pre>"
    }
    let isChanged = original.contains { $0.name == field.name }
    return isChanged
      ? "<pre class=\"changed\">\(field.text)</pre>" : "<pre class=\"new\">\(field.text)</pre>"
  }
}
