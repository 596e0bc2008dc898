import Glibc

/// The MTA's side of the milter protocol, as Postfix speaks it: one connection to a filter.
///
/// Commands whose reply the filter waived are buffered and go out with the next one that is
/// answered, macros in front of their command. A read that takes longer than the timeout throws.
public final class MilterClient {
  /// Where the filter listens.
  public enum Endpoint: Sendable {
    /// A Unix socket.
    case unix(String)
    /// A TCP port on 127.0.0.1.
    case loopback(port: UInt16)
  }

  /// What the MTA offers when it greets the filter.
  public struct Offer: Sendable {
    /// The protocol version.
    public var version: UInt32
    /// The actions that the filter may ask for (`SMFIF_...`).
    public var actions: UInt32
    /// The protocol steps that the filter may switch (`SMFIP_...`).
    public var steps: UInt32

    /// Makes an offer.
    public init(version: UInt32, actions: UInt32, steps: UInt32) {
      self.version = version
      self.actions = actions
      self.steps = steps
    }

    /// What Postfix 3 offers: every action and step of version 6.
    public static let postfix = Offer(version: 6, actions: 0x1FF, steps: 0x1F_FFFF)
  }

  /// What the filter made of the offer.
  public struct Agreement: Sendable, Equatable {
    /// The protocol version.
    public var version: UInt32 = 0
    /// The actions that the filter asks for.
    public var actions: UInt32 = 0
    /// The protocol steps that the filter switched.
    public var steps: UInt32 = 0
    /// The macros that the filter wants by stage number; nil when it left them to the MTA.
    public var macros: [UInt32: String]?

    /// Whether the filter said that it will not reply to this command.
    public func waivesReply(to command: Character) -> Bool {
      command.asciiValue.map(waivesReply(toByte:)) ?? false
    }

    func waivesReply(toByte command: UInt8) -> Bool { steps & waiverBit(command) != 0 }

    /// Whether the filter does not want to hear of this command at all.
    func skips(_ command: UInt8) -> Bool { steps & skipBit(command) != 0 }

    /// Whether the filter wants the blank behind a field's colon.
    public var wantsLeadingSpace: Bool { steps & 0x10_0000 != 0 }
  }

  /// What is wrong with the filter or the connection.
  public enum Failure: Error, Equatable {
    /// The connection could not be made; the system's error number.
    case notConnected(Int32)
    /// Nothing came within the timeout.
    case timeout
    /// The filter closed the connection.
    case closed
    /// A packet that has no place here.
    case unexpected(MilterPacket)
  }

  /// What was agreed; empty before ``negotiate(_:)``.
  public private(set) var agreement = Agreement()

  /// The macros that the filter wants by command; nil when it left them to the MTA.
  private var wantedMacros: [UInt8: [String]]?
  private let descriptor: Int32
  private let timeoutMilliseconds: Int32
  private var output: [UInt8] = []
  private var input = [UInt8](repeating: 0, count: 16_384)
  /// What of `input` was received and not read yet.
  private var received = 0..<0

  /// Connects; nothing is sent yet.
  public init(_ endpoint: Endpoint, timeoutSeconds: Int = 20) throws {
    let family: Int32
    switch endpoint {
    case .unix: family = AF_UNIX
    case .loopback: family = AF_INET
    }
    descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0, Self.connect(descriptor, endpoint) == 0 else {
      let reason = errno
      if descriptor >= 0 { Glibc.close(descriptor) }
      throw Failure.notConnected(reason)
    }
    timeoutMilliseconds = Int32(timeoutSeconds) * 1000
  }

  deinit {
    Glibc.close(descriptor)
  }

  // MARK: Commands

