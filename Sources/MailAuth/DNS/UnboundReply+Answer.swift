extension UnboundReply {
  /// Whether libunbound repeats a failure that it keeps, without asking again.
  var isRepeatedFailure: Bool { rcode == 2 && reason == "SERVFAIL in cache" }

  /// The reply as an answer, its data parsed; the times are the caller's to fill in.
  func answer(to type: DNSRecordType) -> DNSAnswer {
    if isBogus {
      return DNSAnswer(
        outcome: .bogus, detail: reason ?? "DNSSEC validation failed")
    }
    switch rcode {
    case 0 where isReferral:
      return DNSAnswer(
        outcome: .servfail, detail: "a referral: the server does not resolve for others")
    case 0 where data.isEmpty:
      return DNSAnswer(outcome: .nodata, ttlSeconds: ttlSeconds, isSecure: isSecure)
    case 0: return answerWithRecords(type)
    case 3: return DNSAnswer(outcome: .nxdomain, ttlSeconds: ttlSeconds, isSecure: isSecure)
    case 2: return failure
    case 5: return DNSAnswer(outcome: .refused, detail: reason)
    default: return DNSAnswer(outcome: .servfail, detail: reason ?? "response code \(rcode)")
    }
  }

  /// Whether a DNS message without an answer names servers (NS) in its authority section and has no
  /// SOA record there, which is what says that a record does not exist.
  static func isReferral(_ message: [UInt8]) -> Bool {
    guard message.count >= 12, message[6] == 0, message[7] == 0 else { return false }
    var rest = message.dropFirst(12)
    func number(_ octets: ArraySlice<UInt8>) -> Int { octets.reduce(0) { $0 << 8 | Int($1) } }
    func skipName() -> Bool {
      while let length = rest.popFirst() {
        // The root, or a compression pointer, ends a name.
        if length == 0 { return true }
        if length >= 0xC0 { return rest.popFirst() != nil }
        rest = rest.dropFirst(Int(length))
      }
      return false
    }
    for _ in 0..<number(message[4..<6]) {
      guard skipName() else { return false }
      rest = rest.dropFirst(4)
    }
    var hasServer = false
    for _ in 0..<number(message[8..<10]) {
      guard skipName(), rest.count >= 10 else { return false }
      let type = number(rest.prefix(2))
      if type == 6 { return false }
      hasServer = hasServer || type == 2
      let length = 10 + number(rest.dropFirst(8).prefix(2))
      guard rest.count >= length else { return false }
      rest = rest.dropFirst(length)
    }
    return hasServer
  }

  /// A failure, told apart by what libunbound logged: one server's SERVFAIL outweighs another's
  /// silence, and that another's refusal, since the first says most about the name asked for.
  private var failure: DNSAnswer {
    guard let reason else { return DNSAnswer(outcome: .servfail) }
    let outcome: DNSOutcome =
      if reason.contains("got SERVFAIL") {
        .servfail
      } else if reason.contains("upstream server timeout") {
        .timeout
      } else if reason.contains("got REFUSED") {
        .refused
      } else {
        .servfail
      }
    return DNSAnswer(outcome: outcome, detail: Array(reason.utf8).printable())
  }

  /// Malformed data is a server's failure when there is nothing else, never "no record".
  private func answerWithRecords(_ type: DNSRecordType) -> DNSAnswer {
    let parsed = data.map { RecordData.parse($0, type) }
    let records = parsed.compactMap { if case .record(let record) = $0 { record } else { nil } }
    if records.isEmpty, parsed.contains(.malformed) {
      return DNSAnswer(
        outcome: .servfail, detail: "the \(type.rawValue) records of the answer are malformed")
    }
    return DNSAnswer(
      outcome: .answer, records: records, ttlSeconds: ttlSeconds, isSecure: isSecure)
  }
}

/// The data of one record as it stands in a message, names uncompressed.
enum RecordData: Equatable {
  /// A record that evaluation can use.
  case record(DNSRecord)
  /// A well-formed record with a name that has no form in ``DNSQuestion/name``: a label with a dot
  /// or a non-ASCII octet in it. No mail host has such a name, so it is passed over.
  case inexpressible
  /// Not as the type's RFC has it: wrong length, or a name that does not end where it should.
  case malformed

  /// Parses the data of an A, AAAA, MX, PTR or TXT record (RFC 1035 section 3.3, RFC 3596).
  static func parse(_ data: [UInt8], _ type: DNSRecordType) -> RecordData {
    switch type {
    case .a, .aaaa:
      guard data.count == (type == .a ? 4 : 16), let address = IPAddress(bytes: data) else {
        return .malformed
      }
      return .record(.address(address))
    case .mx:
      guard data.count >= 3 else { return .malformed }
      let preference = UInt16(data[0]) << 8 | UInt16(data[1])
      return name(data.dropFirst(2)) { .mx(preference: preference, host: $0) }
    case .ptr:
      return name(data[...]) { .ptr($0) }
    case .txt:
      return strings(data)
    }
  }

  private static func strings(_ data: [UInt8]) -> RecordData {
    var strings: [[UInt8]] = []
    var rest = data[...]
    while let length = rest.popFirst() {
      guard rest.count >= Int(length) else { return .malformed }
      strings.append(Array(rest.prefix(Int(length))))
      rest = rest.dropFirst(Int(length))
    }
    return strings.isEmpty ? .malformed : .record(.txt(strings))
  }

  private static func name(_ data: ArraySlice<UInt8>, _ make: (String) -> DNSRecord) -> RecordData {
    guard data.count <= 255 else { return .malformed }
    var labels: [String] = []
    var isExpressible = true
    var rest = data
    while let length = rest.popFirst() {
      if length == 0 {
        guard rest.isEmpty else { return .malformed }
        return isExpressible ? .record(make(labels.joined(separator: "."))) : .inexpressible
      }
      guard length <= 63, rest.count > Int(length) else { return .malformed }
      let label = rest.prefix(Int(length))
      rest = rest.dropFirst(Int(length))
      if label.contains(where: { $0 >= 0x80 || $0 == UInt8(ascii: ".") }) { isExpressible = false }
      labels.append(String(decoding: label.map(\.asciiLowercased), as: UTF8.self))
    }
    return .malformed
  }
}
