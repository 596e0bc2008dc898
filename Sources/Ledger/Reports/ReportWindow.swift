/// A period whose reports were or are being built, and which messages belong to it.
///
/// Members are the messages of the period that the ledger held when the window was closed, and the
/// late ones: messages of other periods that came after those periods' windows had been closed.
/// Both follow from row numbers that never change, so a window has the same members for ever.
public struct ReportWindow: Sendable, Equatable {
  /// Seconds since the epoch, UTC; the upper bound does not belong to it.
  public var period: Range<Int64>
  /// When it was closed, seconds since the epoch.
  public var closedAt: Int64
  /// The largest message number that the window closed before this one had; 0 for the first.
  public var afterMessageID: Int64
  /// The largest message number in the ledger when it was closed; no later one belongs to it.
  public var throughMessageID: Int64
  /// When all its reports were built and planned; nil while that is not so.
  public var plannedAt: Int64?

  /// Makes a window.
  public init(
    period: Range<Int64>, closedAt: Int64, afterMessageID: Int64, throughMessageID: Int64,
    plannedAt: Int64? = nil
  ) {
    self.period = period
    self.closedAt = closedAt
    self.afterMessageID = afterMessageID
    self.throughMessageID = throughMessageID
    self.plannedAt = plannedAt
  }
}