  /// Offers and reads the filter's answer.
  @discardableResult
  public func negotiate(_ offer: Offer = .postfix) throws -> Agreement {
    let payload =
      MilterPacket.octets(offer.version) + MilterPacket.octets(offer.actions)
      + MilterPacket.octets(offer.steps)
    write(MilterPacket("O", payload))
    let answer = try readPacket()
    var reader = MilterPayloadReader(answer.payload)
    guard answer.command == UInt8(ascii: "O"), let version = reader.number(),
      let actions = reader.number(), let steps = reader.number()
    else { throw Failure.unexpected(answer) }
    agreement = Agreement(version: version, actions: actions, steps: steps)
    while !reader.isAtEnd {
      guard let stage = reader.number(), let names = reader.text() else {
        throw Failure.unexpected(answer)
      }
      agreement.macros = (agreement.macros ?? [:]).merging([stage: names]) { $1 }
    }
    wantedMacros = agreement.macros.map(Self.names(byStage:))
    return agreement
  }

  /// Sends a command with the macros that the filter wants in front of it, and reads the reply
  /// unless it is waived.
  ///
  /// - Returns: The reply; nil where there is none.
  @discardableResult
  public func command(
    _ letter: Character, _ payload: [UInt8] = [], macros: [String: String] = [:]
  ) throws -> MilterReplyCode? {
    writeMacros(letter, macros)
    write(MilterPacket(letter, payload))
    if agreement.waivesReply(to: letter) { return nil }
    return try readReply()
  }

  /// Tells the filter about the SMTP client.
  @discardableResult
  public func connect(_ client: MilterClientHost, hostName: String) throws -> MilterReplyCode? {
    try command("C", client.payload, macros: ["j": hostName, "v": "Postfix 3.7.11"])
  }

  /// Sends the end of the message; reads edits and the reply.
  public func endOfMessage(queueID: String) throws -> MilterOutcome {
    writeMacros("E", ["i": queueID])
    write(MilterPacket("E"))
    return try readOutcome()
  }

  func readOutcome() throws -> MilterOutcome {
    var edits: [MilterEdit] = []
    while true {
      let packet = try readPacket()
      if let edit = MilterEdit(packet) {
        edits.append(edit)
      } else if let reply = MilterReplyCode(packet) {
        return MilterOutcome(edits: edits, reply: reply)
      } else {
        throw Failure.unexpected(packet)
      }
    }
  }

  /// Sends one message, MAIL to its end; a reply other than "continue" ends it, as in Postfix.
  public func deliver(_ message: MilterMessage) throws -> MilterOutcome {
    if let outcome = try begin(message) { return outcome }
    for field in message.header {
      let payload =
        MilterPacket.octets(field.name)
        + (field.octets.map { $0 + [0] } ?? MilterPacket.octets(field.value))
      if let outcome = try final(command("L", payload)) { return outcome }
    }
    if let outcome = try final(command("N")) { return outcome }
    var rest = message.body[...]
    while !rest.isEmpty {
      if let outcome = try final(command("B", Array(rest.prefix(65_535)))) { return outcome }
      rest = rest.dropFirst(65_535)
    }
    let outcome = try endOfMessage(queueID: message.queueID)
    // Postfix's SMTP server resets the milter after every message, also after an answered one.
    abort()
    return outcome
  }

  /// Sends MAIL and RCPT; an outcome when the message ends there.
  public func begin(_ message: MilterMessage) throws -> MilterOutcome? {
    let mail = MilterPacket.octets("<\(message.mailFrom)>") + MilterPacket.octets("SIZE=1000")
    let macros = message.authenticatedName.map { ["{auth_authen}": $0] } ?? [:]
    if let outcome = try final(command("M", mail, macros: macros)) { return outcome }
    for recipient in message.recipients {
      let reply = try command("R", MilterPacket.octets("<\(recipient)>"))
      if let outcome = try final(reply) { return outcome }
    }
    return nil
  }

  /// Ends a message before its time; has no reply.
  public func abort() { write(MilterPacket("A")) }

