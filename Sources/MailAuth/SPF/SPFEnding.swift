/// How the evaluation of one domain's record ended, before it becomes an ``SPFOutcome``.
struct SPFEnding {
  var result: SPFResult
  var cause: SPFCause
  /// The term that decided or broke it, and whose record holds it.
  var term: String?
  var termDomain: String?
  var failedName: String?
  /// The sentence for people.
  var sentence: String
  /// `exp=` of the record whose mechanism gave a fail; never that of an included record
  /// (RFC 7208 section 6.2).
  var explanation: SPFModifier?
}

/// A term where it stands.
struct SPFPlace {
  /// As published.
  var term: String
  /// The domain whose record holds it.
  var domain: String

  func ending(
    _ result: SPFResult, _ cause: SPFCause, failedName: String? = nil, _ sentence: String
  ) -> SPFEnding {
    SPFEnding(
      result: result, cause: cause, term: term, termDomain: domain, failedName: failedName,
      sentence: sentence)
  }
}

/// The sentences that explain endings to a postmaster: who, which term of whose record, and what
/// that means.
enum SPFSentence {
  static func matched(
    _ directive: SPFDirective, of domain: String, client: IPAddress, through: SPFEnding?
  ) -> String {
    let client = client.description
    // Put together in one piece of memory: nearly every message has two of these sentences.
    var text = TextBuffer(capacity: 160 + domain.utf8.count + directive.text.utf8.count)
    func addRecord(_ verb: String) {
      text += "the SPF record of "
      text += domain
      text += verb
      text += client
    }
    func addClient(_ verb: String) {
      text += client
      text += verb
      text += domain
    }
    switch (directive.mechanism, directive.result) {
    case (.all, .pass):
      addRecord(" authorizes every client, ")
      text += " too"
    case (.all, _): addClient(" is not listed in the SPF record of ")
    case (_, .pass): addClient(" is authorized by the SPF record of ")
    case (_, .neutral): addRecord(" asserts nothing about ")
    default: addClient(" is excluded by the SPF record of ")
    }
    text += ": "
    text += directive.text
    text += " matched"
    if let term = through?.term, let place = through?.termDomain {
      text += " through "
      text += term
      text += " of "
      text += place
    }
    text += " ("
    text += directive.result.rawValue
    text += ")"
    return text.text
  }

  static func noMatch(in domain: String, client: IPAddress) -> String {
    "nothing in the SPF record of \(domain) matches \(client), and neither all nor a redirect= "
      + "decides the rest (neutral)"
  }

  static func noRecord(at domain: String) -> String { "\(domain) publishes no SPF record (none)" }

  static func noSuchDomain(_ domain: String) -> String {
    "\(domain) does not exist in the DNS (none)"
  }

  static func unusable(_ name: String) -> String {
    "\"\(name)\" is not a domain name that the DNS can hold (none)"
  }

  static func multipleRecords(_ count: Int, at domain: String) -> String {
    "\(domain) publishes \(count) SPF records where one is allowed (permerror)"
  }

  static func syntax(_ error: SPFSyntaxError, of domain: String) -> String {
    "the SPF record of \(domain) is broken: \"\(error.term)\" \(error.problem) (permerror)"
  }

  static func tooManyLookups(_ limit: Int, at place: SPFPlace, checked: String) -> String {
    "the SPF record of \(checked) needs more than \(limit) terms with DNS lookups; "
      + "stopped before \(phrase(place)) (permerror)"
  }

  static func tooManyVoidLookups(_ limit: Int, at place: SPFPlace, checked: String) -> String {
    "more than \(limit) terms of the SPF record of \(checked) look up names without an answer; "
      + "the last was \(phrase(place)) (permerror)"
  }

  static func tooManyHosts(_ count: Int, at place: SPFPlace) -> String {
    "\(phrase(place)) leads to \(count) mail exchangers where \(SPFTermLookup.maxHosts) are "
      + "allowed (permerror)"
  }

  /// For include and redirect: what is wrong with the domain they lead to.
  static func leadsNowhere(_ place: SPFPlace, _ target: String, _ cause: SPFCause) -> String {
    let trouble =
      switch cause {
      case .noSuchDomain: "which does not exist in the DNS"
      case .invalidDomain: "which is not a domain name that the DNS can hold"
      default: "which publishes no SPF record"
      }
    return "\(phrase(place)) leads to \(target), \(trouble) (permerror)"
  }

  static func dnsFailure(_ question: DNSQuestion, _ answer: DNSAnswer, at place: SPFPlace?)
    -> String
  {
    let trouble =
      switch answer.outcome {
      case .timeout: "was not answered in time"
      case .refused: "was refused by the DNS server (REFUSED)"
      case .bogus: "gave an answer that fails DNSSEC validation"
      default: "failed (SERVFAIL)"
      }
    let need = place.map { ", needed by \(phrase($0))," } ?? ""
    let detail = answer.detail.map { ": \($0)" } ?? ""
    return
      "the DNS query for \(question.name) \(question.type.rawValue)\(need) \(trouble)\(detail) "
      + "(temperror)"
  }

  static func refused(_ reason: String, at place: SPFPlace) -> String {
    "\(phrase(place)) could not be evaluated: \(reason) (permerror)"
  }

  private static func phrase(_ place: SPFPlace) -> String { "\(place.term) of \(place.domain)" }
}

extension SPFCause {
  /// The cause that a temporary DNS failure is.
  init(temporaryFailure outcome: DNSOutcome) {
    switch outcome {
    case .timeout: self = .dnsTimeout
    case .bogus: self = .dnsBogus
    default: self = .dnsServfail
    }
  }
}
