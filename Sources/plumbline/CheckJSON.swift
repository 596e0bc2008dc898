import Foundation
import MailAuth

/// The JSON of `plumbline check`: a contract, to which fields are added and never renamed.
struct CheckJSON: Encodable {
  private let evaluation: Evaluation
  private let verdict: Verdict

  init(_ evaluation: Evaluation, _ verdict: Verdict) {
    self.evaluation = evaluation
    self.verdict = verdict
  }

  /// The document, keys sorted, with a final line end left to the caller.
  func text() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  private enum Key: String, CodingKey {
    case authorDomain, authorDomains, spf, dkim, arc, dmarc, rootCause, flow, disposition
    case overrides, overrideReasons, answer, reply, addedFields
    case authenticationResults, dns
    case mailFrom, helo
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    // A nil is written as null: a reader sees that the field exists and is empty.
    try container.encode(evaluation.authorDomain, forKey: .authorDomain)
    try container.encode(evaluation.authorDomains, forKey: .authorDomains)
    var spf = container.nestedContainer(keyedBy: Key.self, forKey: .spf)
    try spf.encode(SPFJSON(outcome: evaluation.mailFromSPF), forKey: .mailFrom)
    try spf.encode(SPFJSON(outcome: evaluation.heloSPF), forKey: .helo)
    try container.encode(evaluation.dkim.map(DKIMJSON.init), forKey: .dkim)
    try container.encode(ARCJSON(outcome: evaluation.arc), forKey: .arc)
    try container.encode(DMARCJSON(outcome: evaluation.dmarc), forKey: .dmarc)
    try container.encode(evaluation.rootCause, forKey: .rootCause)
    try container.encode(evaluation.flow, forKey: .flow)
    try container.encode(verdict.disposition, forKey: .disposition)
    try container.encode(verdict.overrideReasons, forKey: .overrides)
    // The name of earlier versions.
    try container.encode(verdict.overrideReasons, forKey: .overrideReasons)
    try container.encode(verdict.answer.name, forKey: .answer)
    try container.encode(verdict.answer.reply?.description, forKey: .reply)
    try container.encode(
      verdict.addedFields.map { "\($0.name): \($0.value)" }, forKey: .addedFields)
    try container.encode(verdict.authenticationResults, forKey: .authenticationResults)
    try container.encode(evaluation.dns, forKey: .dns)
  }
}

extension Verdict.Answer {
  /// What becomes of the message, in one word.
  var name: String {
    switch self {
    case .accept: "accept"
    case .hold: "hold"
    case .reject: "reject"
    case .tempfail: "tempfail"
    }
  }

  /// What the client is told besides that the message is taken; nil when it is.
  var reply: SMTPReply? {
    switch self {
    case .accept, .hold: nil
    case .reject(let reply), .tempfail(let reply): reply
    }
  }
}

private struct SPFJSON: Encodable {
  let outcome: SPFOutcome

  enum Key: String, CodingKey {
    case domain, result, cause, term, termDomain, explanation, senderExplanation, lookups
    case voidLookups, failedName, aligned, notAlignedReason, alignment
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(outcome.domain, forKey: .domain)
    try container.encode(outcome.result, forKey: .result)
    try container.encode(outcome.cause, forKey: .cause)
    try container.encode(outcome.term, forKey: .term)
    try container.encode(outcome.termDomain, forKey: .termDomain)
    try container.encode(outcome.explanation, forKey: .explanation)
    try container.encode(outcome.senderExplanation, forKey: .senderExplanation)
    try container.encode(outcome.lookups, forKey: .lookups)
    try container.encode(outcome.voidLookups, forKey: .voidLookups)
    try container.encode(outcome.failedName, forKey: .failedName)
    try container.encode(outcome.alignment?.isAligned, forKey: .aligned)
    try container.encode(outcome.notAlignedReason, forKey: .notAlignedReason)
    try container.encode(outcome.alignment, forKey: .alignment)
  }
}

private struct DKIMJSON: Encodable {
  let outcome: DKIMOutcome

  enum Key: String, CodingKey {
    case domain, selector, algorithm, identity, keyBits, canonicalization, bodyLength
    case signatureStart, testKey, result, cause, explanation, aligned, notAlignedReason, alignment
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(outcome.domain, forKey: .domain)
    try container.encode(outcome.selector, forKey: .selector)
    try container.encode(outcome.algorithm, forKey: .algorithm)
    try container.encode(outcome.identity, forKey: .identity)
    try container.encode(outcome.keyBits, forKey: .keyBits)
    try container.encode(outcome.canonicalization, forKey: .canonicalization)
    try container.encode(outcome.bodyLength, forKey: .bodyLength)
    try container.encode(outcome.signatureStart, forKey: .signatureStart)
    try container.encode(outcome.isTestKey, forKey: .testKey)
    try container.encode(outcome.result, forKey: .result)
    try container.encode(outcome.cause, forKey: .cause)
    try container.encode(outcome.explanation, forKey: .explanation)
    try container.encode(outcome.alignment?.isAligned, forKey: .aligned)
    try container.encode(outcome.notAlignedReason, forKey: .notAlignedReason)
    try container.encode(outcome.alignment, forKey: .alignment)
  }
}

