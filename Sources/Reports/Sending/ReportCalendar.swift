public import Ledger

/// Which days are to be reported.
public struct ReportCalendar: Sendable, Equatable {
  /// Days whose reports are to be built, in order of time: those begun and not finished, and those
  /// that no window covers yet.
  public var due: [UTCDay] = []
  /// Days with messages that are too old to be built without being asked for.
  public var tooOld: [UTCDay] = []

  /// Looks what is to be done.
  ///
  /// A day is due when it has ended some time ago and lies behind the first message, whether or not
  /// anything came that day: so windows follow one another, and late messages fall into the next.
  ///
  /// - Parameters:
  ///   - store: The ledger.
  ///   - now: Seconds since the epoch.
  ///   - settleSeconds: How long a day must have ended.
  ///   - maximumDaysBack: How many days before today are looked at.
  /// - Throws: ``LedgerError`` when the ledger cannot be read.
  public init(
    _ store: any ReportStore, now: Int64, settleSeconds: Int64, maximumDaysBack: Int
  ) throws(LedgerError) {
    let windows = try store.reportWindows()
    let closed = Set(windows.map { UTCDay(containing: $0.period.lowerBound) })
    due = windows.filter { $0.plannedAt == nil }.map { UTCDay(containing: $0.period.lowerBound) }
    guard let first = try store.firstMessageTime(since: .min) else { return }
    let today = UTCDay(containing: now)
    let oldest = UTCDay(containing: today.begin - Int64(maximumDaysBack) * 86_400)
    var day = max(UTCDay(containing: first), oldest)
    while Self.hasSettled(day, now: now, settleSeconds: settleSeconds) {
      if !closed.contains(day) { due.append(day) }
      day = UTCDay(containing: day.window.upperBound)
    }
    due.sort()
    var time = first
    while let message = try store.firstMessageTime(since: time), message < oldest.begin {
      let old = UTCDay(containing: message)
      if !closed.contains(old) { tooOld.append(old) }
      time = old.window.upperBound
    }
  }

  /// Whether a day has ended long enough ago to be built.
  public static func hasSettled(_ day: UTCDay, now: Int64, settleSeconds: Int64) -> Bool {
    now >= day.window.upperBound + settleSeconds
  }
}
