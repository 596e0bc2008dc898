import TOMLKit

/// A value as it stands in a configuration file, or as a default.
enum ConfigurationValue: Sendable, Equatable {
  case string(String)
  case integer(Int)
  case number(Double)
  case boolean(Bool)
  case array([ConfigurationValue])
  /// A table or date, which no key takes; the text names what it is.
  case other(String)

  /// Copies a value out of TOMLKit's memory.
  init(_ value: any TOMLValueConvertible) {
    if let string = value.string {
      self = .string(string)
    } else if let integer = value.int {
      self = .integer(integer)
    } else if let number = value.double {
      self = .number(number)
    } else if let boolean = value.bool {
      self = .boolean(boolean)
    } else if let array = value.array {
      self = .array(array.map { ConfigurationValue($0) })
    } else {
      self = .other(value.type.description)
    }
  }

  /// What kind of value this is, for people.
  var kindText: String {
    switch self {
    case .string: "a string"
    case .integer: "an integer"
    case .number: "a number"
    case .boolean: "a boolean"
    case .array: "an array"
    case .other(let name): "a \(name)"
    }
  }

  /// The value as TOML.
  var tomlText: String {
    switch self {
    case .string(let text): Self.quoted(text)
    case .integer(let number): String(number)
    case .number(let number):
      Int(exactly: number).map(String.init) ?? String(number)
    case .boolean(let isTrue): isTrue ? "true" : "false"
    case .array(let values): "[" + values.map(\.tomlText).joined(separator: ", ") + "]"
    case .other(let name): name
    }
  }

  /// The value without quotes, as people write it in scenarios and behind `--set`.
  var plainText: String {
    if case .string(let text) = self { text } else { tomlText }
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\":
        quoted += "\\"
        quoted.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
