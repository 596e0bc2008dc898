/// The one way in which evaluation reaches the DNS.
///
/// It is synchronous because both C libraries ask for DNS from inside their own calls. Every
/// method may be called from any thread at any time.
public protocol Resolver: Sendable {
  /// Answers one question, waiting for it as long as needed and never past `deadline`.
  ///
  /// CNAMEs are followed. Nothing is thrown: a failure is an ``DNSAnswer/outcome``.
  ///
  /// - Parameters:
  ///   - question: What to ask.
  ///   - deadline: When the message's time is up; nil waits as long as the resolver itself allows.
  ///     A question not answered by then ends as ``DNSOutcome/timeout``.
  /// - Returns: The answer, with the time it took and where it came from.
  func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer

  /// Looks for an answer that is known without asking anybody, and returns at once.
  ///
  /// - Parameter question: What would be asked; its name is valid.
  /// - Returns: The answer; nil when it would have to be asked for.
  func knownAnswer(_ question: DNSQuestion) -> DNSAnswer?

  /// Starts looking up what will probably be asked for soon, and returns at once.
  ///
  /// - Parameter questions: What will be asked; a resolver may ignore it.
  func prefetch(_ questions: [DNSQuestion])
}

extension Resolver {
  /// Knows nothing.
  public func knownAnswer(_ question: DNSQuestion) -> DNSAnswer? { nil }

  /// Does nothing: a resolver without waiting times needs no head start.
  public func prefetch(_ questions: [DNSQuestion]) {}
}
