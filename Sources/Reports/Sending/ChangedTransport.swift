import MailAuth

/// A transport in place of another one that may have been ended in the middle of a hand-over.
///
/// What that one knows of a mail counts, so that a mail it has handed over, or still is handing over,
/// is not sent again because the configuration names another transport now.
public struct ChangedTransport: ReportTransport {
  private let current: any ReportTransport
  private let earlier: any ReportTransport

  /// Makes the transport.
  ///
  /// - Parameters:
  ///   - current: Hands mails over from now on.
  ///   - earlier: Asked first about mails whose hand-over was interrupted.
  public init(_ current: any ReportTransport, after earlier: any ReportTransport) {
    self.current = current
    self.earlier = earlier
  }

  /// Hands a mail over by the current transport.
  public func handOver(_ mail: OutgoingMail) throws(ReportTransportError) -> TransportAnswer {
    try current.handOver(mail)
  }

  /// What the earlier transport knows, otherwise the current one.
  public func earlierAnswer(token: String) throws(ReportTransportError) -> TransportAnswer? {
    if let answer = try earlier.earlierAnswer(token: token) { return answer }
    return try current.earlierAnswer(token: token)
  }

  /// Has both forget a token.
  public func finish(token: String) throws(ReportTransportError) {
    try earlier.finish(token: token)
    try current.finish(token: token)
  }
}
