public import MailAuth

/// What came out of a scenario: what every hop did, and what every receiver found.
///
/// Equal scenarios give equal runs: there is no key material in it, and the clock is the story's.
public struct LabRun: Sendable, Codable, Equatable {
  /// The file, as it was named.
  public var path: String
  /// What happens, in a few words.
  public var title: String
  /// What a person learns from it.
  public var why: String
  /// The hosts, in the order of the file.
  public var actors: [LabActor]
  /// What happened, in order; hops behind a refusal are missing.
  public var steps: [LabStep]
  /// What the receivers found, in the order in which the message came to them.
  public var receipts: [LabReceipt]
  /// The receivers to which the message did not come, as `expect` calls them.
  public var notReached: [String]
  /// Why it was not played; nil when it was.
  public var skipped: String?
  /// Where it is not as expected; empty when all is.
  public var differences: [LabDifference]

  /// Whether every receiver found what was expected.
  public var isAsExpected: Bool { differences.isEmpty }
}

/// A host.
public struct LabActor: Sendable, Codable, Equatable {
  /// What the file calls it.
  public var key: String
  /// Its name.
  public var name: String
  /// Its address.
  public var address: String
}

/// One hop, done.
public struct LabStep: Sendable, Codable, Equatable {
  /// The line of the hop in the file.
  public var line: Int
  /// Its word, such as `list`.
  public var hop: String
  /// The key of the actor that did it.
  public var actor: String
  /// The key of the actor that got the message; nil unless it was sent.
  public var peer: String?
  /// What was done, a sentence without its full stop; the actor is its subject.
  public var text: String
  /// What is different afterwards, as `Subject changed`; empty when nothing is.
  public var changes: [String]
  /// The story's time afterwards, seconds since the epoch.
  public var time: Int64
  /// The reverse-path afterwards; empty for the null reverse-path.
  public var envelopeFrom: String
  /// The recipients afterwards.
  public var recipients: [String]
  /// What the next receiver would find.
  public var identifiers: LabIdentifiers
}

/// Which identifiers of a message are alive: what a receiver would find if it came from the host
/// that has it (or, just sent, from its sender).
public struct LabIdentifiers: Sendable, Codable, Equatable {
  /// SPF of the reverse-path.
  public struct SPF: Sendable, Codable, Equatable {
    /// The domain checked.
    public var domain: String
    /// The result.
    public var result: SPFResult
    /// Whether the domain aligns with the author's; nil when that is not known.
    public var isAligned: Bool?
  }

  /// A signature.
  public struct Signature: Sendable, Codable, Equatable {
    /// `d=`.
    public var domain: String
    /// `s=`.
    public var selector: String
    /// The result.
    public var result: DKIMResult
    /// Why.
    public var cause: DKIMCause
    /// Whether the domain aligns with the author's; nil when that is not known.
    public var isAligned: Bool?
  }

  /// The Author Domain; nil when From has none.
  public var author: String?
  /// SPF.
  public var spf: SPF
  /// Each signature, from the top of the header down.
  public var signatures: [Signature]
  /// The ARC chain.
  public var chain: ChainValidation
  /// `d=` of each ARC set, the oldest first; empty where a seal does not tell.
  public var sealers: [String]
  /// What DMARC would say.
  public var dmarc: DMARCResult

  init(_ evaluation: Evaluation) {
    author = evaluation.authorDomain?.text
    let mailFrom = evaluation.mailFromSPF
    spf = SPF(
      domain: mailFrom.domain, result: mailFrom.result, isAligned: mailFrom.alignment?.isAligned)
    signatures = evaluation.dkim.map { outcome in
      Signature(
        domain: outcome.domain, selector: outcome.selector, result: outcome.result,
        cause: outcome.cause, isAligned: outcome.alignment?.isAligned)
    }
    chain = evaluation.arc.result
    sealers = evaluation.arc.sets.map { $0.sealDomain?.text ?? "" }
    dmarc = evaluation.dmarc.result
  }
}

/// Something that is not as expected.
public struct LabDifference: Sendable, Codable, Equatable {
  /// The receiver, as `expect` calls it.
  public var receiver: String
  /// The line of the expectation in the file.
  public var line: Int
  /// What it is about, such as `SPF`.
  public var subject: String
  /// What was expected, in words.
  public var expected: String
  /// What was found, in words.
  public var found: String

  /// Makes a difference.
  public init(receiver: String, line: Int, subject: String, expected: String, found: String) {
    self.receiver = receiver
    self.line = line
    self.subject = subject
    self.expected = expected
    self.found = found
  }

  /// The difference as a sentence.
  public var text: String { "\(receiver): \(subject): expected \(expected), found \(found)" }
}
