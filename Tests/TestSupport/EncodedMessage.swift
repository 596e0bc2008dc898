/// A command and its macros as packets, encoded once to be sent many times.
public struct EncodedCommand: Sendable {
  struct Macro: Sendable {
    var name: String
    /// Name and value, a NUL behind each.
    var octets: [UInt8]
  }

  let letter: UInt8
  let packet: [UInt8]
  let macros: [Macro]

  /// Encodes a command.
  ///
  /// - Parameters:
  ///   - letter: The command, such as `M` for MAIL.
  ///   - payload: What follows it.
  ///   - macros: Those that the MTA knows at this stage, in the order in which it sends them.
  public init(
    _ letter: Character, _ payload: [UInt8] = [], macros: KeyValuePairs<String, String> = [:]
  ) {
    self.letter = letter.asciiValue ?? 0
    packet = MilterPacket(letter, payload).wireForm
    self.macros = macros.map {
      Macro(name: $0.key, octets: MilterPacket.octets($0.key) + MilterPacket.octets($0.value))
    }
  }
}

/// A header as packets, which filters may edit.
public struct EncodedHeader: Sendable {
  struct Field: Sendable {
    var name: String
    /// The packet with the blank behind the colon, for filters that want it.
    var spaced: [UInt8]
    /// The packet without it.
    var bare: [UInt8]

    init(name: String, value: [UInt8]) {
      self.name = name
      let start = MilterPacket.octets(name)
      spaced = MilterPacket("L", start + value + [0]).wireForm
      bare =
        value.first == UInt8(ascii: " ")
        ? MilterPacket("L", start + value.dropFirst() + [0]).wireForm : spaced
    }
  }

  let fields: [Field]
  private let allSpaced: [UInt8]
  private let allBare: [UInt8]

  init(_ fields: [Field]) {
    self.fields = fields
    allSpaced = fields.flatMap(\.spaced)
    allBare = fields.flatMap(\.bare)
  }

  /// Encodes fields as a ``MilterMessage`` has them.
  public init(_ fields: [MilterMessage.Field]) {
    self.init(fields.map { Field(name: $0.name, value: $0.octets ?? Array($0.value.utf8)) })
  }

  /// All fields, one packet behind the other.
  func packets(spaced: Bool) -> [UInt8] { spaced ? allSpaced : allBare }

  /// The header after a filter's edits, which the next filter gets to see.
  ///
  /// - Parameters:
  ///   - edits: What the filter asked for.
  ///   - isSpaced: Whether its values have the blank behind the colon.
  /// - Returns: The edited header.
  public func applying(_ edits: [MilterEdit], isSpaced: Bool) -> EncodedHeader {
    var fields = self.fields
    func field(_ name: String, _ value: String) -> Field {
      Field(name: name, value: (isSpaced ? [] : [UInt8(ascii: " ")]) + Array(value.utf8))
    }
    for edit in edits {
      switch edit {
      case .insert(let index, let name, let value):
        // Position 0 is above the MTA's own Received field, which filters do not see.
        let position = min(Int(index == 0 ? 0 : index - 1), fields.count)
        fields.insert(field(name, value), at: position)
      case .change(let occurrence, let name, let value):
        let places = fields.indices.filter { fields[$0].name.lowercased() == name.lowercased() }
        let number = Int(max(occurrence, 1)) - 1
        guard number < places.count else { continue }
        if value.isEmpty {
          fields.remove(at: places[number])
        } else {
          fields[places[number]] = field(name, value)
        }
      case .add(let name, let value): fields.append(field(name, value))
      case .hold: break
      }
    }
    return EncodedHeader(fields)
  }
}

/// A body as packets.
public struct EncodedBody: Sendable {
  /// The most that Postfix puts into one packet.
  static let chunkSize = 65_535

  let packets: [UInt8]
  /// Where each packet ends.
  let ends: [Int]

  /// Encodes a body.
  public init(_ body: ArraySlice<UInt8>) {
    var packets: [UInt8] = []
    var ends: [Int] = []
    packets.reserveCapacity(body.count + 5 * (body.count / Self.chunkSize + 1))
    var rest = body
    while !rest.isEmpty {
      let chunk = rest.prefix(Self.chunkSize)
      packets += MilterPacket.octets(UInt32(chunk.count + 1))
      packets.append(UInt8(ascii: "B"))
      packets += chunk
      ends.append(packets.count)
      rest = rest.dropFirst(Self.chunkSize)
    }
    self.packets = packets
    self.ends = ends
  }
}

extension MilterClient {
  /// Sends a command unless the filter does not want it, with the macros that it wants.
  ///
  /// - Returns: The reply; nil where there is none.
  public func send(_ command: EncodedCommand) throws -> MilterReplyCode? {
    guard !agreement.skips(command.letter) else { return nil }
    try writeMacros(of: command)
    try write(encoded: command.packet)
    return agreement.waivesReply(toByte: command.letter) ? nil : try readReply()
  }

  /// Sends header, body and end of a message.
  ///
  /// - Parameters:
  ///   - header: The header, with the edits of the filters before this one.
  ///   - body: The body.
  ///   - queueID: The value of the macro `i`.
  /// - Returns: Edits and reply; a reply other than "continue" ends the message early.
  /// - Throws: ``Failure``.
  public func sendContent(
    header: EncodedHeader, body: EncodedBody, queueID: String
  ) throws -> MilterOutcome {
    if let outcome = try early(send(header)) { return outcome }
    if let outcome = try early(send(EncodedCommand("N", macros: ["i": queueID]))) {
      return outcome
    }
    if let outcome = try early(send(body)) { return outcome }
    let end = EncodedCommand("E", macros: ["i": queueID])
    try writeMacros(of: end)
    try write(encoded: end.packet)
    return try readOutcome()
  }

  private func early(_ reply: MilterReplyCode?) throws -> MilterOutcome? {
    guard let reply, reply != .continue else { return nil }
    return MilterOutcome(edits: [], reply: reply)
  }

  private func send(_ header: EncodedHeader) throws -> MilterReplyCode? {
    let letter = UInt8(ascii: "L")
    guard !agreement.skips(letter) else { return nil }
    if agreement.waivesReply(toByte: letter) {
      try write(encoded: header.packets(spaced: agreement.wantsLeadingSpace))
      return nil
    }
    for field in header.fields {
      try write(encoded: agreement.wantsLeadingSpace ? field.spaced : field.bare)
      let reply = try readReply()
      if reply != .continue { return reply }
    }
    return nil
  }

  private func send(_ body: EncodedBody) throws -> MilterReplyCode? {
    let letter = UInt8(ascii: "B")
    guard !agreement.skips(letter) else { return nil }
    if agreement.waivesReply(toByte: letter) {
      try write(encoded: body.packets)
      return nil
    }
    var start = 0
    for end in body.ends {
      try write(encoded: body.packets[start..<end])
      switch try readReply() {
      case .continue: start = end
      case .skip: return nil
      case let other: return other
      }
    }
    return nil
  }
}
