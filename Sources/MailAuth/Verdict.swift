/// How verdicts are reached and written: all that does not change from message to message.
public struct VerdictSettings: Sendable, Equatable {
  /// The name under which results are written (RFC 8601 section 2.5).
  public var authservID: String
  /// What is done with the results.
  public var policy: LocalPolicy
  /// Whether a Received-SPF field is written besides Authentication-Results.
  public var writesReceivedSPF: Bool

  /// Makes settings; by default nothing is enforced.
  public init(
    authservID: String, policy: LocalPolicy = LocalPolicy(), writesReceivedSPF: Bool = false
  ) {
    self.authservID = authservID
    self.policy = policy
    self.writesReceivedSPF = writesReceivedSPF
  }
}

/// An evaluation together with local policy: what is done and what is written on the message.
public struct Verdict: Sendable, Equatable {
  /// What the SMTP client is answered, and the MTA told.
  public enum Answer: Sendable, Equatable {
    /// The message is taken.
    case accept
    /// The message is taken and held in the MTA's queue; the reason is for the MTA's log.
    case hold(reason: String)
    /// The message is refused.
    case reject(SMTPReply)
    /// The message is refused for now.
    case tempfail(SMTPReply)
  }

  /// What is done because of DMARC.
  public var disposition: Disposition
  /// Why that differs from the policy; empty when it does not.
  public var overrideReasons: [OverrideReason]
  /// The value of the Authentication-Results field to add: authserv-id and results on one line,
  /// no leading blank (RFC 8601 section 2.2).
  public var authenticationResults: String
  /// The fields to put on top of the message, from the top down; the ledger does not keep them.
  public var addedFields: [AddedField]
  /// The answer; the ledger does not keep it.
  public var answer: Answer

  /// Makes a verdict.
  public init(
    disposition: Disposition, overrideReasons: [OverrideReason], authenticationResults: String,
    addedFields: [AddedField] = [], answer: Answer = .accept
  ) {
    self.disposition = disposition
    self.overrideReasons = overrideReasons
    self.authenticationResults = authenticationResults
    self.addedFields = addedFields
    self.answer = answer
  }
}

extension Verdict {
  /// Decides what to do with a message.
  ///
  /// - Parameters:
  ///   - evaluation: What was found out.
  ///   - envelope: The message's envelope.
  ///   - settings: The local policy, and the name under which results are written.
  public init(
    _ evaluation: borrowing Evaluation, envelope: borrowing Envelope,
    settings: borrowing VerdictSettings
  ) {
    let decision = PolicyDecision(evaluation, envelope: envelope, policy: settings.policy)
    let results = AuthenticationResults.text(
      authservID: settings.authservID, evaluation: evaluation, envelope: envelope,
      disposition: decision.disposition)
    var fields = [
      AddedField(name: AuthenticationResults.fieldName, value: results, layout: .entries)
    ]
    if settings.writesReceivedSPF {
      let value = ReceivedSPF.text(
        authservID: settings.authservID, outcome: evaluation.mailFromSPF, envelope: envelope)
      fields.append(AddedField(name: ReceivedSPF.fieldName, value: value))
    }
    if decision.disposition == .quarantine, settings.policy.quarantineAction == .header {
      let field = settings.policy.quarantineField
      fields.append(AddedField(name: field.name, value: field.value))
    }
    self.init(
      disposition: decision.disposition, overrideReasons: decision.reasons,
      authenticationResults: results, addedFields: fields, answer: decision.answer)
  }

  /// Decides under the policy that only watches.
  ///
  /// - Parameters:
  ///   - evaluation: What was found out.
  ///   - envelope: The message's envelope.
  ///   - authservID: The name under which results are written (RFC 8601 section 2.5).
  public init(_ evaluation: Evaluation, envelope: Envelope, authservID: String) {
    self.init(evaluation, envelope: envelope, settings: VerdictSettings(authservID: authservID))
  }
}