  /// Ends the connection in the protocol's way; has no reply.
  public func quit() throws {
    write(MilterPacket("Q"))
    try flush()
  }

  private func final(_ reply: MilterReplyCode?) throws -> MilterOutcome? {
    guard let reply, reply != .continue else { return nil }
    abort()
    try flush()
    return MilterOutcome(edits: [], reply: reply)
  }

  // MARK: Packets

  /// Buffers a packet.
  public func write(_ packet: MilterPacket) {
    output += packet.wireForm
    // Postfix's buffer is small; here it only has to stay bounded. Errors appear when reading.
    if output.count > 65_536 { try? flush() }
  }

  /// Buffers packets that are encoded already; long ones go out at once, without being copied.
  func write(encoded octets: [UInt8]) throws {
    if output.count + octets.count <= 65_536 {
      output += octets
    } else {
      try flush()
      try send(octets[...])
    }
  }

  /// Buffers, or sends, a part of packets that are encoded already.
  func write(encoded octets: ArraySlice<UInt8>) throws {
    try flush()
    try send(octets)
  }

  /// Sends octets that need not be packets, behind what is buffered.
  public func writeRaw(_ octets: [UInt8]) throws {
    output += octets
    try flush()
  }

  /// Sends what is buffered.
  public func flush() throws {
    guard !output.isEmpty else { return }
    defer { output.removeAll(keepingCapacity: true) }
    try send(output[...])
  }

  private func send(_ octets: ArraySlice<UInt8>) throws {
    var sent = 0
    while sent < octets.count {
      let count = unsafe octets.withUnsafeBytes {
        unsafe Glibc.send(descriptor, $0.baseAddress?.advanced(by: sent), $0.count - sent, noSignal)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure.closed }
      sent += count
    }
  }

  /// Sends what is buffered and reads one packet.
  public func readPacket() throws -> MilterPacket {
    try flush()
    try fill(4)
    let length = input[received.prefix(4)].reduce(0) { $0 << 8 | Int($1) }
    guard length >= 1 else { throw Failure.closed }
    try fill(4 + length)
    let start = received.lowerBound + 4
    let packet = MilterPacket(
      command: input[start], payload: Array(input[(start + 1)..<(start + length)]))
    received = (start + length)..<received.upperBound
    return packet
  }

  /// Whether the filter has sent anything that was not read yet; waits up to `milliseconds`.
  public func hasInput(within milliseconds: Int32) -> Bool {
    !received.isEmpty || waitForInput(milliseconds)
  }

