import Glibc

/// An IPv4 or IPv6 address.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
  /// The address in network byte order: 4 octets or 16.
  public let bytes: [UInt8]

  /// Whether this is an IPv4 address.
  public var isIPv4: Bool { bytes.count == 4 }

  /// Parses a dotted quad or an RFC 4291 text form; nil for anything else.
  ///
  /// The `IPv6:` prefix of SMTP literals is not accepted here.
  public init?(_ text: String) {
    guard text.hasOctet(where: { $0 == UInt8(ascii: ":") }) else {
      guard let octets = Self.dottedQuad(text.utf8) else { return nil }
      bytes = octets
      return
    }
    var buffer = [UInt8](repeating: 0, count: 16)
    guard !text.utf8.contains(0), unsafe inet_pton(AF_INET6, text, &buffer) == 1 else { return nil }
    bytes = buffer
  }

  /// The octets of four decimal numbers up to 255, without leading zeros and with dots between them.
  private static func dottedQuad(_ text: String.UTF8View) -> [UInt8]? {
    guard text.count <= 15 else { return nil }
    var octets: [UInt8] = []
    var number: Int?
    for octet in text {
      if octet == UInt8(ascii: ".") {
        guard let ended = number else { return nil }
        octets.append(UInt8(ended))
        number = nil
      } else {
        guard octet.isASCIIDigit, number != 0 else { return nil }
        let longer = (number ?? 0) * 10 + Int(octet - UInt8(ascii: "0"))
        guard longer <= 255 else { return nil }
        number = longer
      }
    }
    guard let last = number, octets.count == 3 else { return nil }
    return octets + [UInt8(last)]
  }

  /// Makes an address from 4 or 16 octets in network byte order; nil for any other count.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    self.bytes = bytes
  }

  /// The text form: dotted quad, or RFC 5952 for IPv6.
  public var description: String {
    if isIPv4 { return dottedQuad }
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard unsafe inet_ntop(AF_INET6, bytes, &buffer, socklen_t(buffer.count)) != nil
    else { preconditionFailure("inet_ntop refused \(bytes.count) octets") }
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  private var dottedQuad: String {
    unsafe String(unsafeUninitializedCapacity: 15) { text in
      var count = 0
      func add(_ octet: UInt8) {
        unsafe text[count] = octet
        count += 1
      }
      for byte in bytes {
        if count > 0 { add(UInt8(ascii: ".")) }
        if byte >= 100 { add(UInt8(ascii: "0") + byte / 100) }
        if byte >= 10 { add(UInt8(ascii: "0") + byte / 10 % 10) }
        add(UInt8(ascii: "0") + byte % 10)
      }
      return count
    }
  }

  /// The IPv4 address inside an IPv4-mapped IPv6 address, otherwise the address itself
  /// (RFC 7208 section 5: such clients are IPv4 clients).
  public var unmapped: IPAddress {
    let prefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
    guard bytes.count == 16, bytes.starts(with: prefix) else { return self }
    return IPAddress(bytes: Array(bytes.suffix(4))) ?? self
  }

  /// Whether this is 127.0.0.0/8 or ::1.
  public var isLoopback: Bool {
    let address = unmapped
    return address.isIPv4
      ? address.bytes[0] == 127 : address.bytes == [UInt8](repeating: 0, count: 15) + [1]
  }

  /// The name below `in-addr.arpa` or `ip6.arpa` that PTR records for this address have.
  public var reverseName: String {
    if isIPv4 { return bytes.reversed().map(String.init).joined(separator: ".") + ".in-addr.arpa" }
    let nibbles = bytes.reversed().flatMap { [$0 & 0x0F, $0 >> 4] }
    return nibbles.map { String($0, radix: 16) }.joined(separator: ".") + ".ip6.arpa"
  }
}

/// A block of addresses, as in `192.0.2.0/24`.
public struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
  /// The address in front of the slash.
  public let address: IPAddress
  /// The number of leading bits that count: 0 to 32, or 0 to 128.
  public let prefixLength: Int

  /// Parses `ADDRESS/LENGTH`, or a bare address as a block of one; nil for anything else.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = parts.first.flatMap({ IPAddress(String($0)) }) else { return nil }
    let most = address.bytes.count * 8
    self.address = address
    if parts.count == 1 {
      prefixLength = most
      return
    }
    guard parts[1].utf8.allSatisfy(\.isASCIIDigit), let length = Int(parts[1]),
      (0...most).contains(length)
    else { return nil }
    prefixLength = length
  }

  /// The IPv4 block that a block of IPv4-mapped addresses means to an administrator; any other block
  /// as it is.
  ///
  /// Not for SPF, where such a block matches no client (RFC 7208 section 5).
  public var unmapped: IPNetwork {
    guard prefixLength >= 96, !address.isIPv4, address.unmapped.isIPv4 else { return self }
    return IPNetwork(address: address.unmapped, prefixLength: prefixLength - 96)
  }

  /// Makes a block; `prefixLength` is not checked.
  init(address: IPAddress, prefixLength: Int) {
    self.address = address
    self.prefixLength = prefixLength
  }

  /// Whether `other` lies in this block; an IPv4-mapped IPv6 address counts as IPv4.
  public func contains(_ other: IPAddress) -> Bool {
    let candidate = address.isIPv4 ? other.unmapped : other
    guard candidate.bytes.count == address.bytes.count else { return false }
    let whole = prefixLength / 8
    guard candidate.bytes.prefix(whole) == address.bytes.prefix(whole) else { return false }
    let rest = prefixLength % 8
    guard rest > 0 else { return true }
    return (candidate.bytes[whole] ^ address.bytes[whole]) >> (8 - rest) == 0
  }

  /// The block as `ADDRESS/LENGTH`.
  public var description: String { "\(address)/\(prefixLength)" }
}
