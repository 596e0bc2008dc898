/// A text in the making: to add to a `String` that is going to be long takes several times longer.
public struct TextBuffer: Sendable {
  /// What there is of the text, in UTF-8.
  public private(set) var octets: [UInt8] = []

  /// Makes an empty text with room for so many octets.
  public init(capacity: Int) { octets.reserveCapacity(capacity) }

  /// The text.
  public var text: String { String(decoding: octets, as: UTF8.self) }

  /// Adds a piece of text.
  public static func += (buffer: inout TextBuffer, piece: String) {
    let piece = piece.utf8.span
    unsafe piece.withUnsafeBufferPointer { unsafe buffer.octets.append(contentsOf: $0) }
  }
}
