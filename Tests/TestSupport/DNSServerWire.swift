/// DNS messages as octets (RFC 1035 section 4).
enum DNSServerWire {
  /// A message that came in: what is needed to answer it.
  struct Request {
    var id: [UInt8]
    var questionOctets: [UInt8]
    var query: DNSServer.Query
    /// How much the client takes over UDP: 512, or what its OPT record says.
    var udpSize: Int
    var hasOPT: Bool
  }

  /// A name in wire form; each Unicode scalar up to U+00FF is one octet, empty is the root.
  static func name(_ text: String) -> [UInt8] {
    var octets: [UInt8] = []
    for label in text.unicodeScalars.split(separator: ".") {
      octets.append(UInt8(truncatingIfNeeded: label.count))
      octets += label.map { UInt8(truncatingIfNeeded: $0.value) }
    }
    return octets + [0]
  }

  /// Parses a query; nil when it is none.
  static func parse(_ message: [UInt8], isTCP: Bool) -> Request? {
    guard message.count > 16 else { return nil }
    var position = 12
    var name = ""
    while position < message.count, message[position] != 0 {
      let label = message[(position + 1)...].prefix(Int(message[position]))
      if !name.isEmpty { name += "." }
      for octet in label {
        let isCapital = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(octet)
        name.unicodeScalars.append(Unicode.Scalar(isCapital ? octet | 0x20 : octet))
      }
      position += 1 + label.count
    }
    let end = position + 5
    guard end <= message.count else { return nil }
    let type = UInt16(message[end - 4]) << 8 | UInt16(message[end - 3])
    // An OPT record without options or with: root name, type 41, then the size.
    let rest = message[end...]
    let hasOPT = rest.count >= 11 && rest.starts(with: [0, 0, 41])
    let size = hasOPT ? Int(message[end + 3]) << 8 | Int(message[end + 4]) : 512
    return Request(
      id: Array(message[..<2]), questionOctets: Array(message[12..<end]),
      query: DNSServer.Query(name: name, type: type, isTCP: isTCP), udpSize: max(size, 512),
      hasOPT: hasOPT)
  }

  /// The message for a response; nil when nothing is to be sent.
  static func message(_ response: DNSServer.Response, to request: Request) -> [UInt8]? {
    switch response {
    case .silence: return nil
    case .delayed(_, let later), .inRounds(let later): return message(later, to: request)
    case .malformed(let octets): return request.id + octets
    case .rcode(let code): return assemble(request, rcode: code)
    case .nodata: return assemble(request, authority: [soa])
    case .nxdomain(let chain): return assemble(request, rcode: 3, answers: chain, authority: [soa])
    case .truncated(let whole):
      return request.query.isTCP
        ? message(whole, to: request) : assemble(request, isTruncated: true)
    case .alwaysTruncated(let response):
      guard var whole = message(response, to: request) else { return nil }
      whole[2] |= 0x02
      return whole
    case .referral(let zone):
      let server = DNSServerRecord(type: 2, data: name("ns.\(zone)")).owned(by: zone)
      var whole = assemble(request, authority: [server])
      whole[3] &= 0x7F
      return whole
    case .records(let records):
      let whole = assemble(request, answers: records)
      let isTooLong = !request.query.isTCP && whole.count > request.udpSize
      return isTooLong ? assemble(request, isTruncated: true) : whole
    }
  }

  private static var soa: DNSServerRecord {
    let numbers: [UInt32] = [1, 3600, 600, 86400, 300]
    return DNSServerRecord(
      type: 6, ttl: 300,
      data: name("ns.invalid") + name("hostmaster.invalid") + numbers.flatMap(octets))
  }

  private static func assemble(
    _ request: Request, rcode: UInt8 = 0, answers: [DNSServerRecord] = [],
    authority: [DNSServerRecord] = [], isTruncated: Bool = false
  ) -> [UInt8] {
    var message = request.id
    // QR and RD, then RA and the code.
    message += [isTruncated ? 0x83 : 0x81, 0x80 | rcode]
    message += octets(UInt16(1)) + octets(UInt16(truncatingIfNeeded: answers.count))
    message += octets(UInt16(truncatingIfNeeded: authority.count))
    message += octets(UInt16(request.hasOPT ? 1 : 0))
    message += request.questionOctets
    for record in answers {
      message += octets(record, owner: record.owner.map(name) ?? [0xC0, 12])
    }
    for record in authority { message += octets(record, owner: name(record.owner ?? "")) }
    // DO is echoed by always setting it.
    if request.hasOPT { message += [0, 0, 41] + octets(UInt16(1232)) + [0, 0, 0x80, 0, 0, 0] }
    return message
  }

  private static func octets(_ record: DNSServerRecord, owner: [UInt8]) -> [UInt8] {
    owner + octets(record.type) + octets(UInt16(1)) + octets(record.ttl)
      + octets(UInt16(truncatingIfNeeded: record.data.count)) + record.data
  }

  private static func octets(_ number: UInt16) -> [UInt8] {
    [UInt8(number >> 8), UInt8(number & 0xFF)]
  }

  private static func octets(_ number: UInt32) -> [UInt8] {
    octets(UInt16(number >> 16)) + octets(UInt16(number & 0xFFFF))
  }
}
