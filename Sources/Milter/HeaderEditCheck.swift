internal import Glibc
internal import MailAuth

extension HeaderEdit {
  /// The edit in a log line, which must not carry message content.
  var label: String {
    switch self {
    case .insert(let index, let name, _): "insert \(Array(name.utf8).printable()) at \(index)"
    case .delete(let name, let occurrence):
      "delete \(Array(name.utf8).printable()) number \(occurrence)"
    }
  }

  /// What forbids sending this edit to the MTA; nil when nothing does.
  ///
  /// The MTA takes names and values as they come, so a line end that is no fold would begin a
  /// field, or the body, of somebody else's choosing; and a NUL would end the text early.
  var problem: String? {
    switch self {
    case .insert(let index, let name, let value):
      if index < 0 || index > Int(Int32.max) { return "the index \(index) is out of range" }
      if !Self.isFieldName(name) { return "the field name is not one (RFC 5322 section 2.2)" }
      return Self.isFolded(value) ? nil : "the value holds NUL, CR, or a line end without a fold"
    case .delete(let name, let occurrence):
      if occurrence < 1 || occurrence > Int(Int32.max) {
        return "the occurrence \(occurrence) is out of range"
      }
      return Self.isFieldName(name) ? nil : "the field name is not one (RFC 5322 section 2.2)"
    }
  }

  private static func isFieldName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ":") }
  }

  private static func isFolded(_ value: String) -> Bool {
    var value = value
    return value.withUTF8 { octets in
      var rest = UnsafeRawBufferPointer(octets)
      if unsafe rest.place(of: 0) != nil || rest.place(of: 0x0D) != nil { return false }
      while let lineFeed = unsafe rest.place(of: 0x0A) {
        unsafe rest = UnsafeRawBufferPointer(rebasing: rest[(lineFeed + 1)...])
        guard let next = unsafe rest.first, next == 0x20 || next == 0x09 else { return false }
      }
      return true
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Where an octet stands first; nil when it does not.
  func place(of octet: UInt8) -> Int? {
    guard let start = baseAddress, let found = unsafe memchr(start, Int32(octet), count) else {
      return nil
    }
    return unsafe UnsafeRawPointer(found) - start
  }
}
