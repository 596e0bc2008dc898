public import MailAuth
public import Reports

// What a receiver must find, as the file says it. Everything is optional; results are followed by
// what else matters about them, in any order:
//
//     receiver:
//       spf: fail example.com                 # result, the domain checked, the cause
//       helo: pass mail.example.com           # the same of the HELO name
//       dkim: none                            # or every signature, in any order:
//       dkim: [fail example.com bodyHashMismatch, pass lists.example.net]
//       arc: pass                             # result, and the cause of a failure
//       dmarc: fail alignedNotPassed          # result and cause
//       policy: example.com reject            # where the record was found, what it asks for; none
//       disposition: quarantine               # none, quarantine or reject
//       cause: modifiedOnTheWay               # the root cause; none
//       answer: accept                        # accept, hold, reject or tempfail
//       removes: [Authentication-Results]     # fields taken off the message; none
//       report: none                          # or some of what the row of the report says:
//       report:
//         source_ip: 192.0.2.7
//         disposition: quarantine             # none, pass, quarantine or reject
//         dkim: fail                          # whether a signature passed, aligned
//         spf: fail                           # whether SPF passed, aligned
//         header_from: example.com
//         envelope_from: lists.example.net    # "" for the null reverse-path
//         policy_domain: example.com
//         reasons: [mailing_list, local_policy arc=pass]   # a type, and words of its comment; none
//         p: none                             # the policy that the report shows as published
//         error: has no p                     # words of what it says is wrong with that record
//         contains: [<selector>s1</selector>] # pieces of the row's XML
//       report_to: dmarc@example.com          # where it may be sent, one address or several; none;
//                                             # "later dmarc@example.com" when the DNS failed
//
//     receiver: not reached                   # when the message is refused before

/// What a receiver must find.
public struct Expectation: Sendable {
  /// Its line in the file.
  public var line: Int
  /// Whether the message gets there.
  public var isReached = true
  /// `spf`.
  public var spf: SPF?
  /// `helo`.
  public var helo: SPF?
  /// `dkim`: every signature, in any order.
  public var dkim: [DKIM]?
  /// `arc`.
  public var arc: ARC?
  /// `dmarc`.
  public var dmarc: DMARC?
  /// `policy`.
  public var policy: Policy?
  /// `disposition`.
  public var disposition: Disposition?
  /// `cause`.
  public var cause: Cause?
  /// `answer`.
  public var answer: Answer?
  /// `removes`: the names of the removed fields, sorted.
  public var removes: [String]?
  /// `report`.
  public var report: Report?
  /// `report_to`: where the report may go, sorted; empty for nowhere.
  public var reportTo: [String]?

  /// An SPF outcome.
  public struct SPF: Sendable, Equatable {
    /// The result.
    public var result: SPFResult
    /// The domain checked; nil when it does not matter.
    public var domain: DomainName?
    /// Why; nil when it does not matter.
    public var cause: SPFCause?
  }

  /// A signature's outcome.
  public struct DKIM: Sendable, Equatable {
    /// The result.
    public var result: DKIMResult
    /// `d=`; nil when it does not matter.
    public var domain: DomainName?
    /// Why; nil when it does not matter.
    public var cause: DKIMCause?
  }

  /// The chain's outcome.
  public struct ARC: Sendable, Equatable {
    /// The result.
    public var result: ChainValidation
    /// Why; nil when it does not matter.
    public var cause: ARCCause?
  }

  /// DMARC's outcome.
  public struct DMARC: Sendable, Equatable {
    /// The result.
    public var result: DMARCResult
    /// Why; nil when it does not matter.
    public var cause: DMARCCause?
  }

  /// The policy that applies.
  public enum Policy: Sendable, Equatable {
    /// There is none.
    case none
    /// Where it was found, and what it asks for this message; nil when that does not matter.
    case found(DomainName, DomainOwnerPolicy?)
  }

  /// The root cause.
  public enum Cause: Sendable, Equatable {
    /// There is none.
    case none
    /// This one.
    case code(RootCause.Code)
  }

  /// The answer to the SMTP client.
  public enum Answer: String, Sendable, Codable, CaseIterable {
    /// Taken.
    case accept
    /// Taken and held.
    case hold
    /// Refused.
    case reject
    /// Refused for now.
    case tempfail
  }

  /// The row of the report.
  public enum Report: Sendable, Equatable {
    /// There is none.
    case none
    /// It says this.
    case row(Row)
  }

  /// Parts of a row; nil where it does not matter.
  public struct Row: Sendable, Equatable {
    /// `source_ip`.
    public var sourceIP: String?
    /// `disposition`.
    public var disposition: AggregateReport.ActionDisposition?
    /// `dkim`.
    public var dkimAligned: Bool?
    /// `spf`.
    public var spfAligned: Bool?
    /// `header_from`.
    public var headerFrom: String?
    /// `envelope_from`; empty for the null reverse-path.
    public var envelopeFrom: String?
    /// `policy_domain`.
    public var policyDomain: String?
    /// `reasons`, in order; empty for none.
    public var reasons: [Reason]?
    /// `p`: the policy that the report shows as published.
    public var publishedPolicy: DomainOwnerPolicy?
    /// `error`: words of what the report says of the policy record.
    public var error: String?
    /// `contains`: pieces of the XML.
    public var contains: [String]?
  }

  /// An override reason.
  public struct Reason: Sendable, Equatable {
    /// Its type.
    public var type: AggregateReport.ReasonType
    /// What its comment must hold; empty when that does not matter.
    public var comment: String
  }
}
