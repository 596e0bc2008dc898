public import MailAuth

/// A policy record that applied to messages, with how many.
public struct StoredPolicy: Sendable, Equatable {
  /// The number of the row.
  public var id: Int64
  /// Where the record was found.
  public var policyDomain: DomainName
  /// How it was searched for.
  public var discovery: PolicyDiscovery
  /// The record as interpreted.
  public var record: DMARCPolicyRecord
  /// The text as published; nil when it was not kept.
  public var text: String?
  /// How many messages of the window asked for it applied to.
  public var messages: Int

  /// Makes a policy.
  public init(
    id: Int64, policyDomain: DomainName, discovery: PolicyDiscovery, record: DMARCPolicyRecord,
    text: String?, messages: Int
  ) {
    self.id = id
    self.policyDomain = policyDomain
    self.discovery = discovery
    self.record = record
    self.text = text
    self.messages = messages
  }
}
