/// One key of the configuration file: its name, type, default, limits and help text.
///
/// They stand nowhere else; parsing, checks, the example file and the README's table come from
/// ``all``.
struct ConfigurationKey: Sendable {
  /// What a key's value may be.
  enum Kind: Sendable {
    case boolean
    case integer(ClosedRange<Int>)
    /// An integer or a number with a fraction.
    case number(ClosedRange<Double>)
    case choice([String])
    /// Text; the check says what is wrong with it, or nil.
    case text(check: @Sendable (String) -> String?)
    /// A file name; relative ones are relative to the configuration file.
    case path
    /// An array of texts; the check is for each.
    case texts(check: @Sendable (String) -> String?)
  }

  /// The table and the key, joined by a dot.
  let name: String
  /// What its value may be.
  let kind: Kind
  /// The value when the file has none; nil when there is none, or none that is always the same.
  let defaultValue: ConfigurationValue?
  /// Where the value comes from when ``defaultValue`` is nil.
  let defaultText: String?
  /// What the value counts; nil when it counts nothing.
  let unit: String?
  /// What is allowed, when ``kind`` does not say it.
  let allowedText: String?
  /// A value for the example file, for keys without a default.
  let example: ConfigurationValue?
  /// What the key is for: sentences on one line.
  let help: String

  init(
    _ name: String, _ kind: Kind, default value: ConfigurationValue? = nil,
    defaultText: String? = nil, unit: String? = nil, allowed: String? = nil,
    example: ConfigurationValue? = nil, help: String
  ) {
    self.name = name
    self.kind = kind
    self.defaultValue = value
    self.defaultText = defaultText
    self.unit = unit
    self.allowedText = allowed
    self.example = example
    self.help = help
  }

  /// The table, in front of the dot.
  var table: String { String(name.prefix { $0 != "." }) }
  /// The key within its table.
  var lastName: String { String(name.drop { $0 != "." }.dropFirst()) }

  /// Whether the key is about sealing, which in the lab is a hop.
  var isForSealing: Bool { name == "arc.seal" || name.contains("seal_") }

  /// The type, for people.
  var typeText: String {
    switch kind {
    case .boolean: "boolean"
    case .integer: "integer"
    case .number: "number"
    case .choice, .text: "string"
    case .path: "file name"
    case .texts: "array of strings"
    }
  }

  /// What is allowed, for people and error messages.
  var allowed: String {
    if let allowedText { return allowedText }
    switch kind {
    case .boolean: return "true or false"
    case .integer(let range): return "\(range.lowerBound) to \(range.upperBound)\(unitSuffix)"
    case .number(let range):
      let lower = ConfigurationValue.number(range.lowerBound).tomlText
      let upper = ConfigurationValue.number(range.upperBound).tomlText
      return "\(lower) to \(upper)\(unitSuffix)"
    case .choice(let words): return words.map { "\"\($0)\"" }.joined(separator: ", ")
    case .path: return "a file name in quotes"
    case .text: return "text in quotes"
    case .texts: return "an array of texts in quotes"
    }
  }

  private var unitSuffix: String { unit.map { " \($0)" } ?? "" }

  /// What is wrong with a value; empty when nothing is.
  func problems(in value: ConfigurationValue) -> [ValueProblem] {
    switch (kind, value) {
    case (.boolean, .boolean): []
    case (.integer(let range), .integer(let number)):
      range.contains(number) ? [] : [ValueProblem("\(number) is out of range")]
    case (.number(let range), .integer(let number)):
      range.contains(Double(number)) ? [] : [ValueProblem("\(number) is out of range")]
    case (.number(let range), .number(let number)):
      range.contains(number) ? [] : [ValueProblem("\(number) is out of range")]
    case (.choice(let words), .string(let word)):
      words.contains(word) ? [] : [ValueProblem("\(value.tomlText) is not known")]
    case (.path, .string(let path)):
      path.isEmpty || path.utf8.contains(0) ? [ValueProblem("the file name is empty")] : []
    case (.text(let check), .string(let text)):
      check(text).map { [ValueProblem($0)] } ?? []
    case (.texts(let check), .array(let values)):
      values.enumerated().compactMap { index, value in
        guard case .string(let text) = value else {
          return ValueProblem("must hold strings only, not \(value.kindText)", element: index)
        }
        return check(text).map { ValueProblem($0, element: index) }
      }
    default: [ValueProblem("must be \(typeWithArticle), not \(value.kindText)")]
    }
  }

  private var typeWithArticle: String {
    switch kind {
    case .integer, .texts: "an \(typeText)"
    case .path: "a string"
    default: "a \(typeText)"
    }
  }
}

/// Something wrong with a value.
struct ValueProblem: Equatable {
  /// What, for people.
  var text: String
  /// Which element of an array, from 0; nil for the value as a whole.
  var element: Int?

  init(_ text: String, element: Int? = nil) {
    self.text = text
    self.element = element
  }
}
