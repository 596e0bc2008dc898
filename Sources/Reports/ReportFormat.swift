/// The form of an aggregate report.
public enum ReportFormat: String, Sendable, Codable, CaseIterable {
  /// RFC 9990.
  case rfc9990
  /// RFC 7489 Appendix C.
  case rfc7489
}