private struct ARCJSON: Encodable {
  let outcome: ARCOutcome

  enum Key: String, CodingKey {
    case result, cause, explanation, failedInstance, failedField, oldestPass, remoteIP, sealers
    case sets
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(outcome.result, forKey: .result)
    try container.encode(outcome.cause, forKey: .cause)
    try container.encode(outcome.explanation, forKey: .explanation)
    try container.encode(outcome.failedInstance, forKey: .failedInstance)
    try container.encode(outcome.failedField, forKey: .failedField)
    try container.encode(outcome.oldestPass, forKey: .oldestPass)
    try container.encode(outcome.remoteAddress, forKey: .remoteIP)
    // The signing domain of each seal, oldest first, as the sets are.
    try container.encode(outcome.sets.map(\.sealDomain), forKey: .sealers)
    try container.encode(outcome.sets.map(ARCSetJSON.init), forKey: .sets)
  }
}

private struct ARCSetJSON: Encodable {
  let outcome: ARCSetOutcome

  init(_ outcome: ARCSetOutcome) { self.outcome = outcome }

  enum Key: String, CodingKey {
    case instance, sealDomain, sealSelector, chainValidation, seal, messageSignatureDomain
    case messageSignatureSelector, messageSignature, authservID, results
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(outcome.instance, forKey: .instance)
    try container.encode(outcome.sealDomain, forKey: .sealDomain)
    try container.encode(outcome.sealSelector, forKey: .sealSelector)
    try container.encode(outcome.chainValidation, forKey: .chainValidation)
    try container.encode(outcome.seal, forKey: .seal)
    try container.encode(outcome.messageSignatureDomain, forKey: .messageSignatureDomain)
    try container.encode(outcome.messageSignatureSelector, forKey: .messageSignatureSelector)
    try container.encode(outcome.messageSignature, forKey: .messageSignature)
    try container.encode(outcome.authservID, forKey: .authservID)
    try container.encode(outcome.results, forKey: .results)
  }
}

private struct DMARCJSON: Encodable {
  let outcome: DMARCOutcome

  enum Key: String, CodingKey {
    case result, cause, explanation, policyDomain, organizationalDomain, discovery, record
    case recordProblems, policy, subdomainPolicy, nonexistentSubdomainPolicy, appliedPolicy
    case authorDomainExists, testing, sampledOut, dkimAlignment, spfAlignment, spfAligned
    case dkimAligned, comparison
  }

  func encode(to encoder: any Encoder) throws {
    let record = outcome.record
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(outcome.result, forKey: .result)
    try container.encode(outcome.cause, forKey: .cause)
    try container.encode(outcome.explanation, forKey: .explanation)
    try container.encode(outcome.policyDomain, forKey: .policyDomain)
    try container.encode(outcome.organizationalDomain, forKey: .organizationalDomain)
    try container.encode(outcome.discovery, forKey: .discovery)
    try container.encode(outcome.recordText, forKey: .record)
    try container.encode(record?.problems ?? [], forKey: .recordProblems)
    try container.encode(record?.policy, forKey: .policy)
    try container.encode(record?.subdomainPolicy, forKey: .subdomainPolicy)
    try container.encode(record?.nonexistentSubdomainPolicy, forKey: .nonexistentSubdomainPolicy)
    try container.encode(outcome.appliedPolicy, forKey: .appliedPolicy)
    try container.encode(outcome.authorDomainExists, forKey: .authorDomainExists)
    try container.encode(record?.isTesting ?? false, forKey: .testing)
    try container.encode(outcome.isSampledOut, forKey: .sampledOut)
    try container.encode(record?.dkimAlignment, forKey: .dkimAlignment)
    try container.encode(record?.spfAlignment, forKey: .spfAlignment)
    try container.encode(outcome.spfAligned, forKey: .spfAligned)
    try container.encode(outcome.dkimAligned, forKey: .dkimAligned)
    try container.encode(outcome.comparison.map(ComparisonJSON.init), forKey: .comparison)
  }
}

private struct ComparisonJSON: Encodable {
  let comparison: DiscoveryComparison

  enum Key: String, CodingKey {
    case discovery, result, cause, policyDomain, organizationalDomain, appliedPolicy, differences
    case explanation
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(comparison.discovery, forKey: .discovery)
    try container.encode(comparison.result, forKey: .result)
    try container.encode(comparison.cause, forKey: .cause)
    try container.encode(comparison.policyDomain, forKey: .policyDomain)
    try container.encode(comparison.organizationalDomain, forKey: .organizationalDomain)
    try container.encode(comparison.appliedPolicy, forKey: .appliedPolicy)
    try container.encode(comparison.differences, forKey: .differences)
    try container.encode(comparison.explanation, forKey: .explanation)
  }
}
