public import MailAuth

/// An aggregate report as somebody sent it: the words are the sender's, whatever they are.
///
/// Texts are trimmed and at most ``longestText`` octets long, otherwise as they came: they may hold
/// control characters.
public struct ReadReport: Sendable {
  /// Which of the two formats a report has.
  public enum Form: String, Sendable, Codable {
    /// RFC 9990: its namespace, or none and elements that only it has.
    case rfc9990
    /// RFC 7489 appendix C, its drafts, and what reporters made of them.
    case rfc7489
    /// A namespace that neither of them has.
    case other
  }

  /// `policy_published`; nil where the report does not tell.
  public struct Policy: Sendable, Equatable {
    /// `domain`.
    public var domain = ""
    /// `p`.
    public var policy: String?
    /// `sp`.
    public var subdomainPolicy: String?
    /// `np`.
    public var nonexistentSubdomainPolicy: String?
    /// `pct`, the share of mail to which the policy applies; of RFC 7489 only.
    public var percentage: Int64?
    /// `adkim`.
    public var dkimAlignment: String?
    /// `aspf`.
    public var spfAlignment: String?
    /// `fo`.
    public var failureOptions: String?
    /// `testing`; of RFC 9990 only.
    public var testing: String?
    /// `discovery_method`; of RFC 9990 only.
    public var discoveryMethod: String?
  }

  /// `reason`: why the disposition differs from the policy.
  public struct Reason: Sendable, Equatable {
    /// `type`; empty where the report does not tell.
    public var type: String
    /// `comment`.
    public var comment: String?
  }

  /// One `dkim` or `spf` of `auth_results`.
  public struct AuthResult: Sendable, Equatable {
    /// `domain`; empty where the report does not tell.
    public var domain: String
    /// `selector`, of a signature.
    public var selector: String?
    /// `scope`, of an SPF check: `mfrom` or `helo`.
    public var scope: String?
    /// `result`: a word of RFC 8601 where it is known, otherwise as it came; empty without one.
    public var result: String
    /// `human_result`.
    public var humanResult: String?
  }

  /// `record`.
  public struct Row: Sendable, Equatable {
    /// The line in which the record begins.
    public var line: Int
    /// `source_ip`.
    public var sourceIP: String
    /// `count`.
    public var count: Int
    /// `policy_evaluated/disposition`.
    public var disposition: String?
    /// `policy_evaluated/dkim`.
    public var dkim: String?
    /// `policy_evaluated/spf`.
    public var spf: String?
    /// `policy_evaluated/reason`.
    public var reasons: [Reason]
    /// `identifiers/header_from`.
    public var headerFrom: String
    /// `identifiers/envelope_from`; empty for the null reverse-path, nil when it is not told.
    public var envelopeFrom: String?
    /// `identifiers/envelope_to`.
    public var envelopeTo: String?
    /// `auth_results/dkim`.
    public var dkimResults: [AuthResult]
    /// `auth_results/spf`.
    public var spfResults: [AuthResult]

    /// The SPF check that counts for DMARC: that of MAIL FROM if there is one.
    public var spfResult: AuthResult? {
      spfResults.first { $0.scope == "mfrom" } ?? spfResults.first { $0.scope == nil }
        ?? spfResults.first
    }
  }

  /// The most octets of a text that are kept.
  public static let longestText = 10_000
  /// The most records that are read from one report.
  public static let maximumRows = 1_000_000

  /// `version`.
  public var version: String?
  /// `org_name`.
  public var organization = ""
  /// `email`.
  public var email: String?
  /// `extra_contact_info`.
  public var extraContact: String?
  /// `report_id`.
  public var reportID: String?
  /// `date_range/begin`, seconds since the epoch.
  public var begin: Int64 = 0
  /// `date_range/end`, seconds since the epoch.
  public var end: Int64 = 0
  /// `error`: what the sender says was wrong with the policy record.
  public var errors: [String] = []
  /// `generator`.
  public var generator: String?
  /// `policy_published`.
  public var policy = Policy()
  /// The format.
  public var form = Form.rfc7489
  /// The records, in the order of the file.
  public var rows: [Row] = []
  /// What is odd and could be read anyway, a sentence each.
  public var problems: [String] = []
  /// Which entry of an archive or attachment of a mail it came from; nil for a file of its own.
  public var part: String?

  /// The number of messages in all rows.
  public var messages: Int { rows.reduce(0) { $0 + $1.count } }

  /// What a row says, and why.
  ///
  /// - Parameters:
  ///   - row: One of ``rows``.
  ///   - publicSuffixList: Tells organizations apart; without it only names below the policy's
  ///     domain are known to belong to the author's.
  /// - Returns: The findings.
  public func findings(of row: Row, publicSuffixList: PublicSuffixList? = nil) -> RowFindings {
    RowFindings(row, policy: policy, publicSuffixList: publicSuffixList)
  }
}

/// Why something is not a report that can be read.
public struct UnreadableReport: Error, CustomStringConvertible {
  /// Which entry of an archive or attachment of a mail it is about; nil for the file itself.
  public var part: String?
  /// The line of the XML document, from 1; nil when there is none to name.
  public var line: Int?
  /// What is wrong.
  public var problem: String

  init(part: String? = nil, line: Int? = nil, _ problem: String) {
    self.part = part
    self.line = line
    self.problem = problem
  }

  /// Part, line and problem, as they follow a file's name.
  public var description: String {
    [part, line.map { "line \($0)" }, problem].compactMap { $0 }.joined(separator: ": ")
  }
}
