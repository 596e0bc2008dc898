internal import Foundation

/// A message as it lies in a mailbox, taken apart just so far that a test can look at its header.
public struct DeliveredMessage: Sendable {
  /// One header field, unfolded.
  public struct Field: Sendable, Equatable {
    /// The name as written.
    public let name: String
    /// The value with folds replaced by single blanks, no blanks around it.
    public let value: String
  }

  /// The header fields from the top down.
  public let fields: [Field]
  /// The octets behind the empty line.
  public let body: [UInt8]

  /// Takes a message apart; line ends are LF.
  public init(_ message: [UInt8]) {
    var lines: [String] = []
    var rest = message[...]
    while let end = rest.firstIndex(of: 0x0A), end > rest.startIndex {
      let line = String(decoding: rest[..<end], as: UTF8.self)
      if let first = line.utf8.first, first == 0x20 || first == 0x09, let last = lines.indices.last
      {
        lines[last] += " " + line.trimmingCharacters(in: .whitespaces)
      } else {
        lines.append(line)
      }
      rest = rest[rest.index(after: end)...]
    }
    fields = lines.map { line in
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let value = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
      return Field(name: String(parts[0]), value: value)
    }
    body = Array(rest.dropFirst())
  }

  /// The values of all fields of this name, in any case, from the top down.
  public subscript(name: String) -> [String] {
    fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
  }

  /// The queue ID in the topmost Received field; nil when there is none.
  public var queueID: String? {
    guard let received = self["Received"].first, let range = received.range(of: " id ") else {
      return nil
    }
    return String(received[range.upperBound...].prefix { $0.isLetter || $0.isNumber })
  }
}
