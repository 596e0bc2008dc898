/// Which way of finding policies and Organizational Domains is acted on, and whether the other is
/// looked at too.
public enum DiscoveryMode: Sendable {
  /// The DNS tree walk and the other rules of RFC 9989.
  case treewalk
  /// The public suffix list and the other rules of RFC 7489.
  case psl(PublicSuffixList)
  /// The tree walk is acted on; what the list would have given is recorded beside it, see
  /// ``DMARCOutcome/comparison``.
  case compare(PublicSuffixList)

  /// The list that is acted on; nil for the tree walk.
  var actingList: PublicSuffixList? {
    if case .psl(let list) = self { list } else { nil }
  }

  /// The list that is looked at beside; nil for none.
  var comparedList: PublicSuffixList? {
    if case .compare(let list) = self { list } else { nil }
  }

  /// Whether policies may hold for a percentage of mail: by the list only.
  var knowsSampling: Bool { actingList != nil || comparedList != nil }
}

/// What DMARC would have been by the way of discovery that was not acted on.
public struct DiscoveryComparison: Sendable, Codable, Equatable {
  /// A part of the outcome that may differ.
  public enum Part: String, Sendable, Codable, CaseIterable {
    /// ``DMARCOutcome/result``.
    case result
    /// ``DMARCOutcome/policyDomain``.
    case policyDomain
    /// ``DMARCOutcome/organizationalDomain``; not compared where one of the two was not needed.
    case organizationalDomain
    /// ``DMARCOutcome/appliedPolicy``.
    case appliedPolicy
    /// Which of SPF and DKIM passed aligned.
    case alignment
  }

  /// The way that was not acted on.
  public var discovery: PolicyDiscovery
  /// The result it gives.
  public var result: DMARCResult
  /// Why.
  public var cause: DMARCCause
  /// The name whose record would apply; nil when none would.
  public var policyDomain: DomainName?
  /// The Organizational Domain of the Author Domain; nil when it was not needed or not found.
  public var organizationalDomain: DomainName?
  /// What the record would ask for if the message fails; nil without one.
  public var appliedPolicy: DomainOwnerPolicy?
  /// The parts that differ from what was acted on; empty when both ways agree.
  public var differences: [Part]

  /// Sets what `other` gives against what is acted on.
  init(_ other: DMARCOutcome, against acting: DMARCOutcome) {
    discovery = other.discovery
    result = other.result
    cause = other.cause
    policyDomain = other.policyDomain
    organizationalDomain = other.organizationalDomain
    appliedPolicy = other.appliedPolicy
    differences = Part.allCases.filter { part in
      switch part {
      case .result: other.result != acting.result
      case .policyDomain: other.policyDomain != acting.policyDomain
      case .organizationalDomain:
        other.organizationalDomain != nil && acting.organizationalDomain != nil
          && other.organizationalDomain != acting.organizationalDomain
      case .appliedPolicy: other.appliedPolicy != acting.appliedPolicy
      case .alignment:
        other.spfAligned != acting.spfAligned || other.dkimAligned != acting.dkimAligned
      }
    }
  }

  /// The comparison as a sentence for people.
  public var explanation: String {
    let way = discovery == .psl ? "the public suffix list" : "the tree walk"
    guard !differences.isEmpty else { return "By \(way) the outcome is the same." }
    var text = "By \(way) DMARC would be \(result.rawValue) (\(cause.rawValue))"
    if let policyDomain, let appliedPolicy {
      text += ", with the policy \(appliedPolicy.rawValue) found at _dmarc.\(policyDomain)"
    }
    if let organizationalDomain { text += ", in the organization \(organizationalDomain)" }
    return text + "; different: " + differences.map(\.rawValue).joined(separator: ", ") + "."
  }
}
