/// The sender rewriting scheme: reverse-paths of a forwarder that lead bounces back.
enum SenderRewriting {
  /// The rewritten reverse-path; a null one stays as it is.
  ///
  /// An address that was rewritten before becomes SRS1, which names the first forwarder and no more
  /// of those between.
  static func rewrite(_ path: String, domain: String, now: Int64) -> String {
    guard let at = path.lastIndex(of: "@") else { return path }
    let local = String(path[..<at])
    let host = String(path[path.index(after: at)...])
    if local.hasPrefix("SRS0=") {
      let rest = local.dropFirst(4)
      return "SRS1=\(hash("\(host)\(rest)"))=\(host)=\(rest)@\(domain)"
    }
    if local.hasPrefix("SRS1=") {
      let rest = local.dropFirst(5).drop { $0 != "=" }.dropFirst()
      return "SRS1=\(hash(String(rest)))=\(rest)@\(domain)"
    }
    let day = timestamp(now)
    return "SRS0=\(hash("\(day)\(host)\(local)"))=\(day)=\(host)=\(local)@\(domain)"
  }

  private static let base32 = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")

  /// Ten bits of the number of days since 1970.
  private static func timestamp(_ now: Int64) -> String {
    let days = Int(now / 86400) & 0x3FF
    return String([base32[days >> 5], base32[days & 31]])
  }

  /// Four letters; a real forwarder has a secret in them, and nobody attacks the lab.
  private static func hash(_ text: String) -> String {
    var state: UInt64 = 0xCBF2_9CE4_8422_2325
    for octet in text.utf8 { state = (state ^ UInt64(octet)) &* 0x100_0000_01B3 }
    return String((0..<4).map { base32[Int(state >> (11 + 5 * UInt64($0))) & 31] })
  }
}
