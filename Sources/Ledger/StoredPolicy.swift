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
  /// How many of the messages asked for it applied to, without ``reportTraffic``.
  public var messages: Int
  /// How many of ``messages`` belong to another period and came too late for its window.
  public var lateMessages: Int
  /// How many further messages it applied to that are about our own reports.
  public var reportTraffic: Int
  /// When the newest of all these messages came, seconds since the epoch.
  public var lastSeenAt: Int64

  /// Makes a policy.
  public init(
    id: Int64, policyDomain: DomainName, discovery: PolicyDiscovery, record: DMARCPolicyRecord,
    text: String?, messages: Int, lateMessages: Int = 0, reportTraffic: Int = 0,
    lastSeenAt: Int64
  ) {
    self.id = id
    self.policyDomain = policyDomain
    self.discovery = discovery
    self.record = record
    self.text = text
    self.messages = messages
    self.lateMessages = lateMessages
    self.reportTraffic = reportTraffic
    self.lastSeenAt = lastSeenAt
  }
}