  private func waitForInput(_ milliseconds: Int32) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while true {
      let ready = unsafe poll(&request, 1, milliseconds)
      if ready >= 0 || errno != EINTR { return ready > 0 }
    }
  }

  /// Waits until the filter closes the connection.
  ///
  /// - Returns: The octets that it sent before.
  public func readToEnd() throws -> [UInt8] {
    do {
      while true { try fill(received.count + 1) }
    } catch Failure.closed {
      return Array(input[received])
    }
  }

  func readReply() throws -> MilterReplyCode {
    let packet = try readPacket()
    guard let reply = MilterReplyCode(packet) else { throw Failure.unexpected(packet) }
    return reply
  }

  private func fill(_ needed: Int) throws {
    if received.count < needed, received.lowerBound > 0 {
      input.replaceSubrange(0..<received.count, with: Array(input[received]))
      received = 0..<received.count
    }
    if needed > input.count {
      input += [UInt8](repeating: 0, count: needed - input.count)
    }
    while received.count < needed {
      // As Postfix does it. A thread that waits in recv() is woken whenever the filter reads.
      guard waitForInput(timeoutMilliseconds) else { throw Failure.timeout }
      let end = received.upperBound
      let count = unsafe input.withUnsafeMutableBytes {
        unsafe recv(descriptor, $0.baseAddress?.advanced(by: end), $0.count - end, 0)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure.closed }
      received = received.lowerBound..<(end + count)
    }
  }

  private func writeMacros(_ letter: Character, _ values: [String: String]) {
    var names = values.keys.sorted()
    if let wanted = agreement.macros {
      // Postfix: one stage listed means that the others get nothing.
      let stage = macroStages[letter].flatMap { wanted[$0] } ?? ""
      names = stage.split(separator: " ").map(String.init)
    }
    let pairs = names.compactMap { name in values[name].map { (name: name, value: $0) } }
    guard !pairs.isEmpty, let stage = letter.asciiValue else { return }
    let texts = pairs.flatMap {
      MilterPacket.octets($0.name) + MilterPacket.octets($0.value)
    }
    write(MilterPacket("D", [stage] + texts))
  }

  private static func names(byStage lists: [UInt32: String]) -> [UInt8: [String]] {
    var names: [UInt8: [String]] = [:]
    for (letter, stage) in macroStages {
      guard let command = letter.asciiValue else { continue }
      names[command] = (lists[stage] ?? "").split(separator: " ").map(String.init)
    }
    return names
  }

  func writeMacros(of command: EncodedCommand) throws {
    guard !command.macros.isEmpty else { return }
    var octets: [UInt8] = [command.letter]
    let stage = wantedMacros?[command.letter] ?? []
    for macro in command.macros where wantedMacros == nil || stage.contains(macro.name) {
      octets += macro.octets
    }
    guard octets.count > 1 else { return }
    try write(encoded: MilterPacket("D", octets).wireForm)
  }

  private static func connect(_ descriptor: Int32, _ endpoint: Endpoint) -> Int32 {
    switch endpoint {
    case .unix(let path):
      var name = sockaddr_un()
      name.sun_family = sa_family_t(AF_UNIX)
      unsafe withUnsafeMutableBytes(of: &name.sun_path) {
        unsafe $0.copyBytes(from: path.utf8.prefix($0.count - 1))
      }
      return unsafe withUnsafeBytes(of: &name) {
        unsafe Glibc.connect(
          descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self),
          socklen_t($0.count))
      }
    case .loopback(let port):
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_port = port.bigEndian
      name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      return unsafe withUnsafeBytes(of: &name) {
        unsafe Glibc.connect(
          descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self),
          socklen_t($0.count))
      }
    }
  }
}

private let noSignal = Int32(MSG_NOSIGNAL)

/// The bit that waives the reply to a command (`SMFIP_NR_...`); 0 where there is none.
private func waiverBit(_ command: UInt8) -> UInt32 {
  switch command {
  case UInt8(ascii: "L"): 0x80
  case UInt8(ascii: "C"): 0x1000
  case UInt8(ascii: "H"): 0x2000
  case UInt8(ascii: "M"): 0x4000
  case UInt8(ascii: "R"): 0x8000
  case UInt8(ascii: "T"): 0x1_0000
  case UInt8(ascii: "U"): 0x2_0000
  case UInt8(ascii: "N"): 0x4_0000
  case UInt8(ascii: "B"): 0x8_0000
  default: 0
  }
}

/// The bit that switches a command off (`SMFIP_NO...`); 0 where there is none.
private func skipBit(_ command: UInt8) -> UInt32 {
  switch command {
  case UInt8(ascii: "C"): 0x1
  case UInt8(ascii: "H"): 0x2
  case UInt8(ascii: "M"): 0x4
  case UInt8(ascii: "R"): 0x8
  case UInt8(ascii: "B"): 0x10
  case UInt8(ascii: "L"): 0x20
  case UInt8(ascii: "N"): 0x40
  case UInt8(ascii: "U"): 0x100
  case UInt8(ascii: "T"): 0x200
  default: 0
  }
}

/// The number of each command's macro list (`SMFIM_...`).
private let macroStages: [Character: UInt32] = [
  "C": 0, "H": 1, "M": 2, "R": 3, "T": 4, "E": 5, "N": 6,
]
