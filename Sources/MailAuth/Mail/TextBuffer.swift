/// A text in the making: to add to a `String` that is going to be long takes several times longer.
public struct TextBuffer: Sendable {
  // The text, and behind it room for more: to fill what is there costs half of an append.
  private var memory: [UInt8]
  private var count = 0

  /// Makes an empty text with room for so many octets.
  public init(capacity: Int) { memory = [UInt8](repeating: 0, count: max(capacity, 1)) }

  /// What there is of the text, in UTF-8.
  public var octets: ArraySlice<UInt8> { memory[..<count] }

  /// The text.
  public var text: String { String(decoding: octets, as: UTF8.self) }

  /// Adds a piece of text.
  public static func += (buffer: inout TextBuffer, piece: String) {
    unsafe piece.withOctets { unsafe buffer.add($0) }
  }

  private mutating func add(_ piece: UnsafeBufferPointer<UInt8>) {
    let start = count
    let end = start + piece.count
    if end > memory.count {
      memory += [UInt8](repeating: 0, count: max(end - memory.count, memory.count))
    }
    unsafe memory.withUnsafeMutableBufferPointer { memory in
      _ = unsafe memory[start...].update(fromContentsOf: piece)
    }
    count = end
  }
}
