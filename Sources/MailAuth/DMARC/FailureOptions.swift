/// The value of `fo`: when a domain owner wants a failure report (RFC 9989 section 4.7).
public struct FailureOptions: Sendable, Equatable {
  /// What DMARC itself must have come to.
  public enum Condition: Sendable, Equatable {
    /// `0`: no mechanism gave an aligned pass.
    case noAlignedPass
    /// `1`: some mechanism did not give an aligned pass.
    case anyWithoutAlignedPass
  }

  /// What DMARC must have come to; nil when only single mechanisms matter (`fo=d`).
  public var dmarc: Condition?
  /// `d`: a signature failed, aligned or not.
  public var wantsDKIM: Bool
  /// `s`: SPF failed, aligned or not.
  public var wantsSPF: Bool

  /// Reads a value: options in any order between colons, case and blanks do not matter.
  ///
  /// Unknown options are ignored. `0` and `1` exclude each other; where both stand, `0` holds,
  /// which asks for less. A value without a known option is the default, `0`.
  public init(_ text: String) {
    let options = Set(
      text.utf8.split(separator: UInt8(ascii: ":")).map {
        String(decoding: Array($0).trimmingFoldingWhitespace(), as: UTF8.self).asciiLowercased()
      })
    wantsDKIM = options.contains("d")
    wantsSPF = options.contains("s")
    if options.contains("0") {
      dmarc = .noAlignedPass
    } else if options.contains("1") {
      dmarc = .anyWithoutAlignedPass
    } else {
      dmarc = wantsDKIM || wantsSPF ? nil : .noAlignedPass
    }
  }
}
