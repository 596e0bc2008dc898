/// One packet of the milter protocol: a length, a letter and its payload.
public struct MilterPacket: Sendable, Equatable {
  /// The command of the MTA, or the reply or request of the filter.
  public var command: UInt8
  /// What follows it.
  public var payload: [UInt8]

  /// Makes a packet.
  public init(_ command: Character, _ payload: [UInt8] = []) {
    self.command = command.asciiValue ?? 0
    self.payload = payload
  }

  init(command: UInt8, payload: [UInt8]) {
    self.command = command
    self.payload = payload
  }

  /// The packet on the wire.
  public var wireForm: [UInt8] {
    Self.octets(UInt32(truncatingIfNeeded: payload.count + 1)) + [command] + payload
  }

  /// A number in network byte order.
  public static func octets(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }

  /// Text with the NUL that ends it.
  public static func octets(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }
}

/// Reads the fields of a packet's payload.
struct MilterPayloadReader {
  private var rest: ArraySlice<UInt8>

  init(_ payload: [UInt8]) { rest = payload[...] }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func number() -> UInt32? {
    guard rest.count >= 4 else { return nil }
    defer { rest = rest.dropFirst(4) }
    return rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  mutating func text() -> String? {
    guard let end = rest.firstIndex(of: 0) else { return nil }
    defer { rest = rest[(end + 1)...] }
    return String(decoding: rest[..<end], as: UTF8.self)
  }
}
