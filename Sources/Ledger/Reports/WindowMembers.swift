/// Which messages the reports of a period count.
///
/// Made from a period alone, these are the messages that the ledger holds of it at the moment; made
/// by ``LedgerSnapshot/members(of:)``, those of a closed window, which are the same for ever.
public struct WindowMembers: Sendable, Equatable {
  /// Messages of other periods that came too late for their own window, under one policy record.
  struct Late: Sendable, Equatable {
    var messageIDs: [Int64] = []
    var reportTraffic = 0
    var lastSeenAt = Int64.min
  }

  /// Seconds since the epoch, UTC; the upper bound does not belong to it.
  public let period: Range<Int64>
  /// No message of the period with a larger number is a member.
  let throughMessageID: Int64
  /// By number of the policy record.
  let late: [Int64: Late]

  /// The messages of a period that the ledger holds when it is asked.
  public init(period: Range<Int64>) {
    self.init(period: period, throughMessageID: .max, late: [:])
  }

  init(period: Range<Int64>, throughMessageID: Int64, late: [Int64: Late]) {
    self.period = period
    self.throughMessageID = throughMessageID
    self.late = late
  }
}
