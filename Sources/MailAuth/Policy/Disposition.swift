/// What was done with a message because of DMARC (RFC 9990 section 3.1.1.9).
///
/// A pass is recorded as `none`; aggregate reports write `pass` where the policy enforces.
public enum Disposition: String, Sendable, Codable {
  /// Nothing.
  case none
  /// The message was marked or held as suspicious.
  case quarantine
  /// The message was refused.
  case reject
}
