import MailAuth

/// A way to hand mails to a mail server; safe to use from any thread, one call at a time for each
/// token.
///
/// A dry run has no transport: there is none that does nothing.
public protocol ReportTransport: Sendable {
  /// Hands a mail over and waits for the answer.
  ///
  /// A token that was handed over before and not finished is not handed over again: its answer, or
  /// that it is in progress, is returned where the transport can know it.
  ///
  /// - Throws: ``ReportTransportError`` when nothing can be handed over at all; the mail was not.
  func handOver(_ mail: OutgoingMail) throws(ReportTransportError) -> TransportAnswer

  /// What became of a mail that an earlier process was handing over when it ended.
  ///
  /// - Returns: nil when it was certainly not handed over.
  /// - Throws: ``ReportTransportError`` when that cannot be found out now.
  func earlierAnswer(token: String) throws(ReportTransportError) -> TransportAnswer?

  /// Forgets a token, once its answer is recorded elsewhere; without effect when it is unknown.
  ///
  /// - Throws: ``ReportTransportError`` when what is kept cannot be removed.
  func finish(token: String) throws(ReportTransportError)
}

/// What a mail server said to a mail.
public struct TransportAnswer: Sendable, Equatable, CustomStringConvertible {
  /// What it means.
  public enum Outcome: String, Sendable, CaseIterable {
    /// The server has it and is responsible for it now.
    case accepted
    /// Not accepted; may be tried again.
    case temporaryFailure = "temporary failure"
    /// Not accepted, and never will be.
    case permanentFailure = "permanent failure"
    /// Still being handed over; ``ReportTransport/earlierAnswer(token:)`` tells more later.
    case inProgress = "in progress"
    /// It cannot be known whether the server accepted it.
    case unknown
  }

  /// What it means.
  public var outcome: Outcome
  /// The server's words, or ours: one line of printable ASCII.
  public var text: String

  /// Makes an answer; the text is made printable and cut to 500 characters.
  public init(_ outcome: Outcome, _ text: String) {
    self.outcome = outcome
    self.text = MailText.oneLine(text).utf8.printable(limit: 500)
  }

  /// Outcome and text.
  public var description: String { "\(outcome.rawValue): \(text)" }
}

/// Why nothing can be handed over.
public struct ReportTransportError: Error, Equatable, CustomStringConvertible {
  /// What cannot be done, with what, and why.
  public var description: String

  /// Makes an error.
  public init(_ description: String) { self.description = description }

  /// An error of a system call that just failed.
  static func system(_ what: String, code: Int32) -> ReportTransportError {
    ReportTransportError("\(what): \(SystemError.text(code))")
  }
}
